// What a start opens before the engine: the store, the key ring, and what the one remembers of the other.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/app/explain.h"
#include "server/app/server.h"
#include "server/app/volume.h"
#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/days/due_keys.h"
#include "server/days/waiting_days.h"
#include "server/ops/log.h"
#include "server/ops/store_mending.h"
#include "server/ops/waiting_keys.h"
#include "server/rows/ring_generation.h"
#include "server/rows/store_format.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_files.h"

namespace retention {
namespace {

// So many pages of owners can be opened, for what is erased early, while the ring's disk is full: 10 MiB a replica.
constexpr size_t kSpareBlocks = 1024;

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

// Of the ring's replicas.
std::vector<std::string> Directories(const ServerOptions& options) {
  std::vector<std::string> directories = {options.key_ring_directory};
  if (!options.second_key_ring_directory.empty()) directories.push_back(options.second_key_ring_directory);
  return directories;
}

// Rows by which a store is judged before it is opened.
bool IsJudgedBy(Family family, std::string_view key) {
  return family == Family::kLedger || (family == Family::kState && (key == FormatKey() || key == RingGenerationKey()));
}

// Whether some of it lies in a damaged table file.
bool IsUnread(const StoreView& store) {
  auto ledger = store.Scan(Family::kLedger, "", LedgerTilesBegin());
  ledger->SeekBefore("");
  return absl::IsDataLoss(ledger->status()) || absl::IsDataLoss(store.Get(Family::kState, FormatKey()).status()) ||
         absl::IsDataLoss(store.Get(Family::kState, RingGenerationKey()).status());
}

}  // namespace

void Server::DestroyDueKeys() {
  if (ring_ == nullptr) {
    // A ring that may not be the last one may not know of the last holds.
    if (options_.accept_lower_replica || (witness_ == nullptr && !OpenWitness().ok())) return;
    auto ring_options = OptionsOfRing(/*store=*/nullptr);
    if (!ring_options.ok() || !knows_time_) return;
    ring_options->opening.only_destroys = true;
    auto ring = KeyRing::Open(options_.key_ring_directory, *std::move(ring_options));
    if (!ring.ok()) return;
    ring_ = *std::move(ring);
  }
  // The machine's clock alone says nothing.
  if (!knows_time_) return;
  const auto days = DestroyDueByRing(*ring_, SystemRandom(), clock_.Now());
  if (!days.ok()) {
    Log(Severity::kError, "keys that are due could not be destroyed", {{"status", DescribeStatus(days.status())}});
  } else if (!days->days.empty()) {
    Log(Severity::kInfo, "the keys of days that are due were destroyed", {{"days", absl::StrCat(days->days.size())}});
  }
  const WaitingDays waiting = DaysThatWait(*ring_, clock_.Now());
  if (waiting.days.empty()) return;
  LogWaiting("days", {.first = waiting.days.front(), .last = waiting.days.back(), .keys = waiting.days.size()},
             days.ok() && !days->left.ok() ? DescribeStatus(days->left) : std::string(waiting.why));
}

RocksDbOptions Server::OptionsOfStore() {
  RocksDbOptions options = options_.store;
  options.on_lost = ReportLost;
  // Once it runs, compactions that meet the file again and again would end all writing.
  options.may_lose = [this](const LostRows& lost) { return engine_ != nullptr || CanLose(lost); };
  options.gives_up_missing = options_.accept_data_loss;
  return options;
}

absl::StatusOr<StoreWitness::Finding> Server::JudgeStore(bool& made, bool& unread) {
  RocksDbOptions options = OptionsOfStore();
  if (options_.accept_data_loss) {
    options.on_damaged_log = [this](const absl::Status& damage) {
      Log(Severity::kWarning, "the log is damaged: what it has before that is gone on with",
          {{"status", DescribeStatus(damage)}});
      AddLoss("STORE_LOG_DAMAGED");
    };
  }
  options.on_given_up = [this](const std::vector<LostRows>& lost) {
    AddLoss("STORE_TABLES_MISSING");
    if (const auto days = DaysOf(lost); days.has_value()) {
      loss_.mutable_unentered()->rbegin()->set_first_day(days->first.number());
      loss_.mutable_unentered()->rbegin()->set_last_day(days->last.number());
    }
  };
  const auto look = LookIntoRocksDbStore(options_.data_directory, options, IsJudgedBy);
  if (absl::IsDataLoss(look.status())) {
    absl::Status refusal = OnlyACopyHelps(look.status().message());
    if (!options_.accept_data_loss) {
      refusal = absl::DataLossError(absl::StrCat(
          refusal.message(),
          "; if a log is damaged, or tables are missing, go on with what there is without: --accept-data-loss"));
    }
    return Explain("data directory", refusal);
  }
  if (!look.ok()) return Explain("data directory", look.status());
  unread = IsUnread(**look);
  const auto format = (*look)->Get(Family::kState, FormatKey());
  if (!format.ok()) return Explain("data directory", format.status());
  made = format->has_value();
  // To begin anew would delete them.
  if (!made && LastTableIn(options_.data_directory) != 0) {
    return Explain("data directory",
                   OnlyACopyHelps(absl::StrCat("tables of a store lie there that its list of tables, ",
                                               ListIn(options_.data_directory),
                                               ", does not name: it is damaged, or "
                                               "another's")));
  }
  if (absl::Status status = OpenRing(**look, made); !status.ok()) return status;
  ReportRing();
  if (absl::Status status = CheckFormat(*format, Engine::kFormatVersion, *ring_); !status.ok()) return status;
  if (made) {
    if (absl::Status s = TakeUpLedgersTime(**look); !s.ok()) return s;
  }
  return MeetWitness(**look, made);
}

absl::Status Server::MendUnread() {
  ring_.reset();
  witness_.reset();
  loss_.Clear();
  restored_.reset();
  const auto store = OpenRocksDbStore(options_.data_directory, OptionsOfStore());
  if (!store.ok()) return store.status();
  // What it reads it notes.
  return IsUnread(**store) ? MendStore(**store) : absl::OkStatus();
}

absl::Status Server::OpenStorage() {
  bool made = false;
  bool unread = false;
  auto finding = JudgeStore(made, unread);
  if (absl::IsDataLoss(finding.status()) && unread) {
    // Who looks for the damage names its file.
    const absl::Status mended = MendUnread();
    if (absl::IsDataLoss(mended)) return Explain("data directory", OnlyACopyHelps(mended.message()));
    if (!mended.ok()) return OnlyACopyHelps(finding.status().message());
    finding = JudgeStore(made, unread);
  }
  if (absl::IsDataLoss(finding.status())) return OnlyACopyHelps(finding.status().message());
  if (!finding.ok()) return finding.status();
  if (simulated_clock_.has_value() && simulated_clock_->Now() == absl::InfinitePast()) {
    simulated_clock_->RaiseTo(MachineTime().Wall());
  }
  RocksDbOptions store_options = OptionsOfStore();
  store_options.on_full = [this] {
    const bool gave_back = ballast_.Release();
    if (gave_back) {
      Log(Severity::kError,
          "the disk of the data is full: its ballast is given back, so that what is due can end; nothing else is taken "
          "in until there is room");
    }
    return gave_back;
  };
  if (options_.accept_data_loss) store_options.on_damaged_log = [](const absl::Status&) {};
  auto store = OpenRocksDbStore(options_.data_directory, store_options);
  if (absl::IsDataLoss(store.status())) {
    return Explain("data directory", OnlyACopyHelps(store.status().message()));
  }
  if (!store.ok()) return Explain("data directory", store.status());
  store_ = *std::move(store);
  for (const LostRows& lost : store_->Lost()) {
    if (lost.family != Family::kLedger) continue;
    return Explain("data directory", OnlyACopyHelps("entries of the ledger were lost with a damaged file"));
  }
  witness_->Follow(*store_);
  if (loss_.unentered_size() > 0) {
    if (absl::Status s = witness_->Accept(*store_, loss_); !s.ok()) return Explain("accepting a loss", s);
    CrashPoint("restore.after_accept");
    return absl::OkStatus();
  }
  return made ? absl::OkStatus() : Explain("key ring", witness_->Note(clock_kind(), clock_.Anchor()));
}

absl::Status Server::OpenWitness() {
  auto witness = StoreWitness::Open(Directories(options_));
  if (!witness.ok()) return Explain("key ring", witness.status());
  if (absl::Status s = TakeUpClock(**witness); !s.ok()) return s;
  witness_ = *std::move(witness);
  return absl::OkStatus();
}

absl::StatusOr<KeyRing::Options> Server::OptionsOfRing(const StoreView* store) const {
  KeyRing::Options ring_options;
  ring_options.second_directory = options_.second_key_ring_directory;
  ring_options.opening = {.known_generation = witness_->ring_generation(),
                          .known_identity = {},
                          .accept_lower_replica = options_.accept_lower_replica};
  if (store != nullptr) {
    const auto seen = SeenRingGeneration(*store);
    if (!seen.ok()) return Explain("data directory", seen.status());
    const auto format = store->Get(Family::kState, FormatKey());
    if (!format.ok()) return Explain("data directory", format.status());
    ring_options.opening.known_generation = std::max(ring_options.opening.known_generation, *seen);
    ring_options.opening.known_identity = RingIdentityIn(*format);
  }
  ring_options.spare_blocks = kSpareBlocks;
  ring_options.on_reach = [](const std::string& directory, const absl::Status& why) {
    if (why.ok()) {
      Log(Severity::kInfo, "a replica of the key ring is in reach again, and overwritten", {{"directory", directory}});
    } else {
      Log(Severity::kError, "a replica of the key ring is out of reach, and may keep what is destroyed from now on",
          {{"directory", directory}, {"status", DescribeStatus(why)}});
    }
  };
  if (absl::Status s = TakeRingKeys(options_.ring_keys, ring_options); !s.ok()) return Explain("key ring", s);
  return ring_options;
}

absl::Status Server::OpenRing(const StoreView& store, bool made) {
  if (absl::Status s = OpenWitness(); !s.ok()) return s;
  auto ring_options = OptionsOfRing(&store);
  if (!ring_options.ok()) return ring_options.status();
  auto ring = KeyRing::Open(options_.key_ring_directory, *ring_options);
  if (absl::IsNotFound(ring.status())) {
    if (made) {
      return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "KEY_RING_MISSING",
                             absl::StrCat("the data directory holds a store, but there is no key ring in ",
                                          absl::StrJoin(Directories(options_), " or "),
                                          ": nothing could be read. Mount its volume, or put the last ring back"));
    }
    ring = KeyRing::Create(options_.key_ring_directory, *std::move(ring_options));
  }
  if (absl::IsInvalidArgument(ring.status())) return RingMismatch();
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

absl::StatusOr<StoreWitness::Finding> Server::MeetWitness(const StoreLook& store, bool made) {
  auto finding = witness_->Meet(store, store.Found(), *ring_);
  if (!finding.ok()) return Explain("key ring", finding.status());
  if (witness_->cut_bytes() > 0) {
    Log(Severity::kWarning, "the end of the ledger's copy was torn, and is copied again",
        {{"bytes", absl::StrCat(witness_->cut_bytes())}});
  }
  if (witness_->headers_mended() > 0) {
    Log(Severity::kWarning, "the header of the ledger's copy was damaged, and is written anew",
        {{"copies", absl::StrCat(witness_->headers_mended())}});
  }
  if (ring_->found().rolled_back) AddLoss("KEY_RING_ROLLED_BACK");
  // A ring that has seen a day end, or is remembered to have had a store, belongs to one: its volume is not mounted,
  // say. To begin anew under it would destroy the keys of the cohorts that wait there.
  if (!made && (ring_->destroyed_through() != DueDay::None() || witness_->knew_store())) {
    *finding = {.standing = Standing::kMissing,
                .found =
                    "the key ring belongs to a store, but the data directory "
                    "holds none"};
  }
  const auto restored = made ? TakeUpRestore(store) : false;
  if (!restored.ok()) return Explain("data directory", restored.status());
  const bool is_older = finding->standing == Standing::kRolledBack || finding->standing == Standing::kShortLog;
  // What was acknowledged in the last second before a crash is not missed; who restored knows that it is.
  if (*restored && (is_older || finding->standing == Standing::kSound)) {
    AcceptRestore(*finding);
    finding->standing = Standing::kRolledBack;
    return finding;
  }
  if (finding->standing == Standing::kSound) return finding;
  if (!options_.accept_data_loss) return StoreWitness::Refusal(*finding);
  Log(Severity::kWarning, "a loss of data is accepted, and will be entered in the ledger",
      {{"reason", std::string(ReasonOf(finding->standing))}, {"found", finding->found}});
  AddLoss(ReasonOf(finding->standing), witness_->remembered_until().value_or(absl::UnixEpoch()));
  loss_.set_known_entries(witness_->entries_found());
  return finding;
}

}  // namespace retention
