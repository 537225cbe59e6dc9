#include "server/law/filing.h"

#include <algorithm>

namespace retention {
namespace {

absl::Time At(int64_t time_us) { return absl::FromUnixMicros(time_us); }

absl::CivilDay StartingDay(const DeletionRule& rule, const OccurrenceFacts& facts, absl::Time likely_end,
                           const Policy& policy) {
  switch (rule.starting_point) {
    case v1::STARTING_POINT_MEETING_SCHEDULED_ON:
      if (facts.scheduled_on_us.has_value()) return DayOf(At(*facts.scheduled_on_us), policy.zone());
      return PlannedDate(facts, policy);
    case v1::STARTING_POINT_MEETING_END:
      return DayOf(rule.period.count == 0 ? MeetingEndOf(facts) : likely_end, policy.zone());
    case v1::STARTING_POINT_COLLECTION:
      return CollectionDay(facts, policy);
    default:
      return PlannedDate(facts, policy);
  }
}

absl::Time EndOfSitting(const SittingFacts& sitting, const OccurrenceFacts& facts) {
  if (sitting.emptied_us.has_value()) return At(*sitting.emptied_us);
  const int64_t from_us = facts.plan.has_value() ? std::max(facts.plan->end_us, sitting.last_us) : sitting.last_us;
  return At(std::min(from_us + sitting.presumed_us, std::max(sitting.limit_us, sitting.last_us)));
}

// The end of a running meeting, were it to end as nearly all do.
absl::Time LikelyEndOf(const OccurrenceFacts& facts) {
  if (!IsOpen(facts)) return MeetingEndOf(facts);
  const absl::Time start = At(facts.sittings.front().start_us);
  return facts.plan.has_value() ? std::max(At(facts.plan->end_us), start) : start;
}

absl::Time FilesEndOf(const OccurrenceFacts& facts) {
  // That all of them have left needs that some were there.
  if (!facts.TookPlace()) return At(facts.waits_until_us);
  if (IsOpen(facts)) return MeetingEndOf(facts);
  const auto last = std::max_element(facts.sittings.begin(), facts.sittings.end(),
                                     [](const auto& a, const auto& b) { return a.emptied_us < b.emptied_us; });
  return MeetingEndOf(facts) + absl::Microseconds(last->refresh_us);
}

absl::Time FilesGoneOf(const OccurrenceFacts& facts) {
  absl::Time gone = absl::InfinitePast();
  for (size_t i = 0; i < facts.sittings.size(); ++i) {
    const SittingFacts& sitting = facts.sittings[i];
    if (sitting.gone_us != 0) gone = std::max(gone, At(sitting.gone_us));
    if (i + 1 == facts.sittings.size()) break;
    const absl::Time end = EndOfSitting(sitting, facts);
    if (end + absl::Microseconds(sitting.refresh_us) <= At(facts.sittings[i + 1].start_us)) gone = std::max(gone, end);
  }
  // Who tries the room before the planned start ends nothing by leaving it.
  if (facts.plan.has_value() && gone < At(facts.plan->start_us)) return absl::InfinitePast();
  return gone;
}

}  // namespace

absl::CivilDay PlannedDate(const OccurrenceFacts& facts, const Policy& policy) {
  const auto day_of = [&](int64_t time_us) { return DayOf(At(time_us), policy.zone()); };
  if (!facts.plan.has_value()) return day_of(facts.sittings.empty() ? facts.last_us : facts.sittings.front().start_us);
  const absl::CivilDay planned = day_of(facts.plan->start_us);
  return facts.sittings.empty() ? planned : std::max(planned, day_of(facts.sittings.front().start_us));
}

bool IsOpen(const OccurrenceFacts& facts) {
  return facts.TookPlace() && std::any_of(facts.sittings.begin(), facts.sittings.end(),
                                          [](const SittingFacts& sitting) { return !sitting.emptied_us.has_value(); });
}

absl::Time MeetingEndOf(const OccurrenceFacts& facts) {
  if (!facts.TookPlace()) return At(facts.plan.has_value() ? facts.plan->end_us : facts.last_us);
  absl::Time end = facts.plan.has_value() ? At(facts.plan->start_us) : absl::InfinitePast();
  for (const SittingFacts& sitting : facts.sittings) end = std::max(end, EndOfSitting(sitting, facts));
  return end;
}

absl::CivilDay CollectionDay(const OccurrenceFacts& facts, const Policy& policy) {
  if (facts.TookPlace()) return DayOf(At(facts.sittings.front().start_us), policy.zone());
  return PlannedDate(facts, policy);
}

Filing FileMeeting(const OccurrenceFacts& facts, const Policy& policy, absl::Time now) {
  Filing filing;
  filing.review = absl::InfiniteFuture();
  absl::Time likely_end = LikelyEndOf(facts);
  if (IsOpen(facts)) {
    const absl::Time day_over = FirstInstantOf(DayOf(likely_end, policy.zone()) + 1, policy.zone());
    if (now < day_over) {
      filing.review = day_over;
    } else {
      likely_end = MeetingEndOf(facts);
    }
  }
  for (const CategoryNumber category : kFiledByMeeting) {
    const DeletionRule& rule = policy.rule(category);
    filing.days[category] = DueDay(LastDayOf(StartingDay(rule, facts, likely_end, policy), rule.period));
  }
  filing.files_end = FilesEndOf(facts);
  // They end at an instant: no day before that may take them.
  filing.days[kFileShare] = DueDay(DayOf(filing.files_end, policy.zone()));
  filing.files_gone = FilesGoneOf(facts);
  return filing;
}

DueDay CreationDueDay(CategoryNumber category, absl::Time created, const Policy& policy) {
  return DueDay(LastDayOf(DayOf(created, policy.zone()), policy.rule(category).period));
}

}  // namespace retention
