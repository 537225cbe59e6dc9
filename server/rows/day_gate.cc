#include "server/rows/day_gate.h"

#include <algorithm>

#include "server/rows/day_progress.h"

namespace retention {

absl::Status DayGate::Load(const StoreView& store, const KeyRing& ring) {
  closed_.clear();
  ended_through_ = ring.destroyed_through();
  const auto days = ReadDayProgress(store, DueDay::Open());
  if (!days.ok()) return days.status();
  for (const auto& [day, progress] : *days) closed_.insert(day);
  return absl::OkStatus();
}

void DayGate::ForgetThrough(DueDay last) { closed_.erase(closed_.begin(), closed_.upper_bound(last)); }

}  // namespace retention
