#include "client/retry.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <random>

#include "client/status_details.h"

namespace retention {

JitterSource RandomJitter() {
  struct Source {
    std::mutex mutex;
    std::mt19937_64 engine{std::random_device{}()};
  };
  auto source = std::make_shared<Source>();
  return [source] {
    std::lock_guard lock(source->mutex);
    return std::uniform_real_distribution<double>(0, 1)(source->engine);
  };
}

bool IsRetryable(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable) return true;
  return status.code() == absl::StatusCode::kResourceExhausted && DecodeErrorDetails(status).retry_delay.has_value();
}

std::optional<absl::Duration> Backoff::NextDelay(const absl::Status& failure) {
  ++failures_;
  if (failures_ >= policy_.attempts_max) return std::nullopt;
  absl::Duration delay = policy_.first_delay;
  for (int i = 1; i < failures_ && delay < policy_.delay_max; ++i) delay *= 2;
  delay = std::min(delay, policy_.delay_max) * (0.5 + 0.5 * policy_.jitter());
  if (const auto asked = DecodeErrorDetails(failure).retry_delay) {
    delay = std::max(delay, *asked * (1 + 0.25 * policy_.jitter()));
  }
  return delay;
}

}  // namespace retention
