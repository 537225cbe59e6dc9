// When something was tried that is tried again after a while.
#ifndef RETENTION_STORAGE_SECRETS_ATTEMPT_H_
#define RETENTION_STORAGE_SECRETS_ATTEMPT_H_

#include <ctime>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

// For how long the machine has been running (CLOCK_MONOTONIC).
inline absl::Duration TimeRunning() {
  struct timespec running = {};
  ::clock_gettime(CLOCK_MONOTONIC, &running);
  return absl::DurationFromTimespec(running);
}

// By two clocks, since a simulated one may stand still, and one that is put back ends a wait.
struct Attempt {
  absl::Time now;
  absl::Duration running;

  // Whether `wait` is not over by either.
  bool IsWithin(absl::Duration wait, const Attempt& present) const {
    return present.now >= now && present.now < now + wait && present.running < running + wait;
  }
};

// What failed: when it did, how long it waits from then on, and why.
struct FailedAttempt {
  Attempt at;
  absl::Duration wait;
  absl::Status why;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ATTEMPT_H_
