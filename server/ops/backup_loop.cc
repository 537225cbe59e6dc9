#include "server/ops/backup_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/ledger/leaf.h"
#include "server/ops/log.h"

namespace retention {

using stored::v1::LedgerEntry;

namespace {

absl::Time MadeAt(const stored::v1::BackupNote& note) { return absl::FromUnixMicros(note.made_us()); }

// With the reason that callers see.
absl::Status WithReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return ErrorWithReason(status.code(), "BACKUP_UNKNOWN", std::string(status.message()));
    case absl::StatusCode::kDataLoss:
      return ErrorWithReason(status.code(), "BACKUP_DAMAGED", std::string(status.message()));
    case absl::StatusCode::kFailedPrecondition:
      if (!DetailsOf(status).reason.empty()) return status;
      [[fallthrough]];
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnavailable:
      return ErrorWithReason(absl::StatusCode::kUnavailable, "BACKUP_DIRECTORY_UNAVAILABLE",
                             std::string(status.message()));
    default:
      return status;
  }
}

}  // namespace

absl::Time ExpiryOf(const stored::v1::BackupNote& note, const Policy& policy) {
  return MadeAt(note) + policy.backups_kept();
}

BackupLoop::BackupLoop(Engine& engine, Committer& committer, const Clock& clock, Metrics& metrics, Options options)
    : engine_(engine),
      commands_(committer, engine.writer()),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      repeater_(kTick, [this] { RunOnce(); }) {}

BackupLoop::~BackupLoop() { Stop(); }

void BackupLoop::Start() { repeater_.Start(); }

void BackupLoop::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    if (busy_ != nullptr) busy_->Stop();
  }
  repeater_.Stop();
}

std::string_view BackupLoop::ReasonToPrune(const stored::v1::BackupNote& note, absl::Time now) const {
  const Policy& policy = engine_.holdings().policy();
  if (ExpiryOf(note, policy) <= now) return "AGE";
  // Until all lies where the policy puts it, one that is made is of no use afterwards, but better than none.
  if (engine_.holdings().policies.refiling_since().has_value()) return "";
  return note.policy_version() < policy.version() || (note.policy_version() == policy.version() && note.refiling())
             ? "POLICY"
             : "";
}

bool BackupLoop::WantsBackup(absl::Time now, const std::vector<Backup>& backups) const {
  if (options_.interval == absl::ZeroDuration()) return false;
  // A clock that was put right may have been ahead.
  return backups.empty() || absl::AbsDuration(now - MadeAt(backups.back().note)) >= options_.interval;
}

bool BackupLoop::IsDue(absl::Time now) const {
  if (failed_at_.has_value()) return absl::AbsDuration(now - *failed_at_) >= kRetry;
  const MutexLock lock(mutex_);
  return !has_looked_ || !waiting_.empty() || (damaged_over_.has_value() && *damaged_over_ <= now) ||
         WantsBackup(now, known_) || std::any_of(known_.begin(), known_.end(), [&](const Backup& backup) {
           return !ReasonToPrune(backup.note, now).empty();
         });
}

void BackupLoop::RunOnce() {
  const MutexLock lock(run_mutex_);
  const absl::Time now = clock_.Now();
  if (!IsDue(now)) return;
  const absl::Status run = RunLocked(now);
  {
    const MutexLock state(mutex_);
    if (stopping_ && absl::IsCancelled(run)) return;
  }
  failed_at_ = run.ok() ? std::nullopt : std::make_optional(now);
  Report(run);
}

absl::StatusOr<std::unique_ptr<Backups>> BackupLoop::Open() {
  auto backups = options_.open();
  if (!backups.ok()) return backups.status();
  for (const Backup& backup : (*backups)->List()) {
    if (backup.note.ring_identity() == engine_.holdings().ring.identity()) continue;
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "BACKUP_DIRECTORY_FOREIGN",
                           absl::StrCat("backup ", backup.number,
                                        " in the directory of backups is of another key ring: nothing is made or "
                                        "deleted there; name another directory"));
  }
  return backups;
}

absl::Status BackupLoop::RunLocked(absl::Time now) {
  auto backups = Open();
  if (!backups.ok()) return backups.status();
  absl::Status first = EnterWaiting();
  first.Update(PruneOver(**backups, now, /*but_youngest=*/false));
  if (first.ok() && WantsBackup(now, (*backups)->List())) {
    first.Update(MakeNext(**backups).status());
  }
  Remember(**backups);
  return first;
}

