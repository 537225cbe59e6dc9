// Cohorts that should have been released, and how long their originals still live: erasure does not wait for them.
#ifndef RETENTION_SERVER_DAYS_WAITING_COHORTS_H_
#define RETENTION_SERVER_DAYS_WAITING_COHORTS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "server/rows/holdings.h"

namespace retention {

struct WaitingCohorts {
  uint32_t cohorts = 0;
  int64_t days_left = 0;  // until the first originals of the first of them go; 0 if none waits

  // Somebody should look: with this many days to go what keeps them can still be mended.
  static constexpr int64_t kAlarmDays = 14;
  bool alarms() const { return cohorts > 0 && days_left <= kAlarmDays; }
};
// Those whose time had come a day ago. Thread-safe.
WaitingCohorts CohortsThatWait(const Holdings& holdings, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_WAITING_COHORTS_H_
