// From the rows of a cohort to its cube: reading participations.
#ifndef RETENTION_SERVER_DAYS_COHORT_ROWS_H_
#define RETENTION_SERVER_DAYS_COHORT_ROWS_H_

#include "absl/status/statusor.h"
#include "server/anonymisation/cube.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

struct CountedCohort {
  NoisyCube cube;
  uint64_t rows_damaged = 0;  // left out
};
// Reads the participations of the meetings that began on `cohort` in one pass over its bucket and draws its cube.
// Memory: as CohortBuilder, and one meeting at a time. A row that is damaged costs itself: the rest is counted.
absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const Policy& policy, DueDay cohort,
                                          RandomSource& random);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_ROWS_H_
