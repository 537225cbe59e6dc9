#include "server/days/day_entries.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
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

namespace {

// Shows `visit` the entries, the last one first, until it returns false.
absl::Status ReadBack(const StoreView& store, const Ledger& ledger,
                      absl::FunctionRef<bool(const LedgerEntry& entry)> visit) {
  for (uint64_t sequence = ledger.size(); sequence > 0; --sequence) {
    const auto row = LedgerRowAt(store, sequence);
    if (!row.ok()) return row.status();
    if (!row->has_value() || !visit((*row)->entry)) break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> IsEntered(const StoreView& store, const Ledger& ledger, const UnenteredDestruction& destruction) {
  bool found = false;
  const absl::Status read = ReadBack(store, ledger, [&](const LedgerEntry& entry) {
    if (entry.kind() != LedgerEntry::KIND_DAY_ENDED) return entry.ring_generation() >= destruction.generation;
    // One that did not fit into the ring's list goes further by now than when it was entered.
    const bool is_all_of_it = entry.through_day() >= destruction.to.number();
    found = entry.ring_generation() == destruction.generation && is_all_of_it;
    return !found;
  });
  if (!read.ok()) return read;
  return found;
}

absl::StatusOr<bool> IsDayEntered(const StoreView& store, const Ledger& ledger, DueDay day,
                                  std::span<const UnenteredDestruction> destructions, const absl::TimeZone& zone) {
  const bool is_news = std::any_of(destructions.begin(), destructions.end(), [&](const UnenteredDestruction& news) {
    return day >= news.from && day <= news.to;
  });
  if (is_news) return false;
  const int64_t due_us = absl::ToUnixMicros(DueInstant(day, zone));
  bool found = false;
  const absl::Status read = ReadBack(store, ledger, [&](const LedgerEntry& entry) {
    found = entry.kind() == LedgerEntry::KIND_DAY_ENDED && entry.day() == day.number();
    return !found && entry.time_us() >= due_us;
  });
  if (!read.ok()) return read;
  return found;
}

}  // namespace retention
