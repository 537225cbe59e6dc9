#include "server/days/day_entries.h"

#include "server/law/periods.h"

namespace retention {

using stored::v1::LedgerEntry;

LedgerEntry DayEndEntry(DueDay day, std::span<const UnenteredDestruction> destructions, const absl::TimeZone& zone) {
  LedgerEntry entry;
  entry.set_kind(LedgerEntry::KIND_DAY_ENDED);
  entry.set_day(day.number());
  entry.set_due_us(absl::ToUnixMicros(DueInstant(day, zone)));
  for (const UnenteredDestruction& destruction : destructions) {
    if (day < destruction.from || day > destruction.to) continue;
    entry.set_done_us(destruction.instant_us);
    entry.set_ring_generation(destruction.generation);
    entry.set_through_day(destruction.to.number());
    entry.set_keys(1);
  }
  return entry;
}

absl::StatusOr<bool> IsEntered(const StoreView& store, const Ledger& ledger, const UnenteredDestruction& destruction) {
  for (uint64_t sequence = ledger.size(); sequence > 0; --sequence) {
    const auto row = LedgerRowAt(store, sequence);
    if (!row.ok()) return row.status();
    if (!row->has_value()) break;
    const LedgerEntry& entry = (*row)->entry;
    if (entry.kind() == LedgerEntry::KIND_DAY_ENDED) {
      // One that did not fit into the ring's list goes further by now than when it was entered.
      const bool is_all_of_it = entry.through_day() >= destruction.to.number();
      if (entry.ring_generation() == destruction.generation && is_all_of_it) return true;
    } else if (entry.ring_generation() < destruction.generation) {
      break;
    }
  }
  return false;
}

}  // namespace retention
