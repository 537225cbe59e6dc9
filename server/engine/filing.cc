#include "server/engine/filing.h"

#include <algorithm>

namespace retention {
namespace {

absl::CivilDay StartingDay(v1::StartingPoint point, const MeetingFacts& facts, const Policy& policy) {
  switch (point) {
    case v1::STARTING_POINT_MEETING_SCHEDULED_ON:
      if (facts.scheduled_on_us.has_value()) {
        return DayOf(absl::FromUnixMicros(*facts.scheduled_on_us), policy.zone());
      }
      return PlannedDate(facts, policy);
    case v1::STARTING_POINT_MEETING_END:
      return DayOf(EndOf(facts, policy), policy.zone());
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

}  // namespace

absl::CivilDay PlannedDate(const MeetingFacts& facts, const Policy& policy) {
  if (!facts.plan.has_value()) return DayOf(StartOf(facts), policy.zone());
  const absl::CivilDay planned = DayOf(absl::FromUnixMicros(facts.plan->start_us), policy.zone());
  return facts.start_us.has_value() ? std::max(planned, DayOf(StartOf(facts), policy.zone())) : planned;
}

absl::Time EndOf(const MeetingFacts& facts, const Policy& policy) {
  if (facts.end_us.has_value()) return absl::FromUnixMicros(*facts.end_us);
  const absl::Time planned_end =
      facts.plan.has_value() ? absl::FromUnixMicros(facts.plan->end_us) : absl::InfinitePast();
  if (!facts.first_course_us.has_value()) return planned_end;
  return std::max(planned_end, StartOf(facts)) + policy.presumed_end_after();
}

absl::CivilDay CollectionDay(const MeetingFacts& facts, const Policy& policy) {
  if (facts.first_course_us.has_value()) return DayOf(absl::FromUnixMicros(*facts.first_course_us), policy.zone());
  return PlannedDate(facts, policy);
}

Filing FileMeeting(const MeetingFacts& facts, const Policy& policy) {
  Filing filing;
  for (const CategoryNumber category : kFiledByMeeting) {
    const DeletionRule& rule = policy.rule(category);
    filing.days[category] = DueDay(LastDayOf(StartingDay(rule.starting_point, facts, policy), rule.period));
  }
  filing.files_end = EndOf(facts, policy);
  return filing;
}

DueDay FileCreation(CategoryNumber category, absl::Time created, const Policy& policy) {
  return DueDay(LastDayOf(DayOf(created, policy.zone()), policy.rule(category).period));
}

}  // namespace retention
