// What time it is for the engine, which is told: the committer, the loops and the services ask.
#ifndef RETENTION_SERVER_BASE_CLOCK_H_
#define RETENTION_SERVER_BASE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Microsecond precision.
  virtual absl::Time Now() const = 0;
};

// The machine's clock.
class SystemClock : public Clock {
 public:
  absl::Time Now() const override;
};

// A clock that stands still until it is moved.
class SimulatedClock : public Clock {
 public:
  // How far one step may lead.
  static constexpr absl::Duration kMaxAdvance = absl::Hours(24 * 3660);

  explicit SimulatedClock(absl::Time start) : now_(start) {}
  absl::Time Now() const override;
  // INVALID_ARGUMENT if `to` lies before now or more than kMaxAdvance ahead.
  absl::Status AdvanceTo(absl::Time to);

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_CLOCK_H_
