#include "server/pbxs/pbx_ender.h"

#include <algorithm>
#include <utility>

#include "server/base/crash_point.h"
#include "server/law/filing.h"
#include "server/law/pbx_life.h"
#include "server/rows/row_keys.h"

namespace retention {

absl::Status PbxEnder::Begin(std::string_view pbx_id, std::string_view reason, Change& change) {
  const auto pbx = holdings_.registry.Held(pbx_id);
  if (!pbx.has_value()) return absl::OkStatus();
  return Begin(*pbx, std::string(pbx_id), PbxEntryKeyOf(holdings_.vault, pbx_id), reason, change.now(), change);
}

absl::Status PbxEnder::BeginLost(const PbxRegistry::LostPbx& lost, Change& change) {
  return Begin(lost.pbx, lost.pbx_id, lost.entry_key, kReasonKeyGone, change.now(), change);
}

absl::Status PbxEnder::Begin(const PbxId& pbx, const std::string& pbx_id, const std::string& entry_key,
                             std::string_view reason, absl::Time ended, Change& change) {
  // From here on nobody can read it, and a crash finds it marked: the end will be finished on start.
  stored::v1::PbxEntry entry;
  entry.set_pbx(std::string(pbx.view()));
  entry.set_ending(true);
  entry.set_end_reason(std::string(reason));
  const bool held = change.Concerned(pbx);
  entry.set_held(held);
  if (held) {
    if (absl::Status status = keeping_.NoteEnd(pbx, entry_key, change); !status.ok()) return status;
  }
  entry.set_end_begun_us(absl::ToUnixMicros(change.now()));
  change.DeleteState(entry_key);
  change.DeleteState(PbxLifeKey(pbx));
  // What is of before does not come back with who takes the id again; older history than that is over.
  const OwnerId external = OwnerId::From(std::string_view(entry_key).substr(1));
  DueDay until = CreationDueDay(kHistory, ended, holdings_.policy());
  if (const auto before = holdings_.registry.FormerOf(external); before.has_value()) {
    change.DeleteState(PbxEndKey(before->until, external));
    until = std::max(until, before->until);
  }
  stored::v1::FormerPbx former;
  former.set_ended_us(absl::ToUnixMicros(ended));
  change.batch().Put(Family::kState, PbxEndKey(until, external), former.SerializeAsString());
  change.batch().Put(Family::kState, EndingPbxKeyOf(holdings_.vault, pbx), entry.SerializeAsString());
  // Locators only say where rows were. Without them the timers of the meetings' files find nothing, and go.
  const std::string locators = LocatorPrefix(pbx);
  change.batch().DeleteRange(Family::kState, locators, PrefixEnd(locators));
  change.MarkState(locators);
  for (const std::string& of_rooms : {DeletedObjectPrefix(pbx), RoomOrganizerPrefix(pbx)}) {
    change.batch().DeleteRange(Family::kState, of_rooms, PrefixEnd(of_rooms));
    change.MarkState(of_rooms);
  }
  stored::v1::LedgerEntry ledger_entry;
  ledger_entry.set_kind(stored::v1::LedgerEntry::KIND_PBX_ENDED);
  ledger_entry.set_reason(std::string(reason));
  ledger_entry.set_pbx(std::string(pbx.view()));
  change.Enter(std::move(ledger_entry));
  PbxRegistry::EndingPbx ending{
      .pbx = pbx, .reason = std::string(reason), .pbx_id = pbx_id, .held = held, .begun = change.now()};
  change.Then([this, external, ended, until, ending = std::move(ending)] {
    CrashPoint("pbx.before_key");
    holdings_.registry.BeginEnding(ending);
    holdings_.registry.NoteEnd(external, {.end = ended, .until = until});
    cache_.ForgetPbx(ending.pbx);
    if (holdings_.on_extensions) holdings_.on_extensions();
    return ending.held ? absl::OkStatus() : NarrowKey(ending.pbx);
  });
  return absl::OkStatus();
}

absl::Status PbxEnder::BeginOver(std::string_view pbx_id, Change& change) {
  const auto pbx = holdings_.registry.Held(pbx_id);
  if (!pbx.has_value()) return absl::OkStatus();
  const PbxEnd end = PbxEndOf(holdings_.registry.StandingOf(*pbx)->life, holdings_.policy());
  if (end.time > change.now()) return absl::OkStatus();
  return Begin(*pbx, std::string(pbx_id), PbxEntryKeyOf(holdings_.vault, pbx_id), ReasonOf(end.cause), end.time,
               change);
}

absl::Status PbxEnder::NarrowKey(const PbxId& pbx) {
  if (absl::Status status = holdings_.ring.NarrowPbx(pbx); !status.ok()) return status;
  holdings_.vault.ForgetPbx(pbx);
  return absl::OkStatus();
}

absl::Status PbxEnder::DestroyKey(const PbxId& pbx) {
  if (absl::Status status = holdings_.ring.DestroyPbx(pbx); !status.ok()) return status;
  holdings_.vault.ForgetPbx(pbx);
  return absl::OkStatus();
}

absl::Status PbxEnder::NarrowKeys() {
  for (const PbxRegistry::EndingPbx& ending : holdings_.registry.Ending()) {
    if (ending.held) continue;
    if (absl::Status s = NarrowKey(ending.pbx); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<HoldKeeping::Step> PbxEnder::TakeOut(const PbxRegistry::EndingPbx& ending, Change& change) {
  const auto walk = walks_.find(ending.pbx);
  auto step = keeping_.TakeOutOfEnding(ending, walk == walks_.end() ? WalkPosition() : walk->second, change);
  if (!step.ok()) return step.status();
  change.ThenDo([this, pbx = ending.pbx, position = step->position] { walks_[pbx] = position; });
  return step;
}

absl::StatusOr<std::vector<RowRun>> PbxEnder::RowsOf(const PbxId& pbx, const StoreView& view,
                                                     const BucketCounts& counts, const Policy& policy) {
  std::vector<RowRun> runs;
  for (const auto& [day, held] : counts.Read()) {
    for (size_t number = 1; number < kCategories; ++number) {
      const auto category = static_cast<CategoryNumber>(number);
      if (held[category].rows == 0 || day == DueDay::Kept() || !policy.rule(category).ends_with_pbx) continue;
      RowRun run{.day = day, .category = category};
      auto cursor = view.ScanPrefix(Family::kFiled, FiledPrefix(day, category, pbx), AtLoss::kPass);
      for (; cursor->Valid(); cursor->Next()) {
        ++run.rows;
        run.values += Vault::ValueCount(cursor->value());
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
      if (run.rows > 0) runs.push_back(run);
    }
  }
  return runs;
}

absl::Status PbxEnder::Finish(const PbxId& pbx, std::span<const RowRun> runs, Change& change) {
  change.ThenDo([this, pbx] { walks_.erase(pbx); });
  const auto ending = holdings_.registry.FindEnding(pbx);
  if (!ending.has_value()) return absl::OkStatus();
  if (absl::Status status = DestroyKey(pbx); !status.ok()) return status;
  for (const RowRun& run : runs) {
    // A day that ended since took its rows along, and has its entry, even if its key could not be destroyed yet.
    if (change.CountOf(run.day, run.category).rows < run.rows) continue;
    change.DropRun(FiledPrefix(run.day, run.category, pbx), run.day, run.category, run.rows, run.values,
                   ending->reason);
  }
  change.DeleteState(EndingPbxKeyOf(holdings_.vault, pbx));
  change.DeleteState(PbxNameKey(pbx));
  change.ThenDo([this, pbx] { holdings_.registry.FinishEnding(pbx); });
  return absl::OkStatus();
}

absl::StatusOr<bool> PbxEnder::HasFormerToForget(const StoreView& view, DueDay last_due) {
  const auto over = view.Scan(Family::kState, PbxEndPrefix(), PbxEndPrefix(last_due.Next()), AtLoss::kPass);
  if (!over->status().ok()) return over->status();
  return over->Valid();
}

void PbxEnder::ForgetFormer(Change& change) {
  const DueDay last_due = change.last_due();
  change.batch().DeleteRange(Family::kState, PbxEndPrefix(), PbxEndPrefix(last_due.Next()));
  change.ThenDo([this, last_due] { holdings_.registry.ForgetEnds(last_due); });
}

}  // namespace retention
