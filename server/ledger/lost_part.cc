#include "server/ledger/lost_part.h"

#include "absl/strings/str_cat.h"
#include "server/ledger/leaf.h"
#include "storage/keys.h"

namespace retention {

using stored::v1::LedgerEntry;

absl::StatusOr<LostPart> ReadLostPart(const StoreView& store, uint64_t known) {
  LostPart lost;
  auto cursor = store.Scan(Family::kLedger, LedgerKey(known + 1), LedgerTilesBegin());
  for (; cursor->Valid(); cursor->Next()) {
    const auto row = ReadRow(cursor->value());
    if (!row.has_value()) {
      return absl::DataLossError(absl::StrCat("ledger entry ", known + lost.entries + 1, " does not parse"));
    }
    ++lost.entries;
    ++lost.acts[row->entry.kind()];
    switch (row->entry.kind()) {
      case LedgerEntry::KIND_HOLD_PLACED:
      case LedgerEntry::KIND_HOLD_UPDATED:
        lost.holds.insert(row->entry.hold());
        break;
      case LedgerEntry::KIND_HOLD_RELEASED:
        lost.holds.erase(row->entry.hold());
        break;
      default:
        break;
    }
  }
  if (!cursor->status().ok()) return cursor->status();
  return lost;
}

}  // namespace retention
