// The days of cohorts: where their originals lie, when they are counted, how long their cubes may exist.
//
// A participation is of the cohort of the day on which it began. Its original lies with its meeting, which may have
// begun days before.
#ifndef RETENTION_SERVER_LAW_COHORT_DAYS_H_
#define RETENTION_SERVER_LAW_COHORT_DAYS_H_

#include "absl/time/time.h"
#include "server/law/policy.h"
#include "storage/due_day.h"

namespace retention {

// The bucket of the meetings that began on the cohort's day: that of most of its originals.
DueDay BucketOfCohort(DueDay cohort, const Policy& policy);
// All buckets in which originals of a cohort may lie.
struct BucketRange {
  DueDay first, last;
};
BucketRange BucketsOfCohort(DueDay cohort, const Policy& policy);
// The last day on which the cube of a cohort may exist; Open() if the policy keeps it.
DueDay EraseDayOfCohort(DueDay cohort, const Policy& policy);
// When a cohort is to be released: as the policy says, and never later than `lead` before BucketOfCohort is due.
absl::Time ReleaseTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy);
// When those who came late to a cohort are to be counted: `lead` before BucketOfCohort is due.
absl::Time LateTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_COHORT_DAYS_H_
