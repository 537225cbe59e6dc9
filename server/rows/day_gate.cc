#include "server/rows/day_gate.h"

#include <utility>

namespace retention {

absl::Status DayGate::Load(const StoreView& store, const KeyRing& ring) {
  ended_through_ = ring.destroyed_through();
  auto days = ReadDayProgress(store, DueDay::Open());
  if (!days.ok()) return days.status();
  closed_ = *std::move(days);
  return absl::OkStatus();
}

}  // namespace retention
