// The days of cohorts: where their originals lie, when they are counted, how long their cubes may exist.
#ifndef RETENTION_SERVER_LAW_COHORT_DAYS_H_
#define RETENTION_SERVER_LAW_COHORT_DAYS_H_

#include "absl/time/time.h"
#include "server/law/policy.h"
#include "storage/due_day.h"

namespace retention {

// The bucket that holds the originals of a cohort.
DueDay BucketOfCohort(DueDay cohort, const Policy& policy);
// The last day on which the cube of a cohort may exist; Open() if the policy keeps it.
DueDay EraseDayOfCohort(DueDay cohort, const Policy& policy);
// When a cohort is to be released: as the policy says, and never later than `lead` before its originals are due.
absl::Time ReleaseTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_COHORT_DAYS_H_
