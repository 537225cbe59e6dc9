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

// When files end of a sitting that does not go on. REQUIRES: the occurrence took place.
absl::Time FilesEndOf(const SittingFacts& sitting, const OccurrenceFacts& facts) {
  if (!sitting.emptied_us.has_value()) return EndOfSitting(sitting, facts);
  // Who tries the room before its plan takes place ends nothing by leaving it.
  const int64_t from_us = facts.plan.has_value() ? facts.plan->took_place_us : *sitting.emptied_us;
  return At(std::max(*sitting.emptied_us, from_us) + sitting.refresh_us);
}

// REQUIRES: the occurrence took place.
const SittingFacts& SittingOf(const SharedFile& file, const OccurrenceFacts& facts) {
  if (facts.plan.has_value() && file.time_us < facts.plan->took_place_us) {
    return facts.sittings[facts.plan->took_place_in];
  }
  const SittingFacts* of = &facts.sittings.front();
  const auto rank = [&](const SittingFacts& sitting) {
    if (file.sitting != 0 && sitting.name == file.sitting) return 3;
    if (EndOfSitting(sitting, facts) <= At(file.time_us)) return 0;
    return sitting.nobody_until_us <= file.time_us ? 2 : 1;
  };
  for (const SittingFacts& sitting : facts.sittings) {
    if (sitting.start_us > file.time_us) {
      // The clock of who shared it may be a little ahead of that of who joined.
      const bool begins = sitting.start_us < file.time_us + sitting.refresh_us;
      return begins && rank(*of) == 0 ? sitting : *of;
    }
    if (rank(sitting) >= rank(*of)) of = &sitting;
  }
  return *of;
}

absl::Time LastFilesEndOf(const OccurrenceFacts& facts) {
  if (!facts.TookPlace()) return At(facts.waits_until_us);
  absl::Time last = absl::InfinitePast();
  for (const SittingFacts& sitting : facts.sittings) {
    // The last event may be a file.
    last = std::max({last, FilesEndOf(sitting, facts), At(facts.last_us + sitting.refresh_us)});
  }
  return last;
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

absl::Time FileEndOf(const OccurrenceFacts& facts, const SharedFile& file) {
  if (!facts.TookPlace()) return At(facts.waits_until_us);
  const SittingFacts& sitting = SittingOf(file, facts);
  const int64_t from_us = facts.plan.has_value() ? std::max(file.time_us, facts.plan->took_place_us) : file.time_us;
  const absl::Time first = At(from_us + sitting.refresh_us);
  const bool gone = sitting.gone_us != 0 && from_us <= sitting.gone_us;
  return gone ? first : std::max(first, FilesEndOf(sitting, facts));
}

bool MayFilesHaveEnded(const OccurrenceFacts& facts, absl::Time now) {
  if (!facts.TookPlace()) return At(facts.waits_until_us) <= now;
  return std::any_of(facts.sittings.begin(), facts.sittings.end(), [&](const SittingFacts& sitting) {
    return sitting.gone_us != 0 || FilesEndOf(sitting, facts) <= now;
  });
}

absl::Time NextFilesEndOf(const OccurrenceFacts& facts, absl::Time time) {
  absl::Time next = absl::InfiniteFuture();
  const auto add = [&](absl::Time end) {
    if (end > time) next = std::min(next, end);
  };
  if (!facts.TookPlace()) add(At(facts.waits_until_us));
  if (facts.TookPlace()) {
    for (const SittingFacts& sitting : facts.sittings) add(FilesEndOf(sitting, facts));
  }
  return next;
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
  filing.files_end = LastFilesEndOf(facts);
  // They end at an instant: no day before that may take them.
  filing.days[kFileShare] = DueDay(DayOf(filing.files_end, policy.zone()));
  return filing;
}

DueDay CreationDueDay(CategoryNumber category, absl::Time created, const Policy& policy) {
  return DueDay(LastDayOf(DayOf(created, policy.zone()), policy.rule(category).period));
}

}  // namespace retention
