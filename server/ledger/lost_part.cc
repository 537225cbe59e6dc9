#include "server/ledger/lost_part.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/ledger/leaf.h"
#include "storage/keys.h"

namespace retention {

using stored::v1::AcceptedLoss;
using stored::v1::LedgerEntry;
using stored::v1::LossMark;

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

absl::StatusOr<std::optional<LossMark>> ReadLossMark(const StoreView& store) {
  const auto row = store.Get(Family::kState, GoneSweepKey());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  LossMark mark;
  if (!mark.ParseFromString(**row)) return absl::DataLossError("the mark of an accepted loss does not parse");
  return mark;
}

void PutLossMark(const LossMark& mark, Batch& batch) {
  batch.Put(Family::kState, GoneSweepKey(), mark.SerializeAsString());
}

LossMark Merged(LossMark mark, const LossMark& other) {
  for (const AcceptedLoss& loss : other.unentered()) {
    const auto& known = mark.unentered();
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const AcceptedLoss& one) {
      return one.reason() == loss.reason() && one.backup() == loss.backup();
    });
    if (!is_known) *mark.add_unentered() = loss;
  }
  if (other.has_known_entries() && (!mark.has_known_entries() || other.known_entries() < mark.known_entries())) {
    mark.set_known_entries(other.known_entries());
  }
  if (other.has_keys_lost() && !mark.has_keys_lost()) mark.set_keys_lost(other.keys_lost());
  return mark;
}

}  // namespace retention
