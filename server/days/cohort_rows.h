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

// Reads the participations of the meetings that began on `cohort` in one pass over its bucket and draws its cube.
// Memory: as CohortBuilder, and one meeting at a time. A row that is damaged costs itself: the rest is counted.
struct CountedCohort {
  NoisyCube cube;
  uint64_t rows_damaged = 0;
};
absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const Policy& policy, DueDay cohort,
                                          RandomSource& random);

// The rows of a released cube.
void PutCube(const NoisyCube& cube, DueDay erase_day, Batch& batch);
// Whether a cohort has been released.
absl::StatusOr<bool> IsReleased(const StoreView& view, DueDay cohort, const Policy& policy);

// The released cubes that are not due: neither on the day under which they lie nor under the policy.
class ReleasedCubes : public CubeSource {
 public:
  // REQUIRES: `view` and `policy` outlive it.
  ReleasedCubes(const StoreView& view, const Policy& policy, DueDay last_due)
      : view_(view), policy_(policy), last_due_(last_due) {}
  absl::Status ForEach(DueDay from, DueDay to, TableId table, Visit visit) const override;

 private:
  const StoreView& view_;
  const Policy& policy_;
  const DueDay last_due_;
};

// See StatisticsService.QueryStatistics: from released cubes alone. Thread-safe.
absl::StatusOr<v1::QueryStatisticsResponse> QueryReleased(const Store& store, const Policy& policy,
                                                          const v1::QueryStatisticsRequest& request, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_ROWS_H_
