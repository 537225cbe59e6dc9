#include "server/law/cohort_days.h"

#include <algorithm>

#include "server/base/field_checks.h"
#include "server/law/cut_rules.h"

namespace retention {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

// The days on which a meeting began in which somebody joined on `cohort`.
struct BeginDays {
  absl::CivilDay first, last;
};
BeginDays BeginDaysOf(DueDay cohort) {
  // The first sitting comes early to the longest plan, the last as late as it may, and stays as long as it can. Where a
  // change of clocks is between, one civil day more.
  const absl::Duration longest = kMaxEarlyWithin + kMaxPlannedDuration + kMaxLateWithin + kMaxLongestSitting;
  // Who tries the room before a plan that nobody comes to lies with the plan's day.
  return {.first = cohort.civil() - (absl::Ceil(longest, kDay) / kDay + 1),
          .last = cohort.civil() + absl::Ceil(kMaxEarlyWithin, kDay) / kDay};
}

DueDay BucketOf(absl::CivilDay begin, const Policy& policy) {
  return DueDay(LastDayOf(begin, policy.rule(kHistory).period));
}

}  // namespace

DueDay BucketOfCohort(DueDay cohort, const Policy& policy) { return BucketOf(cohort.civil(), policy); }

BucketRange BucketsOfCohort(DueDay cohort, const Policy& policy) {
  const BeginDays days = BeginDaysOf(cohort);
  return {.first = BucketOf(days.first, policy), .last = BucketOf(days.last, policy)};
}

DueDay EraseDayOfCohort(DueDay cohort, const Policy& policy) {
  const CivilPeriod period = policy.rule(kHistory).anonymised_period;
  return period.unit == CivilPeriod::Unit::kNone ? DueDay::Open() : DueDay(LastDayOf(cohort.civil(), period));
}

absl::Time ReleaseTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy) {
  absl::Time release = FirstInstantOf(cohort.civil() + 1, policy.zone()) + policy.settling();
  if (policy.statistics().release() == v1::RELEASE_TIME_AT_DUE_DAY) {
    release = std::max(release, DueInstant(BucketsOfCohort(cohort, policy).first, policy.zone()) - lead);
  }
  return std::min(release, LateTimeOf(cohort, lead, policy));
}

absl::Time LateTimeOf(DueDay cohort, absl::Duration lead, const Policy& policy) {
  return DueInstant(BucketOfCohort(cohort, policy), policy.zone()) - lead;
}

}  // namespace retention
