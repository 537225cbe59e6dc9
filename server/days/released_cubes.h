// Cubes that were released: keeping them, and answering from them. Nothing here can reach an original (I9), which
// tests/structure holds it to.
#ifndef RETENTION_SERVER_DAYS_RELEASED_CUBES_H_
#define RETENTION_SERVER_DAYS_RELEASED_CUBES_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/query.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/store.h"

namespace retention {

// The rows of a released cube.
void PutCube(const NoisyCube& cube, DueDay erase_day, Batch& batch);
// Whether a cohort has been released.
absl::StatusOr<bool> IsReleased(const StoreView& view, DueDay cohort, const Policy& policy);
// Whether it has, and those who came late to it are not counted yet.
absl::StatusOr<bool> LacksLatePeople(const StoreView& view, DueDay cohort, const Policy& policy);
// Puts the noisy cell of those who came late into a cube. Does nothing where it is, or where there is no cube.
absl::Status PutLatePeople(const StoreView& view, DueDay cohort, const Policy& policy, int64_t late_people,
                           Batch& batch);

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

#endif  // RETENTION_SERVER_DAYS_RELEASED_CUBES_H_
