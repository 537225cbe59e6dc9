#include "server/law/filing.h"

#include <algorithm>

namespace retention {
namespace {

absl::CivilDay StartingDay(const DeletionRule& rule, const MeetingFacts& facts, absl::Time likely_end,
                           const Policy& policy) {
  switch (rule.starting_point) {
    case v1::STARTING_POINT_MEETING_SCHEDULED_ON:
      if (facts.scheduled_on_us.has_value()) {
        return DayOf(absl::FromUnixMicros(*facts.scheduled_on_us), policy.zone());
      }
      return PlannedDate(facts, policy);
    case v1::STARTING_POINT_MEETING_END:
      return DayOf(rule.period.count == 0 ? MeetingEndOf(facts, policy) : likely_end, policy.zone());
    case v1::STARTING_POINT_COLLECTION:
      return CollectionDay(facts, policy);
    default:
      return PlannedDate(facts, policy);
  }
}

// When a meeting that has begun did begin.
absl::Time StartOf(const MeetingFacts& facts) {
  return absl::FromUnixMicros(facts.start_us.value_or(facts.first_course_us.value_or(0)));
}

absl::Time PlannedEndOf(const MeetingFacts& facts) {
  return facts.plan.has_value() ? absl::FromUnixMicros(facts.plan->end_us) : absl::InfinitePast();
}

bool IsRunning(const MeetingFacts& facts) { return facts.first_course_us.has_value() && !facts.end_us.has_value(); }

// The end of a running meeting, were it to end as nearly all do.
absl::Time LikelyEndOf(const MeetingFacts& facts, const Policy& policy) {
  return IsRunning(facts) ? std::max(PlannedEndOf(facts), StartOf(facts)) : MeetingEndOf(facts, policy);
}

}  // namespace

absl::CivilDay PlannedDate(const MeetingFacts& facts, const Policy& policy) {
  if (!facts.plan.has_value()) return DayOf(StartOf(facts), policy.zone());
  const absl::CivilDay planned = DayOf(absl::FromUnixMicros(facts.plan->start_us), policy.zone());
  return facts.start_us.has_value() ? std::max(planned, DayOf(StartOf(facts), policy.zone())) : planned;
}

absl::Time MeetingEndOf(const MeetingFacts& facts, const Policy& policy) {
  if (facts.end_us.has_value()) return absl::FromUnixMicros(*facts.end_us);
  if (!facts.first_course_us.has_value()) return PlannedEndOf(facts);
  return std::max(PlannedEndOf(facts), StartOf(facts)) + policy.presumed_end_after();
}

absl::CivilDay CollectionDay(const MeetingFacts& facts, const Policy& policy) {
  if (facts.first_course_us.has_value()) return DayOf(absl::FromUnixMicros(*facts.first_course_us), policy.zone());
  return PlannedDate(facts, policy);
}

Filing FileMeeting(const MeetingFacts& facts, const Policy& policy, absl::Time now) {
  Filing filing;
  filing.review = absl::InfiniteFuture();
  absl::Time likely_end = LikelyEndOf(facts, policy);
  if (IsRunning(facts)) {
    const absl::Time day_over = FirstInstantOf(DayOf(likely_end, policy.zone()) + 1, policy.zone());
    if (now < day_over) {
      filing.review = day_over;
    } else {
      likely_end = MeetingEndOf(facts, policy);
    }
  }
  for (const CategoryNumber category : kFiledByMeeting) {
    const DeletionRule& rule = policy.rule(category);
    filing.days[category] = DueDay(LastDayOf(StartingDay(rule, facts, likely_end, policy), rule.period));
  }
  filing.files_end = MeetingEndOf(facts, policy);
  return filing;
}

DueDay CreationDueDay(CategoryNumber category, absl::Time created, const Policy& policy) {
  return DueDay(LastDayOf(DayOf(created, policy.zone()), policy.rule(category).period));
}

}  // namespace retention
