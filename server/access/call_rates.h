// How many calls one caller may make, so that none keeps the others waiting.
#ifndef RETENTION_SERVER_ACCESS_CALL_RATES_H_
#define RETENTION_SERVER_ACCESS_CALL_RATES_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/access/method_table.h"
#include "storage/mutex.h"

namespace retention {

// A bucket that fills by `per_second`, up to `burst`; each call takes one.
struct CallRate {
  double per_second = 0;
  double burst = 0;
};

struct CallRateLimits {
  // A portal that shows a page for each click of some thousand people makes some hundred calls a second.
  CallRate ordinary{.per_second = 1000, .burst = 5000};
  // Those that look at much (MethodRow::cost): a person at a console, or a script that goes over all PBXs.
  CallRate expensive{.per_second = 2, .burst = 60};
};

// Thread-safe. Bounded: so many callers are remembered (kMaxCallers), the rest share what is one caller's.
class CallRates {
 public:
  static constexpr size_t kMaxCallers = 4096;

  explicit CallRates(const CallRateLimits& limits) : limits_(limits) {}

  // Counts a call of `caller` at `now`, of a clock that goes on steadily. RESOURCE_EXHAUSTED with reason RATE_EXCEEDED
  // and a RetryInfo until there is room for one more: then it is not to be done, and not counted.
  absl::Status Count(std::string_view caller, CallCost cost, absl::Duration now);

 private:
  struct Bucket {
    double calls = 0;
    absl::Duration filled;
  };
  using Buckets = std::array<Bucket, 2>;  // by CallCost, ordinary and expensive

  const CallRate& RateOf(size_t bucket) const { return bucket == 0 ? limits_.ordinary : limits_.expensive; }
  Buckets& BucketsOf(std::string_view caller, absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallRateLimits limits_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Buckets> callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_CALL_RATES_H_
