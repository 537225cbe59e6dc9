#include "server/app/server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/app/act_log.h"
#include "server/app/explain.h"
#include "server/app/policy_file.h"
#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/days/waiting_cohorts.h"
#include "server/holds/hold_reader.h"
#include "server/ops/log.h"
#include "server/ops/store_mending.h"
#include "server/policies/policy_change.h"
#include "server/rpc/tls_identity.h"
#include "server/rpc/watch_courier.h"

// jemalloc overwrites whatever is freed, by whomever in this process: gRPC's buffers, protobuf's messages, blocks that
// RocksDB had cached. So no value outlives its day in memory that nobody uses any more.
extern "C" const char* malloc_conf;
const char* malloc_conf = "junk:free";

namespace retention {
namespace {

// Rows whose keys are gone.
void ReportSwept(const GoneTally& swept) {
  if (swept.empty()) return;
  std::vector<std::string> counts;
  const auto add = [&](absl::string_view name, uint64_t count) {
    if (count > 0) counts.push_back(absl::StrCat(count, " ", name));
  };
  add("PBXs", swept.pbxs);
  add("records of PBXs", swept.records);
  add("meetings", swept.occurrences);
  add("orders", swept.orders);
  add("holds", swept.holds);
  add("log extensions", swept.log_extensions);
  add("controllers", swept.controllers);
  ForEachCount(swept.values, [&](v1::DataCategory category, uint64_t values) {
    add(absl::StrCat("values of ", v1::DataCategory_Name(category)), values);
  });
  Log(Severity::kWarning, "what nobody can read any more, because its keys are gone, was swept",
      {{"swept", absl::StrJoin(counts, ", ")}});
}

}  // namespace

Server::Server(ServerOptions options, std::optional<Policy> policy)
    : options_(std::move(options)),
      policy_(std::move(policy)),
      ballast_(options_.data_directory, options_.ballast_bytes, options_.ballast_look),
      clock_(options_.simulated_start.has_value()
                 ? static_cast<Clock&>(simulated_clock_.emplace(*options_.simulated_start))
                 : guarded_clock_.emplace(options_.time_source == nullptr ? MachineTime() : *options_.time_source,
                                          options_.clock_trust)) {}

Server::~Server() {
  Shutdown(absl::ZeroDuration());
  // It finishes its queue. Batches of streams that broke off may be left in there, and refer to the endpoint.
  committer_.reset();
  if (witness_loop_ != nullptr) witness_loop_->RunOnce().IgnoreError();
  // What is left goes in the reverse order of its making.
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (absl::Status status = CheckSyslogOptions(options.syslog); !status.ok()) return status;
  // First, so that a mistake in it makes nothing.
  auto policy = ReadPolicy(options.policy_file);
  std::unique_ptr<Server> server(
      new Server(std::move(options), policy.ok() ? std::make_optional(*policy) : std::nullopt));
  if (!policy.ok()) {
    server->DestroyDueKeys();
    return Explain("policy", policy.status());
  }
  Log(Severity::kInfo, "starting");
  for (const auto step :
       {&Server::ProbeAddresses, &Server::OpenProber, &Server::OpenAccess, &Server::OpenStorage, &Server::OpenEngine,
        &Server::OpenCheckpointSigner, &Server::StartCommitter, &Server::StartProbing, &Server::StartBackups,
        &Server::Listen, &Server::CatchUp, &Server::Serve}) {
    const absl::Status status = (server.get()->*step)();
    if (status.ok()) continue;
    server->DestroyDueKeys();
    return status;
  }
  return server;
}

absl::Status Server::OpenEngine() {
  const EngineOpening opening{
      .clock = clock_kind(),
      .sweeps_gone = options_.accept_data_loss || ring_->found().rolled_back || restored_.has_value(),
  };
  const bool is_new = !witness_->knew_store() && loss_.unentered().empty();
  const auto open = [&] { return Engine::Open(*store_, *ring_, SystemRandom(), *policy_, clock_.Now(), opening); };
  auto engine = open();
  if (absl::IsDataLoss(engine.status()) && store_->DamagedFiles() > 0) {
    const absl::Status mended = MendStore(*store_);
    if (absl::IsDataLoss(mended)) return Explain("data directory", OnlyACopyHelps(mended.message()));
    if (mended.ok()) engine = open();
  }
  if (IsOfLostRows(engine.status())) {
    return Explain("data directory",
                   OnlyACopyHelps(absl::StrCat(engine.status().message(),
                                               " that was taken out, without which nothing can go on; that file alone "
                                               "does not help any more")));
  }
  if (!engine.ok()) return engine.status();
  engine_ = *std::move(engine);
  if (is_new) Log(Severity::kInfo, "a store was created");
  ReportSwept(engine_->swept());
  if (const size_t damaged = engine_->domains().controllers.damaged(); damaged > 0) {
    Log(Severity::kWarning, "descriptions of controllers are damaged or lost: describe these controllers again",
        {{"damaged", absl::StrCat(damaged)}});
  }
  const bool lost = !loss_.unentered().empty() || !engine_->swept().empty() || !store_->Lost().empty() ||
                    ring_->found().entries_damaged > 0 || ring_->found().rolled_back;
  if (options_.accept_data_loss && !is_new && !lost) {
    Log(Severity::kWarning, "nothing is lost: take --accept-data-loss away");
  }
  witness_loop_ = std::make_unique<WitnessLoop>(*witness_, clock_kind(), clock_, metrics_);
  witness_loop_->RunOnce().IgnoreError();
  ReportLoss();
  // From now on it is the last one, and a mark of another store says nothing.
  if (ReadRestoreMark(options_.data_directory).has_value()) {
    CrashPoint("restore.before_unmark");
    if (absl::Status s = RemoveRestoreMark(options_.data_directory); !s.ok()) return Explain("data directory", s);
  }
  const auto differing = DifferingFields(engine_->holdings().policy().proto(), policy_->proto());
  if (!differing.empty()) {
    Log(Severity::kWarning, "the policy file differs from the policy in force, and has no effect until it is applied",
        {{"fields", absl::StrJoin(differing, ", ")}});
  }
  engine_->set_on_erased([this](CategoryNumber category, std::string_view reason, uint64_t values) {
    metrics_.CountErased(category, reason, values);
  });
  const auto latest = [this] { return engine_->holdings().ReadsAt(clock_.Latest()); };
  order_courier_ = std::make_unique<WatchCourier>(latest);
  engine_->set_on_orders([this] { order_courier_->Wake(); });
  report_courier_ = std::make_unique<WatchCourier>(latest);
  engine_->set_on_entered(LogAct);
  engine_->set_on_notices([this] { report_courier_->Wake(); });
  meetings_ = std::make_unique<MeetingReader>(*store_, engine_->holdings());
  pbxs_ = std::make_unique<PbxReader>(*store_, engine_->holdings());
  return absl::OkStatus();
}

absl::Status Server::OpenCheckpointSigner() {
  std::string origin = options_.ledger_origin;
  if (origin.empty()) {
    const auto format = ReadStoreFormat(*store_);
    if (!format.ok()) return Explain("data directory", format.status());
    origin = absl::StrCat("retention/", absl::Hex(format->store_id(), absl::kZeroPad16));
  }
  checkpoint_signer_ = std::make_unique<CheckpointSigner>(std::move(origin), ring_->CheckpointSeed());
  return absl::OkStatus();
}

absl::Status Server::StartCommitter() {
  Committer::Options committer;
  committer.may_record = [this] { return caught_up_.load() ? ballast_.status() : Starting(); };
  committer.on_group = [this](size_t events, const absl::Status&, absl::Duration took) {
    metrics_.ObserveGroup(events, took);
    UpdateHealth();
  };
  committer_ = std::make_unique<Committer>(*engine_, clock_, std::move(committer));
  ring_watch_ = std::make_unique<RingWatch>(*ring_, metrics_);
  sweep_loop_ =
      std::make_unique<SweepLoop>(*engine_, *committer_, clock_, metrics_,
                                  SweepLoop::Options{.lead_window = options_.lead_window,
                                                     .purge_bound = options_.purge_bound,
                                                     .interval = options_.sweep_interval,
                                                     .on_begin = [this] { LookAtClock(); },
                                                     .on_destroyed = [this] { witness_loop_->RunOnce().IgnoreError(); },
                                                     .on_run =
                                                         [this](const absl::Status& status) {
                                                           meetings_->ForgetDue(clock_.Now());
                                                           {
                                                             const MutexLock lock(health_mutex_);
                                                             sweeps_ = status;
                                                           }
                                                           KeepBallast();
                                                           KeepStoresNames();
                                                           LookForRoot();
                                                           ring_watch_->Look();
                                                           TellLostKeys();
                                                           UpdateHealth();
                                                         }});
  return absl::OkStatus();
}

absl::Status Server::CatchUp() {
  if (options_.on_catching_up) options_.on_catching_up(address());
  Log(Severity::kInfo, "catching up on what fell due while no server ran");
  const auto outcome = sweep_loop_->RunOnce(/*scrub_now=*/false);
  // What is damaged costs itself; it was told, and is tried again.
  if (absl::IsDataLoss(outcome.status())) return absl::OkStatus();
  if (!outcome.ok()) return Explain("catching up", outcome.status());
  Log(Severity::kInfo, "caught up", {{"days_ended", absl::StrCat(outcome->days.size())}});
  return absl::OkStatus();
}

absl::Status Server::Listen() {
  workers_ = std::make_unique<Workers>();
  read_audit_ = std::make_unique<ReadAudit>([this](const auto& entries) { return Enter(entries); });
  if (!options_.metrics_address.empty()) {
    auto page = MetricsPage::Open(options_.metrics_address, metrics_, [this] { return ReadGauges(); });
    if (!page.ok()) return page.status();
    metrics_page_ = *std::move(page);
  }
  auto endpoint = Endpoint::Listen(addresses_, tls_identity_.get(),
                                   Backend{.gate = gate_,
                                           .principals = principals_.get(),
                                           .read_audit = *read_audit_,
                                           .engine = *engine_,
                                           .meetings = *meetings_,
                                           .pbxs = *pbxs_,
                                           .committer = *committer_,
                                           .commands = Commands(*committer_, engine_->writer()),
                                           .sweep_loop = *sweep_loop_,
                                           .checkpoint_signer = *checkpoint_signer_,
                                           .order_courier = *order_courier_,
                                           .report_courier = *report_courier_,
                                           .metrics = metrics_,
                                           .workers = *workers_,
                                           .clock = clock_,
                                           .guarded_clock = guarded_clock_ ? &*guarded_clock_ : nullptr,
                                           .simulated_clock = simulated_clock_ ? &*simulated_clock_ : nullptr,
                                           .keep_clock = [this] { return witness_loop_->RunOnce(); },
                                           .dns_loop = dns_loop_.get(),
                                           .backup_loop = backup_loop_.get()},
                                   options_.limits);
  if (!endpoint.ok()) return endpoint.status();
  {
    const MutexLock lock(health_mutex_);
    endpoint_ = *std::move(endpoint);
    reachable_ = true;
  }
  UpdateHealth();
  return absl::OkStatus();
}

absl::Status Server::Serve() {
  caught_up_.store(true);
  workers_->Open();
  UpdateHealth();
  Log(Severity::kInfo, "serving");
  const SyslogOptions& syslog = options_.syslog;
  if (!syslog.udp.empty() || !syslog.tcp.empty() || !syslog.tls.empty()) {
    auto receiver = SyslogReceiver::Open(syslog, *committer_, metrics_);
    if (!receiver.ok()) return Explain("syslog", receiver.status());
    syslog_ = *std::move(receiver);
  }
  sweep_loop_->Start();
  witness_loop_->Start();
  if (dns_loop_ != nullptr) dns_loop_->Start();
  StartAccess();
  if (backup_loop_ != nullptr) backup_loop_->Start();
  return absl::OkStatus();
}

Gauges Server::ReadGauges() const {
  const absl::Time now = clock_.Now();
  Gauges gauges;
  const Holdings& holdings = engine_->holdings();
  auto warned = holdings.registry.Warned(now);
  // What waits for a word about the clock is overdue.
  const Engine::Overdue overdue = engine_->OldestOverdue(clock_waits_.load() ? clock_.Latest() : now);
  gauges.oldest_overdue = overdue.oldest;
  if (!overdue.unread.ok()) ++gauges.readings_failed;
  for (const UnenteredDestruction& range : holdings.ring.unentered()) {
    gauges.erasure_unentered += range.to.number() - range.from.number() + 1;
  }
  gauges.store_damaged_files = store_->DamagedFiles();
  gauges.store_losses = store_->Lost().size();
  gauges.owners_overdue = holdings.owner_ends.overdue();
  const RingStatus ring = holdings.ring.status();
  gauges.stale_replicas = holdings.ring.stale_replicas();
  gauges.root_missing = root_missing_.load();
  if (guarded_clock_.has_value()) {
    const GuardedClock::Reading clock = guarded_clock_->Read();
    gauges.clock_ahead = clock.machine - clock.now;
    gauges.clock_waits = clock.waits_for_confirmation;
  }
  gauges.ballast_bytes = ballast_.bytes();
  gauges.ledger_uncopied = witness_->uncopied();
  gauges.root_overdue = ring.root_due_since.has_value() ? now - *ring.root_due_since : absl::ZeroDuration();
  gauges.ring_entries_lost = ring.entries_lost;
  gauges.ring_differing = ring_watch_->differing();
  if (ring_watch_->is_failing()) ++gauges.readings_failed;
  const HoldReader::Tally holds = HoldReader(*store_, holdings, engine_->holds()).Count(now);
  gauges.holds_in_force = holds.in_force;
  gauges.holds_review_due = holds.review_due;
  gauges.held_values = holds.values_kept;
  gauges.pbxs_undescribed = engine_->controllers().CountUndescribedPbxs(now);
  gauges.orders_unconfirmed = engine_->orders().unconfirmed();
  if (const auto oldest = engine_->orders().OldestIssue(); oldest.ok()) {
    gauges.oldest_order = oldest->has_value() ? now - **oldest : absl::ZeroDuration();
  } else {
    ++gauges.readings_failed;
  }
  for (const auto& [day, mark] : holdings.marks.Read()) {
    gauges.purge_pending = std::max(gauges.purge_pending, now - absl::FromUnixMicros(mark.first_us()));
  }
  for (const v1::PbxEndCause cause :
       {v1::PBX_END_CAUSE_LICENCE_EXPIRED, v1::PBX_END_CAUSE_NO_CONTACT, v1::PBX_END_CAUSE_FQDN_UNRESOLVED}) {
    for (const uint32_t days : holdings.policy().pbx_end().warning_days) {
      gauges.pbxs_warned.push_back({std::string(ReasonOf(cause)), days, warned[{cause, days}]});
    }
  }
  const WaitingCohorts cohorts = CohortsThatWait(holdings, now);
  gauges.cohorts_waiting = cohorts.cohorts;
  gauges.cohorts_days_left = cohorts.days_left;
  gauges.refiling = holdings.policies.refiling_since().has_value();
  const PolicyRefiler::Progress refile = engine_->refiler().progress();
  gauges.refile_examined = refile.meetings + refile.rows;
  gauges.roles_stale = access_files_->roles_stale();
  gauges.certificates_stale = access_files_->tls_stale();
  gauges.queue_events = committer_->queued_events();
  gauges.queue_lines = committer_->queued_lines();
  {
    const MutexLock lock(health_mutex_);
    if (reachable_) {
      gauges.held_bytes = endpoint_->held_bytes();
      gauges.connections = endpoint_->open_connections();
      gauges.connections_ended = endpoint_->ended_connections();
      gauges.connections_refused = endpoint_->refused_connections();
    }
  }
  gauges.live_rows = holdings.counts.TotalRows();
  gauges.store_bytes = store_->LiveBytes();
  if (backup_loop_ != nullptr) {
    const BackupLoop::Standing standing = backup_loop_->standing();
    gauges.backups = standing.backups;
    gauges.backup_age = standing.age;
  }
  gauges.serving = committer_->health().ok() && store_->Health().ok() && ballast_.status().ok() && !clock_waits_.load();
  return gauges;
}

void Server::KeepBallast() {
  const bool was_missed = !ballast_.status().ok();
  if (!store_->Health().ok() || !ballast_.Lay() || !was_missed) return;
  Log(Severity::kInfo, "there is room again on the disk of the data: its ballast is laid");
}

void Server::KeepStoresNames() {
  const auto put_back = store_->PutBackFiles();
  for (const std::string& path : put_back.ok() ? *put_back : std::vector<std::string>()) {
    Log(Severity::kWarning,
        "a file without which the store does not open again was removed or damaged, and is put back", {{"file", path}});
  }
  const std::string failure = put_back.ok() ? "" : DescribeStatus(put_back.status());
  if (!failure.empty() && failure != names_failure_) {
    Log(Severity::kError, "a file without which the store does not open again cannot be read, or put back, yet",
        {{"status", failure}});
  }
  names_failure_ = failure;
}

void Server::TellLostKeys() {
  if (!ring_->has_untold_loss()) return;
  // A store that takes no writes gets it later.
  Commands(*committer_, engine_->writer())
      .Do([&](Change& change) { return engine_->EnterLostKeys(change); })
      .IgnoreError();
}

void Server::LookForRoot() {
  const absl::Status root = ring_->LookForRoot(clock_.Now());
  if (root_missing_.exchange(!root.ok()) == !root.ok()) return;
  if (root.ok()) {
    Log(Severity::kInfo, "the root of the key ring is there again");
  } else {
    Log(Severity::kError, "the root of the key ring is not there: put it back, or the next start is refused",
        {{"status", DescribeStatus(root)}});
  }
}

// Asked by the committer's thread and the sweeps'. What is said last is what was true last: it is looked up under the
// mutex.
void Server::UpdateHealth() {
  const MutexLock lock(health_mutex_);
  if (!reachable_ || shut_down_) return;
  absl::Status writes = committer_->health();
  if (writes.ok()) writes = store_->Health();
  if (writes.ok()) writes = ballast_.status();
  const absl::Status& all = writes.ok() ? sweeps_ : writes;
  if (all.ok() != succeeding_) {
    succeeding_ = all.ok();
    if (succeeding_) {
      Log(Severity::kInfo, "writes and sweeps succeed again");
    } else {
      Log(Severity::kError, "writes or sweeps fail", {{"status", DescribeStatus(all)}});
    }
  }
  // What is entered and dropped needs writes; what is answered does not.
  const bool is_up = caught_up_.load();
  Endpoint::Health health = {
      .ingest = is_up && writes.ok(), .erasure = is_up && all.ok() && !clock_waits_.load(), .statistics = is_up};
  if (backup_loop_ != nullptr) health.backup = is_up && backup_loop_->standing().is_well;
  // Whoever watches is told of changes alone.
  if (health == health_) return;
  health_ = health;
  endpoint_->SetHealth(health);
}

void Server::Shutdown(absl::Duration grace) {
  {
    const MutexLock lock(health_mutex_);
    if (shut_down_) return;
    shut_down_ = true;
  }
  syslog_.reset();
  if (store_ != nullptr) store_->AbandonRewriting();
  // A backup that is being made would keep its caller for hours.
  if (backup_loop_ != nullptr) backup_loop_->Stop();
  if (access_files_ != nullptr) access_files_->Stop();
  // Calls under way need committer and workers to end.
  if (endpoint_ != nullptr) endpoint_->Shutdown(grace);
  // What was read since the hour began.
  if (read_audit_ != nullptr) read_audit_->Close(absl::InfiniteFuture()).IgnoreError();
  if (dns_loop_ != nullptr) dns_loop_->Stop();
  if (sweep_loop_ != nullptr) sweep_loop_->Stop();
  metrics_page_.reset();
}

}  // namespace retention
