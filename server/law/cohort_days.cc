#include "server/law/cohort_days.h"

#include <algorithm>

namespace retention {
namespace {

// How long after its last day a cohort stays open for late events (release EARLY).
constexpr absl::Duration kSettling = absl::Hours(48);

}  // namespace

DueDay BucketOfCohort(DueDay cohort, const Policy& policy) {
  return DueDay(LastDayOf(cohort.civil(), policy.rule(kHistory).period));
}

DueDay EraseDayOfCohort(DueDay cohort, const Policy& policy) {
  const CivilPeriod period = policy.rule(kHistory).anonymised_period;
  return period.unit == CivilPeriod::Unit::kNone ? DueDay::Open() : DueDay(LastDayOf(cohort.civil(), period));
}

absl::Time ReleaseTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy) {
  const absl::Time at_due_day = DueInstant(BucketOfCohort(cohort, policy), policy.zone()) - lead;
  if (policy.statistics().release() == v1::RELEASE_TIME_AT_DUE_DAY) return at_due_day;
  return std::min(at_due_day, FirstInstantOf(cohort.civil() + 1, policy.zone()) + kSettling);
}

}  // namespace retention
