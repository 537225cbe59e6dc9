// The oracle's cohorts: which have been drawn, which never will be, and how long their cubes exist.
#ifndef RETENTION_TESTS_SIMULATION_COHORT_MODEL_H_
#define RETENTION_TESTS_SIMULATION_COHORT_MODEL_H_

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "tests/simulation/policy_model.h"

namespace retention::simulation {

class CohortModel {
 public:
  // The first day is the first cohort.
  CohortModel(PolicyModel policy, absl::CivilDay first)
      : policies_({{absl::InfinitePast(), std::move(policy)}}), first_(first), next_(first) {}

  // All went well: every cohort whose time has come is drawn.
  void NoteSwept(absl::Time now);
  // A sweep failed: erasure waits for no statistics. Cohorts whose originals are gone by now may not be drawn.
  void NoteFailed(absl::Time now);
  void ApplyPolicy(const PolicyModel& next, absl::Time now) { policies_.emplace_back(now, next); }
  // Cohorts whose originals are gone by now were not drawn, unless they had been before.
  void NoteRefiled(absl::Time now);

  // Cohorts that must have been drawn by now.
  std::vector<absl::CivilDay> Drawn() const;
  bool MayBeLost(absl::CivilDay cohort) const { return lost_.contains(cohort); }
  // The last day of its cube: what is over when a policy comes into force stays so.
  absl::CivilDay CubeDay(absl::CivilDay cohort) const;
  // The first instant at which those who came late to it may be counted, under any policy that there was.
  absl::Time LateTime(absl::CivilDay cohort) const;
  // Cohorts that would be lost with `next`, right after a sweep.
  uint64_t LostBy(const PolicyModel& next, absl::Time now) const;
  // Cubes that would be gone.
  uint64_t CubesGoneBy(const PolicyModel& next, absl::Time now) const;

 private:
  const PolicyModel& policy() const { return policies_.back().second; }

  std::vector<std::pair<absl::Time, PolicyModel>> policies_;  // and since when
  const absl::CivilDay first_;
  absl::CivilDay next_;  // all before are drawn or lost
  std::set<absl::CivilDay> lost_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_COHORT_MODEL_H_
