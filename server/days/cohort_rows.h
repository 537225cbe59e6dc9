// Between the rows of a cohort and its cube: reading participations, and keeping what was released.
#ifndef RETENTION_SERVER_DAYS_COHORT_ROWS_H_
#define RETENTION_SERVER_DAYS_COHORT_ROWS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/query.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// The bucket that holds the originals of a cohort.
DueDay BucketOfCohort(DueDay cohort, const Policy& policy);
// The last day on which the cube of a cohort may exist; Open() if the policy keeps it.
DueDay EraseDayOfCohort(DueDay cohort, const Policy& policy);
// When a cohort is to be released: as the policy says, and never later than `lead` before its originals are due.
absl::Time ReleaseTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy);

// Reads the participations of the meetings that began on `cohort` in one pass over its bucket and draws its cube.
// Memory: as CohortBuilder, and one meeting at a time.
absl::StatusOr<NoisyCube> BuildCohort(const StoreView& view, Vault& vault, const Policy& policy, DueDay cohort,
                                      RandomSource& random);

// The rows of a released cube.
void PutCube(const NoisyCube& cube, DueDay erase_day, Batch& batch);
// Whether a cohort has been released.
absl::StatusOr<bool> IsReleased(const StoreView& view, DueDay cohort, const Policy& policy);

// The released cubes that are not due: neither on the day under which they lie nor under the policy.
class CubeShelf : public CubeSource {
 public:
  // REQUIRES: `view` and `policy` outlive it.
  CubeShelf(const StoreView& view, const Policy& policy, DueDay last_due)
      : view_(view), policy_(policy), last_due_(last_due) {}
  absl::Status ForEach(DueDay from, DueDay to, TableId table, Visit visit) const override;

 private:
  const StoreView& view_;
  const Policy& policy_;
  const DueDay last_due_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_ROWS_H_
