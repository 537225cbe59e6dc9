// Cubes that were released: keeping them, and answering from them. Nothing here can reach an original (I9), which
// tests/structure holds it to.
#ifndef RETENTION_SERVER_DAYS_RELEASED_CUBES_H_
#define RETENTION_SERVER_DAYS_RELEASED_CUBES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/cube_source.h"
#include "server/anonymisation/query.h"
#include "server/law/cohort_days.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/store.h"

namespace retention {

// The rows of a released cube.
void PutCube(const NoisyCube& cube, DueDay erase_day, Batch& batch);
// Whether a cohort has been released.
absl::StatusOr<bool> IsReleased(const StoreView& view, const CohortDays& cohort, const Policy& policy);
// Whether it has, and those who came late to it are not counted yet.
absl::StatusOr<bool> LacksLatePeople(const StoreView& view, const CohortDays& cohort, const Policy& policy);
// Puts the noisy cell of those who came late into a cube. Does nothing where it is, or where there is no cube.
absl::Status PutLatePeople(const StoreView& view, const CohortDays& cohort, const Policy& policy, int64_t late_people,
                           Batch& batch);
// Adds the estimates of the cubes that lie under days through `last` to those of their months, which stay, and takes
// the cubes' heads away in the same batch: each is added once. Returns how many there were. Rows without a head are
// left.
absl::StatusOr<uint64_t> MoveIntoMonths(const StoreView& view, DueDay last, Batch& batch);

// Of one snapshot, the released cubes that are not due, neither on the day under which they lie nor under the policy,
// and whose cohort's key is destroyed; and the sums of months.
class ReleasedCubes : public CubeSource {
 public:
  // `served_through`: the last day whose cohort's key is destroyed. REQUIRES: `view` and `policy` outlive it.
  ReleasedCubes(const StoreView& view, const Policy& policy, DueDay last_due, DueDay served_through)
      : view_(view), policy_(policy), last_due_(last_due), served_through_(served_through) {}
  absl::StatusOr<std::vector<FoundCube>> Find(DueDay from, DueDay to) const override;
  absl::StatusOr<std::vector<int64_t>> Estimates(const FoundCube& cube, TableId table) const override;
  absl::StatusOr<std::vector<int64_t>> Drawn(const FoundCube& cube, TableId table) const override;

 private:
  absl::StatusOr<std::vector<int64_t>> Cells(const FoundCube& cube, TableId table, uint8_t part) const;

  const StoreView& view_;
  const Policy& policy_;
  const DueDay last_due_;
  const DueDay served_through_;
};

// All cohorts whose middle lies within the days, in order. Those that had begun at `store_made` are partial: that is
// public, and nothing that was recorded decides it.
std::vector<ExpectedCohort> CohortsWithin(const ProfileHistory& profiles, const absl::TimeZone& zone,
                                          absl::Time store_made, DueDay from, DueDay to);
// See StatisticsService.QueryStatistics: from released cubes alone; where there is none, the tables of today's
// cohort say what can be asked. `store_made`: as CohortsWithin; if nobody knows, no cohort is partial. Thread-safe.
absl::StatusOr<v1::QueryStatisticsResponse> QueryReleased(const Store& store, const Policy& policy,
                                                          const ProfileHistory& profiles, DueDay served_through,
                                                          const v1::QueryStatisticsRequest& request, absl::Time now,
                                                          absl::Time store_made = absl::InfinitePast());

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_RELEASED_CUBES_H_
