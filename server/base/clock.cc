#include "server/base/clock.h"

#include "absl/time/clock.h"
#include "server/base/errors.h"

namespace retention {

absl::Time SystemClock::Now() const { return absl::FromUnixMicros(absl::GetCurrentTimeNanos() / 1000); }

absl::Time SimulatedClock::Now() const {
  const MutexLock lock(mutex_);
  return now_;
}

absl::Status SimulatedClock::AdvanceTo(absl::Time to) {
  const MutexLock lock(mutex_);
  if (to < now_) return InvalidField("target", "the clock does not go back");
  if (to - now_ > kMaxAdvance) return InvalidField("target", "at most 3,660 days ahead at a time");
  now_ = absl::FromUnixMicros(absl::ToUnixMicros(to));
  return absl::OkStatus();
}

}  // namespace retention