absl::Status BackupLoop::Stoppably(Backups& backups, absl::FunctionRef<absl::Status()> work) {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return absl::CancelledError("the server is shutting down");
    busy_ = &backups;
  }
  absl::Status done = work();
  const MutexLock lock(mutex_);
  busy_ = nullptr;
  return done;
}

absl::StatusOr<Backup> BackupLoop::MakeNext(Backups& backups) {
  const absl::Duration ahead = std::max(options_.interval, kLongestMake);
  if (absl::Status s = PruneOver(backups, clock_.Now() + ahead, /*but_youngest=*/true); !s.ok()) return s;
  auto made = Make(backups);
  absl::Status pruned = PruneOver(backups, clock_.Now(), /*but_youngest=*/false);
  return made.ok() && !pruned.ok() ? pruned : made;
}

absl::StatusOr<Backup> BackupLoop::Make(Backups& backups) {
  absl::StatusOr<Backup> made = absl::UnknownError("");
  absl::Status done = Stoppably(backups, [&] {
    made = options_.make(backups, clock_.Now());
    return made.status();
  });
  if (!done.ok()) return done;
  CrashPoint("backup.after_make");
  LedgerEntry entry;
  entry.set_kind(LedgerEntry::KIND_BACKUP_MADE);
  entry.set_backup(made->number);
  entry.set_backup_us(made->note.made_us());
  Enter(std::move(entry));
  return made;
}

absl::Status BackupLoop::PruneOver(Backups& backups, absl::Time at, bool but_youngest) {
  const std::vector<Backup> all = backups.List();
  absl::Status first;
  for (const Backup& backup : all) {
    if (but_youngest && backup.number == all.back().number) continue;
    const std::string_view reason = ReasonToPrune(backup.note, at);
    if (!reason.empty()) first.Update(PruneOne(backups, backup.number, MadeAt(backup.note), reason));
  }
  // One that is damaged does not say when it was made: after the whole one before it, and not after the next.
  const std::vector<Backup> left = backups.List();
  for (const uint32_t number : backups.Damaged()) {
    const auto made = EnteredAsMade(number, at);
    first.Update(made.status());
    if (!made.ok()) continue;
    const bool precedes_all = !left.empty() && number < left.front().number;
    if (made->has_value() && !precedes_all) continue;
    first.Update(PruneOne(backups, number, made->value_or(absl::UnixEpoch()), "DAMAGED"));
  }
  return first;
}

absl::StatusOr<std::optional<absl::Time>> BackupLoop::EnteredAsMade(uint32_t number, absl::Time at) const {
  const absl::Time over = at - engine_.holdings().policy().backups_kept();
  const auto entries = engine_.store().Scan(Family::kLedger, "", "");
  for (entries->SeekBefore(""); entries->Valid(); entries->Previous()) {
    const auto row = ReadRow(entries->value());
    if (!row.has_value()) return absl::DataLossError("a ledger entry does not parse");
    if (absl::FromUnixMicros(row->entry.time_us()) <= over) break;
    if (row->entry.kind() != LedgerEntry::KIND_BACKUP_MADE || row->entry.backup() != number) continue;
    const absl::Time made = absl::FromUnixMicros(row->entry.backup_us());
    return made > over ? std::make_optional(made) : std::nullopt;
  }
  return entries->status().ok() ? absl::StatusOr<std::optional<absl::Time>>(std::nullopt) : entries->status();
}

absl::Status BackupLoop::PruneOne(Backups& backups, uint32_t number, absl::Time made, std::string_view reason) {
  // What cannot be entered is deleted all the same; what cannot be deleted is not entered again each time.
  if (entered_.insert(number).second) {
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_BACKUP_PRUNED);
    entry.set_reason(std::string(reason));
    entry.set_backup(number);
    entry.set_backup_us(absl::ToUnixMicros(made));
    Enter(std::move(entry));
    CrashPoint("backup.before_prune");
  }
  absl::Status pruned = backups.Prune(number);
  if (pruned.ok()) entered_.erase(number);
  return pruned;
}

void BackupLoop::Enter(LedgerEntry entry) {
  waiting_.push_back(std::move(entry));
  EnterWaiting().IgnoreError();  // it waits
}

