#include "server/law/cohort_days.h"

#include <algorithm>
#include <utility>

#include "absl/time/civil_time.h"
#include "server/base/field_checks.h"
#include "server/law/cut_rules.h"

namespace retention {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

// The days on which a meeting began in which somebody joined in `cohort`.
struct BeginDays {
  absl::CivilDay first, last;
};
BeginDays BeginDaysOf(const CohortDays& cohort) {
  // The first sitting comes early to the longest plan, the last as late as it may, and stays as long as it can. Where a
  // change of clocks is between, one civil day more.
  const absl::Duration longest = kMaxEarlyWithin + kMaxPlannedDuration + kMaxLateWithin + kMaxLongestSitting;
  // Who tries the room before a plan that nobody comes to lies with the plan's day.
  return {.first = cohort.first.civil() - (absl::Ceil(longest, kDay) / kDay + 1),
          .last = cohort.last.civil() + absl::Ceil(kMaxEarlyWithin, kDay) / kDay};
}

CohortDays CohortOfProfile(v1::StatisticsProfile profile, DueDay day) {
  const absl::CivilDay civil = day.civil();
  switch (profile) {
    case v1::STATISTICS_PROFILE_DAILY:
      return {day, day, profile};
    case v1::STATISTICS_PROFILE_SMALL: {
      const absl::CivilMonth month(civil);
      return {DueDay(absl::CivilDay(month)), DueDay(absl::CivilDay(month + 1) - 1), profile};
    }
    default: {
      const absl::CivilDay monday = absl::PrevWeekday(civil + 1, absl::Weekday::monday);
      return {DueDay(monday), DueDay(monday + 6), v1::STATISTICS_PROFILE_LARGE};
    }
  }
}

bool Begins(v1::StatisticsProfile profile, DueDay day) { return CohortOfProfile(profile, day).first == day; }

}  // namespace

v1::StatisticsProfile ProfileIn(const v1::StatisticsPolicy& policy) {
  return policy.profile() == v1::STATISTICS_PROFILE_UNSPECIFIED ? v1::STATISTICS_PROFILE_LARGE : policy.profile();
}

ProfileHistory::ProfileHistory(v1::StatisticsProfile first)
    : ProfileHistory(std::vector<Period>{{.from = DueDay::None(), .profile = first}}) {}

ProfileHistory::ProfileHistory(std::vector<Period> periods)
    : periods_(std::make_shared<const std::vector<Period>>(std::move(periods))) {}

ProfileHistory ProfileHistory::Then(DueDay applied, v1::StatisticsProfile profile) const {
  std::vector<Period> periods = *periods_;
  // What will not have begun tomorrow is taken back.
  while (periods.back().from > applied.Next()) periods.pop_back();
  if (periods.back().profile != profile) {
    // Not the next day: an event may be minutes ahead of the clock. A month that begins on a Monday comes within a
    // year.
    DueDay from = applied.Next().Next();
    while (!Begins(periods.back().profile, from) || !Begins(profile, from)) from = from.Next();
    periods.push_back({.from = from, .profile = profile});
  }
  return periods == *periods_ ? *this : ProfileHistory(std::move(periods));
}

CohortDays ProfileHistory::CohortOf(DueDay day) const {
  size_t i = periods_->size() - 1;
  while (i > 0 && day < (*periods_)[i].from) --i;
  return CohortOfProfile((*periods_)[i].profile, day);
}

DueDay BucketOfDay(DueDay day, const Policy& policy) {
  return DueDay(LastDayOf(day.civil(), policy.rule(kHistory).period));
}

BucketRange BucketsOfCohort(const CohortDays& cohort, const Policy& policy) {
  const BeginDays days = BeginDaysOf(cohort);
  return {.first = BucketOfDay(DueDay(days.first), policy), .last = BucketOfDay(DueDay(days.last), policy)};
}

DueDay EraseDayOfCohort(const CohortDays& cohort, const Policy& policy) {
  const CivilPeriod period = policy.rule(kHistory).anonymised_period;
  return period.unit == CivilPeriod::Unit::kNone ? DueDay::Open() : DueDay(LastDayOf(cohort.first.civil(), period));
}

absl::Time ReleaseTimeOf(const CohortDays& cohort, absl::Duration lead, const Policy& policy) {
  absl::Time release = FirstInstantOf(cohort.last.civil() + 1, policy.zone()) + policy.settling();
  if (policy.statistics().release() == v1::RELEASE_TIME_AT_DUE_DAY) {
    release = std::max(release, DueInstant(BucketsOfCohort(cohort, policy).first, policy.zone()) - lead);
  }
  return std::min(release, LateTimeOf(cohort, lead, policy));
}

absl::Time LateTimeOf(const CohortDays& cohort, absl::Duration lead, const Policy& policy) {
  return DueInstant(BucketOfCohort(cohort, policy), policy.zone()) - lead;
}

}  // namespace retention
