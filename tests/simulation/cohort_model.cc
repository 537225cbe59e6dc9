#include "tests/simulation/cohort_model.h"

#include <algorithm>

#include "tests/simulation/calendar.h"

namespace retention::simulation {
namespace {

bool OriginalsAreGone(const PolicyModel& policy, absl::CivilDay cohort, absl::Time now) {
  return now >= DueAfter(policy.LastDay(v1::DATA_CATEGORY_HISTORY, cohort));
}

}  // namespace

void CohortModel::NoteSwept(absl::Time now) {
  while (policy().ReleaseTime(next_) <= now) ++next_;
}

void CohortModel::NoteRefiled(absl::Time now) {
  if (policy().Differs(policies_[policies_.size() - 2].second, v1::DATA_CATEGORY_HISTORY)) NoteFailed(now);
}

void CohortModel::NoteFailed(absl::Time now) {
  for (; OriginalsAreGone(policy(), next_, now); ++next_) lost_.insert(next_);
}

std::vector<absl::CivilDay> CohortModel::Drawn() const {
  std::vector<absl::CivilDay> drawn;
  for (absl::CivilDay cohort = first_; cohort < next_; ++cohort) {
    if (!lost_.contains(cohort)) drawn.push_back(cohort);
  }
  return drawn;
}

absl::CivilDay CohortModel::CubeDay(absl::CivilDay cohort) const {
  absl::CivilDay day = policies_.front().second.CubeDay(cohort);
  for (const auto& [since, policy] : policies_) {
    if (since >= DueAfter(day)) break;
    day = policy.CubeDay(cohort);
  }
  return day;
}

absl::Time CohortModel::LateTime(absl::CivilDay cohort) const {
  absl::Time first = absl::InfiniteFuture();
  for (const auto& [since, policy] : policies_) first = std::min(first, policy.LateTime(cohort));
  return first;
}

uint64_t CohortModel::LostBy(const PolicyModel& next, absl::Time now) const {
  uint64_t lost = 0;
  for (absl::CivilDay cohort = next_; OriginalsAreGone(next, cohort, now); ++cohort) {
    if (!OriginalsAreGone(policy(), cohort, now)) ++lost;
  }
  return lost;
}

uint64_t CohortModel::CubesGoneBy(const PolicyModel& next, absl::Time now) const {
  uint64_t gone = 0;
  for (const absl::CivilDay cohort : Drawn()) {
    const absl::CivilDay held = CubeDay(cohort);
    if (now >= DueAfter(held) || next.CubeDay(cohort) == held) continue;
    if (now >= DueAfter(next.CubeDay(cohort))) ++gone;
  }
  return gone;
}

}  // namespace retention::simulation
