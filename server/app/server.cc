#include "server/app/server.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/app/refusal_note.h"
#include "server/app/volume.h"
#include "server/base/errors.h"
#include "server/holds/hold_reader.h"
#include "server/ops/log.h"
#include "server/policies/policy_change.h"
#include "server/rows/ring_generation.h"
#include "server/rpc/watch_courier.h"
#include "storage/keys.h"

// jemalloc overwrites whatever is freed, by whomever in this process: gRPC's buffers, protobuf's messages, blocks that
// RocksDB had cached. So no value outlives its day in memory that nobody uses any more.
extern "C" const char* malloc_conf;
const char* malloc_conf = "junk:free";

namespace retention {
namespace {

namespace fs = std::filesystem;

// So many pages of owners can be opened, for what is erased early, while the ring's disk is full: 10 MiB a replica.
constexpr size_t kSpareBlocks = 1024;

absl::StatusOr<Policy> ReadPolicy(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return absl::InvalidArgumentError("the policy file cannot be read");
  return Policy::FromText(text.str());
}

// What makes less of the destruction of keys than it could be.
void WarnOfVolumes(const ServerOptions& options) {
  const auto warn = [&](const std::string& directory, std::string_view replica) {
    if (const std::string_view name = CopyOnWriteNameOf(directory); !name.empty()) {
      Log(Severity::kWarning,
          "the key ring lies on a file system that keeps old blocks: destroyed keys may be found there",
          {{"replica", std::string(replica)}, {"file_system", std::string(name)}});
    }
    if (ShareVolume(directory, options.data_directory)) {
      Log(Severity::kWarning,
          "the key ring shares a volume with the data: a copy of the volume has both, and fills up with both",
          {{"replica", std::string(replica)}});
    }
  };
  warn(options.key_ring_directory, "first");
  if (!options.second_key_ring_directory.empty()) warn(options.second_key_ring_directory, "second");
}

absl::Status Explain(const char* part, const absl::Status& status) {
  const std::string prefix = absl::StrCat(part, ": ");
  const bool says_so = absl::StartsWith(status.message(), prefix);
  absl::Status explained(status.code(), absl::StrCat(says_so ? "" : prefix, status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
  return explained;
}

}  // namespace

absl::Status CheckOptions(const ServerOptions& options) {
  std::error_code error;
  fs::path data = fs::weakly_canonical(fs::absolute(options.data_directory, error), error);
  if (error) return absl::InvalidArgumentError("the data directory is not a path");
  // A path that does not exist yet keeps the empty component that a trailing slash leaves.
  if (!data.has_filename()) data = data.parent_path();
  for (const std::string& directory : {options.key_ring_directory, options.second_key_ring_directory}) {
    if (directory.empty()) continue;
    const fs::path ring = fs::weakly_canonical(fs::absolute(directory, error), error);
    if (error) return absl::InvalidArgumentError("the key ring's directory is not a path");
    const auto [end, unused] = std::mismatch(data.begin(), data.end(), ring.begin(), ring.end());
    if (end == data.end()) {
      return absl::InvalidArgumentError("the key ring's directory must be outside the data directory");
    }
  }
  return CheckRingKeys(options.ring_keys,
                       {options.data_directory, options.key_ring_directory, options.second_key_ring_directory});
}

Server::Server(ServerOptions options, Policy policy)
    : options_(std::move(options)),
      policy_(std::move(policy)),
      simulated_clock_(options_.simulated_start.has_value()
                           ? std::optional<SimulatedClock>(std::in_place, *options_.simulated_start)
                           : std::nullopt),
      clock_(simulated_clock_.has_value() ? static_cast<Clock&>(*simulated_clock_) : system_clock_) {}

Server::~Server() {
  Shutdown(absl::ZeroDuration());
  // It finishes its queue. Batches of streams that broke off may be left in there, and refer to the endpoint.
  committer_.reset();
  if (witness_loop_ != nullptr) witness_loop_->RunOnce();
  // What is left goes in the reverse order of its making.
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (absl::Status status = CheckSyslogOptions(options.syslog); !status.ok()) return status;
  // First, so that a mistake in it leaves nothing behind.
  auto policy = ReadPolicy(options.policy_file);
  if (!policy.ok()) return Explain("policy", policy.status());
  std::unique_ptr<Server> server(new Server(std::move(options), *std::move(policy)));
  for (const auto step :
       {&Server::OpenStorage, &Server::OpenEngine, &Server::StartCommitter, &Server::StartProbing, &Server::Serve}) {
    if (absl::Status status = (server.get()->*step)(); !status.ok()) return status;
  }
  return server;
}

absl::Status Server::OpenStorage() {
  auto store = OpenRocksDbStore(options_.data_directory, options_.store);
  if (!store.ok()) return Explain("data directory", store.status());
  store_ = *std::move(store);
  const auto format = store_->Get(Family::kState, FormatKey());
  if (!format.ok()) return Explain("data directory", format.status());
  const bool store_is_empty = !format->has_value();
  if (absl::Status status = OpenRing(store_is_empty); !status.ok()) return status;
  ReportRing();
  return MeetWitness(store_is_empty);
}

absl::Status Server::OpenRing(bool store_is_empty) {
  std::vector<std::string> directories = {options_.key_ring_directory};
  if (!options_.second_key_ring_directory.empty()) directories.push_back(options_.second_key_ring_directory);
  auto witness = StoreWitness::Open(std::move(directories));
  if (!witness.ok()) return Explain("key ring", witness.status());
  witness_ = *std::move(witness);
  const auto seen = SeenRingGeneration(*store_);
  if (!seen.ok()) return Explain("data directory", seen.status());
  KeyRing::Options ring_options;
  ring_options.second_directory = options_.second_key_ring_directory;
  ring_options.opening = {.known_generation = std::max(*seen, witness_->ring_generation()),
                          .accept_lower_replica = options_.accept_lower_replica};
  ring_options.spare_blocks = kSpareBlocks;
  if (absl::Status s = TakeRingKeys(options_.ring_keys, ring_options); !s.ok()) return Explain("key ring", s);
  auto ring = KeyRing::Open(options_.key_ring_directory, ring_options);
  if (absl::IsNotFound(ring.status())) {
    if (!store_is_empty) {
      return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "KEY_RING_MISSING",
                             "the data directory holds a store, but there is no key ring: nothing could be read");
    }
    ring = KeyRing::Create(options_.key_ring_directory, ring_options);
  }
  if (!ring.ok()) return Explain("key ring", ring.status());
  ring_ = *std::move(ring);
  return absl::OkStatus();
}

void Server::ReportRing() const {
  const KeyRing::Found& found = ring_->found();
  if (found.replicas_rebuilt + found.entries_mended > 0) {
    Log(Severity::kWarning, "the key ring was mended",
        {{"replicas_rewritten", absl::StrCat(found.replicas_rebuilt)},
         {"entries_mended", absl::StrCat(found.entries_mended)}});
  }
  if (found.entries_damaged > 0) {
    Log(Severity::kError, "keys were damaged in both replicas of the ring: what they seal is lost",
        {{"keys", absl::StrCat(found.entries_damaged)}});
  }
  for (const std::string& directory : {options_.key_ring_directory, options_.second_key_ring_directory}) {
    if (!directory.empty() && IsRootOnVolumeOf(options_.ring_keys, directory)) {
      Log(Severity::kWarning, "the root of the key ring lies on the ring's volume: an image of the one has the other");
    }
  }
  if (!ring_->memory_is_locked()) {
    Log(Severity::kWarning, "keys may be swapped out: raise the limit on locked memory (RLIMIT_MEMLOCK)");
  }
  WarnOfVolumes(options_);
}

absl::Status Server::MeetWitness(bool store_is_empty) {
  auto finding = witness_->Meet(*store_, *ring_);
  if (!finding.ok()) return Explain("key ring", finding.status());
  if (witness_->cut_bytes() > 0) {
    Log(Severity::kWarning, "the end of the ledger's copy was torn, and is copied again",
        {{"bytes", absl::StrCat(witness_->cut_bytes())}});
  }
  if (ring_->found().rolled_back) losses_.push_back("KEY_RING_ROLLED_BACK");
  // A ring that has seen a day end, or is remembered to have had a store, belongs to one: its volume is not mounted,
  // say. To begin anew under it would destroy the keys of the cohorts that wait there.
  if (store_is_empty && (ring_->destroyed_through() != DueDay::None() || witness_->found())) {
    *finding = {.standing = Standing::kMissing,
                .found =
                    "the key ring belongs to a store, but the data directory "
                    "holds none"};
  }
  finding->standing = FirstTakenFor(options_.data_directory, finding->standing);
  const bool is_refused = finding->standing != Standing::kSound && !options_.accept_data_loss;
  NoteRefusal(options_.data_directory, is_refused ? finding->standing : Standing::kSound);
  if (is_refused) return StoreWitness::Refusal(*finding);
  if (finding->standing == Standing::kSound) {
    if (options_.accept_data_loss) Log(Severity::kWarning, "nothing is lost: take --accept-data-loss away");
    return absl::OkStatus();
  }
  Log(Severity::kWarning, "a loss of data is accepted, and will be entered in the ledger",
      {{"reason", std::string(ReasonOf(finding->standing))}, {"found", finding->found}});
  losses_.emplace_back(ReasonOf(finding->standing));
  return Explain("accepting a loss", witness_->Accept(*store_));
}

absl::Status Server::OpenEngine() {
  auto engine = Engine::Open(
      *store_, *ring_, SystemRandom(), policy_, clock_.Now(),
      simulated_clock_.has_value() ? stored::v1::LedgerEntry::CLOCK_SIMULATED : stored::v1::LedgerEntry::CLOCK_SYSTEM);
  if (!engine.ok()) return engine.status();
  engine_ = *std::move(engine);
  if (absl::Status status = EnterLosses(); !status.ok()) return Explain("accepting a loss", status);
  witness_loop_ = std::make_unique<WitnessLoop>(*witness_, clock_, metrics_);
  witness_loop_->RunOnce();
  const auto differing = DifferingFields(engine_->holdings().policy().proto(), policy_.proto());
  if (!differing.empty()) {
    Log(Severity::kWarning, "the policy file differs from the policy in force, and has no effect until it is applied",
        {{"fields", absl::StrJoin(differing, ", ")}});
  }
  engine_->set_on_erased([this](CategoryNumber category, std::string_view reason, uint64_t values) {
    metrics_.CountErased(category, reason, values);
  });
  order_courier_ = std::make_unique<WatchCourier>(clock_);
  engine_->set_on_orders([this] { order_courier_->Wake(); });
  report_courier_ = std::make_unique<WatchCourier>(clock_);
  engine_->set_on_notices([this] { report_courier_->Wake(); });
  meetings_ = std::make_unique<MeetingReader>(*store_, engine_->holdings());
  pbxs_ = std::make_unique<PbxReader>(*store_, engine_->holdings());
  return absl::OkStatus();
}

absl::Status Server::EnterLosses() {
  if (losses_.empty()) return absl::OkStatus();
  return engine_->writer().Do(clock_.Now(), [this](Change& change) {
    for (const std::string& reason : losses_) {
      stored::v1::LedgerEntry entry;
      entry.set_kind(stored::v1::LedgerEntry::KIND_LOSS_ACCEPTED);
      entry.set_reason(reason);
      change.Enter(std::move(entry));
    }
    return absl::OkStatus();
  });
}

absl::Status Server::StartCommitter() {
  Committer::Options committer;
  committer.on_group = [this](size_t events, const absl::Status&, absl::Duration took) {
    metrics_.ObserveGroup(events, took);
    UpdateHealth();
  };
  committer_ = std::make_unique<Committer>(*engine_, clock_, std::move(committer));
  sweep_loop_ = std::make_unique<SweepLoop>(*engine_, *committer_, clock_, metrics_,
                                            SweepLoop::Options{.lead_window = options_.lead_window,
                                                               .purge_bound = options_.purge_bound,
                                                               .interval = options_.sweep_interval,
                                                               .on_destroyed = [this] { witness_loop_->RunOnce(); },
                                                               .on_run =
                                                                   [this](const absl::Status& status) {
                                                                     meetings_->ForgetDue(clock_.Now());
                                                                     {
                                                                       const MutexLock lock(health_mutex_);
                                                                       sweeps_ = status;
                                                                     }
                                                                     UpdateHealth();
                                                                   }});
  // Catches up on what fell due while no server ran.
  return Explain("catching up", sweep_loop_->RunOnce(/*scrub_now=*/false).status());
}

absl::Status Server::StartProbing() {
  if (!options_.dns.has_value()) return absl::OkStatus();
  auto prober = DnsProber::Create(*options_.dns);
  if (!prober.ok()) return Explain("DNS", prober.status());
  dns_prober_ = *std::move(prober);
  DnsLoopCallbacks callbacks;
  callbacks.subjects = [this]() -> absl::StatusOr<std::vector<ProbeSubject>> {
    std::vector<ProbeSubject> subjects;
    for (const auto& [pbx, day] : engine_->holdings().registry.Named()) subjects.push_back({pbx, day.civil()});
    return subjects;
  };
  callbacks.names = [this](const std::vector<PbxId>& pbxs) -> absl::StatusOr<std::vector<ProbeName>> {
    std::vector<ProbeName> names;
    for (const PbxId& pbx : pbxs) {
      auto fqdn = pbxs_->FqdnOf(pbx);
      if (!fqdn.ok()) return fqdn.status();
      if (!fqdn->Reveal().empty()) names.push_back({pbx, *std::move(fqdn)});
    }
    return names;
  };
  callbacks.report = [this](const std::vector<ProbeReport>& reports, absl::Time now) {
    std::vector<Probe> probes;
    for (const ProbeReport& report : reports) probes.push_back({report.id, report.resolved});
    return Commands(*committer_, engine_->writer()).Do([&](Change& change) {
      return engine_->domains().pbxs.CountProbes(probes, now, change);
    });
  };
  dns_loop_ = std::make_unique<DnsLoop>(*dns_prober_, DnsSchedule({.zone = engine_->holdings().policy().zone()}),
                                        std::move(callbacks), clock_, metrics_, DnsLoop::Options{});
  return absl::OkStatus();
}

absl::Status Server::Serve() {
  workers_ = std::make_unique<Workers>();
  if (!options_.metrics_address.empty()) {
    auto page = MetricsPage::Open(options_.metrics_address, metrics_, [this] { return ReadGauges(); });
    if (!page.ok()) return page.status();
    metrics_page_ = *std::move(page);
  }
  auto endpoint = Endpoint::Listen(options_.listen_address,
                                   Backend{.engine = *engine_,
                                           .meetings = *meetings_,
                                           .pbxs = *pbxs_,
                                           .committer = *committer_,
                                           .commands = Commands(*committer_, engine_->writer()),
                                           .sweep_loop = *sweep_loop_,
                                           .order_courier = *order_courier_,
                                           .report_courier = *report_courier_,
                                           .metrics = metrics_,
                                           .workers = *workers_,
                                           .simulated_clock = simulated_clock_ ? &*simulated_clock_ : nullptr,
                                           .dns_loop = dns_loop_.get()});
  if (!endpoint.ok()) return endpoint.status();
  {
    const MutexLock lock(health_mutex_);
    endpoint_ = *std::move(endpoint);
    reachable_ = true;
  }
  const SyslogOptions& syslog = options_.syslog;
  if (!syslog.udp.empty() || !syslog.tcp.empty() || !syslog.tls.empty()) {
    auto receiver = SyslogReceiver::Open(syslog, *committer_, metrics_);
    if (!receiver.ok()) return Explain("syslog", receiver.status());
    syslog_ = *std::move(receiver);
  }
  sweep_loop_->Start();
  witness_loop_->Start();
  if (dns_loop_ != nullptr) dns_loop_->Start();
  return absl::OkStatus();
}

Gauges Server::ReadGauges() const {
  const absl::Time now = clock_.Now();
  Gauges gauges;
  const Holdings& holdings = engine_->holdings();
  auto warned = holdings.registry.Warned(now);
  const Engine::Overdue overdue = engine_->OldestOverdue(now);
  gauges.oldest_overdue = overdue.oldest;
  if (!overdue.unread.ok()) ++gauges.readings_failed;
  for (const UnenteredDestruction& range : holdings.ring.unentered()) {
    gauges.erasure_unentered += range.to.number() - range.from.number() + 1;
  }
  gauges.owners_overdue = holdings.owner_ends.overdue();
  const RingStatus ring = holdings.ring.status();
  gauges.stale_replicas = holdings.ring.stale_replicas();
  gauges.ledger_uncopied = witness_->uncopied();
  gauges.root_overdue = ring.root_due_since.has_value() ? now - *ring.root_due_since : absl::ZeroDuration();
  gauges.ring_entries_lost = holdings.ring.found().entries_damaged;
  const HoldReader::Tally holds = HoldReader(*store_, holdings, engine_->holds()).Count(now);
  gauges.holds_in_force = holds.in_force;
  gauges.holds_review_due = holds.review_due;
  gauges.held_values = holds.values_kept;
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
  gauges.refiling = holdings.policies.refiling_since().has_value();
  const PolicyRefiler::Progress refile = engine_->refiler().progress();
  gauges.refile_examined = refile.meetings + refile.rows;
  gauges.queue_events = committer_->queued_events();
  gauges.queue_lines = committer_->queued_lines();
  gauges.live_rows = holdings.counts.TotalRows();
  gauges.store_bytes = store_->LiveBytes();
  gauges.serving = committer_->health().ok() && store_->Health().ok();
  return gauges;
}

// Asked by the committer's thread and the sweeps'. What is said last is what was true last: it is looked up under the
// mutex.
void Server::UpdateHealth() {
  const MutexLock lock(health_mutex_);
  if (!reachable_ || shut_down_) return;
  absl::Status health = committer_->health();
  if (health.ok()) health = store_->Health();
  if (health.ok()) health = sweeps_;
  if (health.ok() == serving_) return;
  serving_ = health.ok();
  if (serving_) {
    Log(Severity::kInfo, "writes and sweeps succeed again");
  } else {
    Log(Severity::kError, "writes or sweeps fail", {{"status", DescribeStatus(health)}});
  }
  endpoint_->SetServing(serving_);
}

void Server::Shutdown(absl::Duration grace) {
  {
    const MutexLock lock(health_mutex_);
    if (shut_down_) return;
    shut_down_ = true;
  }
  syslog_.reset();
  // Calls under way need committer and workers to end.
  if (endpoint_ != nullptr) endpoint_->Shutdown(grace);
  if (dns_loop_ != nullptr) dns_loop_->Stop();
  if (sweep_loop_ != nullptr) sweep_loop_->Stop();
  metrics_page_.reset();
}

}  // namespace retention
