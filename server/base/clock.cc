#include "server/base/clock.h"

#include <algorithm>

#include "server/base/errors.h"

namespace retention {

absl::Time SimulatedClock::Now() const {
  const MutexLock lock(mutex_);
  return now_;
}

ClockAnchor SimulatedClock::Anchor() const { return {.instant = Now()}; }

absl::Status SimulatedClock::AdvanceTo(absl::Time to) {
  const MutexLock lock(mutex_);
  if (to < now_) return InvalidField("target", "the clock does not go back");
  if (to - now_ > kMaxAdvance) return InvalidField("target", "at most 3,660 days ahead at a time");
  now_ = absl::FromUnixMicros(absl::ToUnixMicros(to));
  return absl::OkStatus();
}

void SimulatedClock::RaiseTo(absl::Time instant) {
  const MutexLock lock(mutex_);
  now_ = std::max(now_, instant);
}

}  // namespace retention
