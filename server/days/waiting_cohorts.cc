#include "server/days/waiting_cohorts.h"

#include <algorithm>

#include "server/law/cohort_days.h"

namespace retention {

WaitingCohorts CohortsThatWait(const Holdings& holdings, absl::Time now) {
  const PolicyVersion& version = holdings.policies.current();
  const DueDay last_due = holdings.LastDue(now);
  WaitingCohorts waiting;
  // A sweep that is on its way is no reason to worry.
  const absl::Time due = now - absl::Hours(24);
  CohortDays cohort = version.profiles.CohortOf(holdings.ring.cohorts_destroyed_through().Next());
  while (ReleaseTimeOf(cohort, absl::ZeroDuration(), version.policy) <= due) {
    if (waiting.cohorts++ == 0) {
      const int64_t last_day = BucketOfCohort(cohort, version.policy).number();
      waiting.days_left = std::max<int64_t>(0, last_day - int64_t{last_due.number()});
    }
    cohort = version.profiles.CohortOf(cohort.last.Next());
  }
  return waiting;
}

}  // namespace retention
