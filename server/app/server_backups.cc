// Backups: how one is made of the running store, and what a start makes of one that was restored.
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/explain.h"
#include "server/app/server.h"
#include "server/base/crash_point.h"
#include "server/ledger/ledger.h"
#include "server/ledger/lost_part.h"
#include "server/ops/log.h"
#include "storage/keys.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using stored::v1::LedgerEntry;

// Within the data directory, whose files are linked there.
constexpr char kStagedName[] = "backup";

// What a backup says of itself.
bool IsNoted(Family family, std::string_view key) {
  return family == Family::kLedger || (family == Family::kState && (key == FormatKey() || key == PolicyVersionKey()));
}

template <typename Row>
absl::StatusOr<Row> ParseState(const StoreView& store, const std::string& key) {
  const auto row = store.Get(Family::kState, key);
  if (!row.ok()) return row.status();
  Row parsed;
  if (!row->has_value() || !parsed.ParseFromString(**row)) {
    return absl::DataLossError("a row by which the store is known is missing, or does not parse");
  }
  return parsed;
}

absl::StatusOr<stored::v1::BackupNote> NoteOf(const StoreLook& store, absl::Time made) {
  const auto format = ParseState<stored::v1::StoreFormat>(store, FormatKey());
  if (!format.ok()) return format.status();
  const auto policy = ParseState<stored::v1::PolicyMark>(store, PolicyVersionKey());
  if (!policy.ok()) return policy.status();
  const auto ledger = Ledger::Open(store);
  if (!ledger.ok()) return ledger.status();
  stored::v1::BackupNote note;
  note.set_made_us(absl::ToUnixMicros(made));
  note.set_store_id(format->store_id());
  note.set_ring_identity(format->ring_identity());
  note.set_sequence(store.Found().sequence);
  note.set_ledger_size(ledger->size());
  note.set_ledger_head(ledger->head());
  note.set_policy_version(policy->version());
  note.set_refiling(policy->refiling_since_us() != 0);
  return note;
}

uint64_t CountOf(const LostPart& lost, LedgerEntry::Kind act) {
  const auto found = lost.acts.find(act);
  return found == lost.acts.end() ? 0 : found->second;
}

}  // namespace

absl::Status Server::StartBackups() {
  // What a crash left.
  std::error_code error;
  const fs::path staged = fs::path(options_.data_directory) / kStagedName;
  fs::remove_all(staged, error);
  fs::remove_all(staged.string() + ".tmp", error);
  const ServerOptions::Backups& options = options_.backups;
  if (options.directory.empty()) return absl::OkStatus();
  backup_loop_ = std::make_unique<BackupLoop>(
      *engine_, *committer_, clock_, metrics_,
      BackupLoop::Options{
          .interval = options.interval,
          .overdue_after = options.overdue_after,
          .open = [&options] { return OpenRocksDbBackups(options.directory, BackupAccess::kWrite, options.engine); },
          .make = [this](Backups& backups, absl::Time now) { return MakeBackup(backups, now); },
          .on_run = [this] { UpdateHealth(); }});
  return absl::OkStatus();
}

absl::StatusOr<Backup> Server::MakeBackup(Backups& backups, absl::Time now) {
  const std::string staged = fs::absolute(fs::path(options_.data_directory) / kStagedName).string();
  std::error_code error;
  fs::remove_all(staged, error);
  if (absl::Status s = store_->Checkpoint(staged); !s.ok()) return Explain("data directory", s);
  CrashPoint("backup.after_checkpoint");
  absl::StatusOr<Backup> made = [&]() -> absl::StatusOr<Backup> {
    absl::StatusOr<stored::v1::BackupNote> note = absl::UnknownError("");
    {
      const auto look = LookIntoRocksDbStore(staged, options_.store, IsNoted);
      if (!look.ok()) return look.status();
      note = NoteOf(**look, now);
    }
    if (!note.ok()) return note.status();
    return backups.Create(staged, *note);
  }();
  fs::remove_all(staged, error);
  return made;
}

absl::StatusOr<bool> Server::TakeUpRestore(const StoreLook& store) {
  restored_ = ReadRestoreMark(options_.data_directory);
  if (!restored_.has_value()) return false;
  const stored::v1::BackupNote& note = restored_->note();
  const auto format = ParseState<stored::v1::StoreFormat>(store, FormatKey());
  if (!format.ok()) return format.status();
  const auto last = LedgerRowAt(store, note.ledger_size());
  if (!last.ok()) return last.status();
  const bool is_its = format->store_id() == note.store_id() && format->ring_identity() == note.ring_identity() &&
                      store.Found().sequence >= note.sequence() && last->has_value() &&
                      (*last)->hash == note.ledger_head();
  if (!is_its) restored_.reset();
  return is_its;
}

void Server::AcceptRestore(const StoreWitness::Finding& finding) {
  const absl::Time made_at = absl::FromUnixMicros(restored_->note().made_us());
  const absl::Time until = witness_->remembered_until().value_or(absl::UnixEpoch());
  Log(Severity::kWarning,
      "a backup was restored: what was acknowledged since is lost, but for the ledger, and that will be entered",
      {{"backup", absl::StrCat(restored_->backup())},
       {"of", absl::FormatTime(absl::RFC3339_sec, made_at, absl::UTCTimeZone())},
       {"lost_until", absl::FormatTime(absl::RFC3339_sec, until, absl::UTCTimeZone())},
       {"found", finding.found.empty() ? "-" : finding.found}});
  AddLoss("STORE_RESTORED", until);
  loss_.mutable_unentered()->rbegin()->set_backup(restored_->backup());
  loss_.mutable_unentered()->rbegin()->set_backup_made_us(restored_->note().made_us());
  loss_.set_known_entries(restored_->note().ledger_size());
}

void Server::AddLoss(std::string_view reason, absl::Time lost_until) {
  stored::v1::AcceptedLoss& loss = *loss_.add_unentered();
  loss.set_reason(std::string(reason));
  loss.set_lost_until_us(absl::ToUnixMicros(lost_until));
}

void Server::ReportLoss() const {
  const auto& lost = engine_->lost_part();
  if (!lost.has_value()) return;
  const auto count = [&lost](LedgerEntry::Kind act) { return absl::StrCat(CountOf(*lost, act)); };
  Log(Severity::kWarning, "what the ledger tells of the part that is lost",
      {{"entries", absl::StrCat(lost->entries)},
       {"pbxs_registered", count(LedgerEntry::KIND_PBX_REGISTERED)},
       {"policies", count(LedgerEntry::KIND_POLICY)},
       {"controllers", absl::StrCat(CountOf(*lost, LedgerEntry::KIND_CONTROLLER_CREATED) +
                                    CountOf(*lost, LedgerEntry::KIND_CONTROLLER_UPDATED))},
       {"cohorts_without_statistics", count(LedgerEntry::KIND_COHORT_RELEASED)},
       {"holds", absl::StrCat(lost->holds.size())}});
  if (lost->holds.empty()) return;
  Log(Severity::kError,
      "holds are lost: all that is held of their PBXs is held in their place; place them again, and release these",
      {{"holds", absl::StrCat(lost->holds.size())}, {"see", "retentionctl holds list"}});
}

}  // namespace retention