absl::Status BackupLoop::EnterWaiting() {
  if (waiting_.empty()) return absl::OkStatus();
  const std::vector<LedgerEntry> entries = waiting_;
  absl::Status entered = commands_.Do([&entries](Change& change) {
    for (const LedgerEntry& entry : entries) change.Enter(entry);
    return absl::OkStatus();
  });
  if (entered.ok()) waiting_.clear();
  return entered;
}

void BackupLoop::Remember(const Backups& backups) {
  const absl::Time now = clock_.Now();
  std::optional<absl::Time> damaged_over;
  for (const uint32_t number : backups.Damaged()) {
    const auto made = EnteredAsMade(number, now);
    const absl::Time over = made.ok() && made->has_value() ? **made + engine_.holdings().policy().backups_kept() : now;
    damaged_over = std::min(over, damaged_over.value_or(over));
  }
  const MutexLock lock(mutex_);
  damaged_over_ = damaged_over;
  known_ = backups.List();
  has_looked_ = true;
}

void BackupLoop::Report(const absl::Status& status) {
  {
    const MutexLock lock(mutex_);
    succeeded_ = status.ok();
  }
  if (status.ok()) {
    if (!last_failure_.empty()) Log(Severity::kInfo, "backups succeed again");
    last_failure_.clear();
  } else {
    metrics_.CountBackupFailure();
    std::string failure = DescribeStatus(status);
    if (failure != last_failure_) {
      Log(Severity::kError, "backups fail; it is tried again, and those that there are stay", {{"status", failure}});
    }
    last_failure_ = std::move(failure);
  }
  if (options_.on_run) options_.on_run();
}

absl::StatusOr<Backup> BackupLoop::Create() {
  const MutexLock lock(run_mutex_);
  auto backups = Open();
  if (!backups.ok()) {
    Report(backups.status());
    return WithReason(backups.status());
  }
  absl::Status done = PruneOver(**backups, clock_.Now(), /*but_youngest=*/false);
  auto made = MakeNext(**backups);
  done.Update(made.status());
  Remember(**backups);
  Report(done);
  if (!done.ok()) return WithReason(done);
  return made;
}

absl::StatusOr<BackupLoop::Listing> BackupLoop::List() {
  const MutexLock lock(run_mutex_);
  auto backups = Open();
  if (!backups.ok()) return WithReason(backups.status());
  Remember(**backups);
  return Listing{.backups = (*backups)->List(), .damaged = (*backups)->Damaged()};
}

absl::StatusOr<Backup> BackupLoop::Verify(uint32_t number) {
  const MutexLock lock(run_mutex_);
  auto backups = Open();
  if (!backups.ok()) return WithReason(backups.status());
  const std::vector<Backup> all = (*backups)->List();
  if (number == 0 && !all.empty()) number = all.back().number;
  const absl::Status verified = Stoppably(**backups, [&] { return (*backups)->Verify(number); });
  Remember(**backups);
  if (!verified.ok()) return WithReason(verified);
  // One may be whole again.
  const std::vector<Backup> whole = (*backups)->List();
  const auto found = std::find_if(whole.begin(), whole.end(), [&](const Backup& one) { return one.number == number; });
  if (found == whole.end()) return WithReason(absl::NotFoundError(absl::StrCat("there is no backup ", number)));
  return *found;
}

absl::Status BackupLoop::Prune(uint32_t number) {
  const MutexLock lock(run_mutex_);
  auto backups = Open();
  if (!backups.ok()) return WithReason(backups.status());
  absl::Time made = absl::UnixEpoch();
  bool found = false;
  for (const Backup& backup : (*backups)->List()) {
    if (backup.number != number) continue;
    made = MadeAt(backup.note);
    found = true;
  }
  const std::vector<uint32_t> damaged = (*backups)->Damaged();
  if (!found && std::find(damaged.begin(), damaged.end(), number) == damaged.end()) {
    return WithReason(absl::NotFoundError(absl::StrCat("there is no backup ", number)));
  }
  absl::Status pruned = PruneOne(**backups, number, made, "REQUESTED");
  Remember(**backups);
  return pruned.ok() ? pruned : WithReason(pruned);
}

BackupLoop::Standing BackupLoop::standing() const {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  Standing standing{.backups = known_.size()};
  if (!known_.empty()) standing.age = std::max(absl::ZeroDuration(), now - MadeAt(known_.back().note));
  standing.is_well = succeeded_ && standing.age.has_value() && *standing.age <= options_.overdue_after;
  return standing;
}

}  // namespace retention
