#include "server/pbxs/pbx_ender.h"

#include "server/base/crash_point.h"

namespace retention {
namespace {

std::string EndingKeyOf(const Vault& vault, const PbxId& pbx) {
  return PbxEntryKey(OwnerId{vault.Hash("ending", pbx.view(), "")});
}

}  // namespace

std::string PbxEntryKeyOf(const Vault& vault, std::string_view pbx_id) {
  return PbxEntryKey(OwnerId{vault.Hash("pbx", "", pbx_id)});
}

absl::Status PbxEnder::Begin(std::string_view pbx_id, std::string_view reason, absl::Time now) {
  const auto pbx = registry_.Held(pbx_id);
  if (!pbx.has_value()) return absl::OkStatus();
  const std::string external(pbx_id);
  // From here on nobody can read it, and a crash finds it marked: the end will be finished on start.
  Change change(holdings_, now);
  stored::v1::PbxEntry entry;
  entry.set_pbx(std::string(pbx->view()));
  entry.set_ending(true);
  entry.set_end_reason(std::string(reason));
  const std::string ending_key = EndingKeyOf(holdings_.vault, *pbx);
  auto sealed = holdings_.vault.SealState(ending_key, Personal(external));
  if (!sealed.ok()) return sealed.status();
  entry.set_sealed_pbx_id(*std::move(sealed));
  const bool held = change.Concerned(*pbx);
  entry.set_held(held);
  entry.set_end_begun_us(absl::ToUnixMicros(now));
  change.batch().Delete(Family::kState, PbxEntryKeyOf(holdings_.vault, external));
  change.batch().Delete(Family::kState, PbxLifeKey(*pbx));
  change.batch().Put(Family::kState, ending_key, entry.SerializeAsString());
  // Locators only say where rows were. Without them the timers of the meetings' files find nothing, and go.
  const std::string locators = LocatorPrefix(*pbx);
  change.batch().DeleteRange(Family::kState, locators, PrefixEnd(locators));
  holdings_.marks.Note(DueDay(), now);
  stored::v1::LedgerEntry ledger_entry;
  ledger_entry.set_kind(stored::v1::LedgerEntry::KIND_PBX_ENDED);
  ledger_entry.set_reason(std::string(reason));
  ledger_entry.set_pbx(std::string(pbx->view()));
  change.Enter(std::move(ledger_entry));
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  CrashPoint("pbx.before_key");
  registry_.BeginEnding({.pbx = *pbx, .reason = std::string(reason), .pbx_id = external, .held = held, .begun = now});
  book_.ForgetPbx(*pbx);
  return held ? absl::OkStatus() : NarrowKey(*pbx);
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

absl::Status PbxEnder::NarrowKeyOf(const PbxRegistry::EndingPbx& ending) {
  return ending.held ? absl::OkStatus() : NarrowKey(ending.pbx);
}

absl::StatusOr<std::vector<RowRun>> PbxEnder::RowsOf(const PbxId& pbx, const StoreView& view,
                                                     const BucketCounts& counts, const Policy& policy) {
  std::vector<RowRun> runs;
  for (const auto& [day, held] : counts.Read()) {
    for (size_t number = 1; number < kCategories; ++number) {
      const auto category = static_cast<CategoryNumber>(number);
      if (held[category].rows == 0 || day == DueDay::Held() || !policy.rule(category).ends_with_pbx) continue;
      RowRun run{.day = day, .category = category};
      auto cursor = view.ScanPrefix(Family::kFiled, FiledPrefix(day, category, pbx));
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

absl::Status PbxEnder::Finish(const PbxId& pbx, std::span<const RowRun> runs, absl::Time now) {
  const auto ending = registry_.FindEnding(pbx);
  if (!ending.has_value()) return absl::OkStatus();
  if (absl::Status status = DestroyKey(pbx); !status.ok()) return status;
  Change change(holdings_, now);
  for (const RowRun& run : runs) {
    // A day that ended since took its rows along, and has its entry, even if its key could not be destroyed yet.
    if (holdings_.counts.Of(run.day)[run.category].rows < run.rows) continue;
    change.EraseRun(FiledPrefix(run.day, run.category, pbx), run.day, run.category, run.rows, run.values,
                    ending->reason);
  }
  change.batch().Delete(Family::kState, EndingKeyOf(holdings_.vault, pbx));
  holdings_.marks.Note(DueDay(), now);
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  registry_.FinishEnding(pbx);
  return absl::OkStatus();
}

}  // namespace retention
