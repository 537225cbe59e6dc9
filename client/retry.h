// When and after how long a failed call is tried again.
#pragma once

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace retention {

// Waits; handed in so that tests need not.
using Sleeper = std::function<void(absl::Duration)>;

// Returns a number in [0, 1).
using JitterSource = std::function<double()>;

// A JitterSource seeded by the operating system. Each copy draws from the same, thread-safe, source.
JitterSource RandomJitter();

struct RetryPolicy {
  int attempts_max = 6;                                  // The first one counts. 1: never try again.
  absl::Duration first_delay = absl::Milliseconds(100);  // Doubled after every attempt,
  absl::Duration delay_max = absl::Seconds(5);           // up to this; a server that asks for more gets more.
  Sleeper sleep = [](absl::Duration delay) { absl::SleepFor(delay); };
  JitterSource jitter = RandomJitter();
};

// True if waiting can help: UNAVAILABLE, or RESOURCE_EXHAUSTED with a retry delay.
bool IsRetryable(const absl::Status& status);

// Counts the attempts of one call. Thread-compatible.
class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy) : policy_(policy) {}

  // How long to wait before the next attempt after `failure`, or nothing if attempts are used up. Half of the
  // exponential delay is jittered away at most; a delay that the server asked for is never shortened, but spread by up
  // to a quarter.
  std::optional<absl::Duration> NextDelay(const absl::Status& failure);

  // Progress was made: counts from the beginning.
  void Reset() { failures_ = 0; }

 private:
  const RetryPolicy& policy_;
  int failures_ = 0;
};

}  // namespace retention
