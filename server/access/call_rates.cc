#include "server/access/call_rates.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "server/base/errors.h"

namespace retention {
namespace {

// Whoever comes when too many are remembered.
constexpr std::string_view kOtherCallers = "others";

}  // namespace

absl::Status CallRates::Count(std::string_view caller, CallCost cost, absl::Duration now) {
  if (cost == CallCost::kUnlimited) return absl::OkStatus();
  const size_t number = cost == CallCost::kOrdinary ? 0 : 1;
  const CallRate& rate = RateOf(number);
  MutexLock lock(mutex_);
  Bucket& bucket = BucketsOf(caller, now)[number];
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled));
  bucket.calls = std::min(rate.burst, bucket.calls + seconds * rate.per_second);
  bucket.filled = std::max(bucket.filled, now);
  if (bucket.calls >= 1) {
    bucket.calls -= 1;
    return absl::OkStatus();
  }
  // Rounded up to what RetryInfo can say: who waits so long is served.
  const absl::Duration wait = absl::Ceil(absl::Seconds((1 - bucket.calls) / rate.per_second), absl::Milliseconds(1));
  return WithRetryDelay(ErrorWithReason(absl::StatusCode::kResourceExhausted, "RATE_EXCEEDED",
                                        "more calls of this kind than one caller may make; nothing was done"),
                        wait);
}

CallRates::Buckets& CallRates::BucketsOf(std::string_view caller, absl::Duration now) {
  const Buckets full = {Bucket{limits_.ordinary.burst, now}, Bucket{limits_.expensive.burst, now}};
  if (const auto known = callers_.find(absl::string_view(caller.data(), caller.size())); known != callers_.end())
    return known->second;
  if (callers_.size() >= kMaxCallers) {
    // Whose buckets are full again is like somebody new.
    absl::erase_if(callers_, [&](const auto& known) {
      for (size_t number = 0; number < known.second.size(); ++number) {
        const Bucket& bucket = known.second[number];
        const double filled = bucket.calls + absl::ToDoubleSeconds(now - bucket.filled) * RateOf(number).per_second;
        if (filled < RateOf(number).burst) return false;
      }
      return true;
    });
  }
  const bool is_room = callers_.size() < kMaxCallers;
  return callers_.try_emplace(std::string(is_room ? caller : kOtherCallers), full).first->second;
}

}  // namespace retention
