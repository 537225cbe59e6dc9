// Cohorts are released: their cubes are kept, their keys destroyed.
#ifndef RETENTION_SERVER_DAYS_COHORT_RELEASER_H_
#define RETENTION_SERVER_DAYS_COHORT_RELEASER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "server/days/cohort_rows.h"
#include "server/rows/change.h"

namespace retention {

// Commands. Belongs to the writer's thread.
class CohortReleaser {
 public:
  // REQUIRES: `holdings` outlive it.
  explicit CohortReleaser(Holdings& holdings) : holdings_(holdings) {}

  // Puts a cube, which says that its cohort is released, and its ledger entry in one batch, then destroys the cohort's
  // key. Does nothing but the latter if the cohort was released before.
  absl::Status Release(const CohortDays& cohort, const CountedCohort* counted, Change& change);
  // Adds to a cube the noisy cell of those who came late, if it lacks it.
  absl::Status AddLatePeople(const CohortDays& cohort, int64_t late_people, Change& change);
  // Ends cubes that are due: their estimates go into the sums of their months, which stay, and their heads go. What is
  // left of them is to be dropped.
  absl::Status EndCubes(DueDay last, Change& change);

 private:
  Holdings& holdings_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_RELEASER_H_
