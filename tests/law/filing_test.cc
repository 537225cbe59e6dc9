#include "server/law/filing.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"

namespace retention {
namespace {

const absl::Time kSunday = At("2026-03-01T00:00:00+01:00");

int64_t Us(absl::string_view time) { return absl::ToUnixMicros(At(time)); }

MeetingFacts Planned(absl::string_view start, absl::string_view end) {
  MeetingFacts facts;
  facts.known = true;
  facts.plan = MeetingPlan{.start_us = Us(start), .end_us = Us(end)};
  return facts;
}

std::string Day(DueDay day) { return absl::FormatCivilTime(day.civil()); }

TEST(Filing, PlannedMeetingIsPresumedToEndAsPlanned) {
  const Policy policy = DefaultPolicy();
  const Filing filing = FileMeeting(Planned("2026-03-02T23:30:00+01:00", "2026-03-03T00:30:00+01:00"), policy, kSunday);
  EXPECT_EQ(Day(filing.days[kParticipantName]), "2026-03-09");  // planned date + 7
  EXPECT_EQ(Day(filing.days[kMeetingComment]), "2026-03-09");
  EXPECT_EQ(Day(filing.days[kParticipantEmail]), "2026-03-10");  // presumed end + 7
  EXPECT_EQ(Day(filing.days[kHistory]), "2026-05-02");
  EXPECT_EQ(filing.files_end, At("2026-03-03T00:30:00+01:00"));
}

TEST(Filing, QuickMeetingHasItsStartDayAsPlannedDate) {
  MeetingFacts facts;
  facts.known = true;
  facts.start_us = facts.first_course_us = Us("2026-03-02T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, DefaultPolicy(), kSunday).days[kParticipantName]), "2026-03-09");
}

TEST(Filing, StartOnALaterDayMovesThePlannedDate) {
  MeetingFacts facts = Planned("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  facts.start_us = facts.first_course_us = Us("2026-03-04T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, DefaultPolicy(), kSunday).days[kMeetingName]), "2026-03-11");
  facts.start_us = facts.first_course_us = Us("2026-03-01T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, DefaultPolicy(), kSunday).days[kMeetingName]), "2026-03-09")
      << "an earlier start does not";
}

TEST(Filing, RunningMeetingIsPresumedToEnd24HoursAfterTheLaterOfPlannedEndAndStart) {
  const Policy policy = DefaultPolicy();
  MeetingFacts facts = Planned("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  facts.start_us = facts.first_course_us = Us("2026-03-02T10:05:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts, policy), At("2026-03-03T11:00:00+01:00"));
  facts.start_us = Us("2026-03-02T15:00:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts, policy), At("2026-03-03T15:00:00+01:00"));
  facts.end_us = Us("2026-03-02T16:00:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts, policy), At("2026-03-02T16:00:00+01:00")) << "the true end replaces the presumption";
}

TEST(Filing, RunningMeetingIsFiledByItsLikelyDayUntilThatDayIsOver) {
  const Policy policy = DefaultPolicy();
  MeetingFacts facts = Planned("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  facts.start_us = facts.first_course_us = Us("2026-03-02T10:05:00+01:00");
  const absl::Time midnight = At("2026-03-03T00:00:00+01:00");
  const Filing before = FileMeeting(facts, policy, midnight - absl::Microseconds(1));
  EXPECT_EQ(Day(before.days[kParticipantEmail]), "2026-03-09");
  EXPECT_EQ(Day(before.days[kFileShare]), "2026-03-03") << "files end at the presumed end, never on a guess";
  EXPECT_EQ(before.review, midnight);
  const Filing after = FileMeeting(facts, policy, midnight);
  EXPECT_EQ(Day(after.days[kParticipantEmail]), "2026-03-10");
  EXPECT_EQ(after.review, absl::InfiniteFuture());
}

TEST(Filing, ReportAndHistoryOfAMeetingOverMidnightGoTogether) {
  MeetingFacts facts;
  facts.known = true;
  facts.start_us = facts.first_course_us = Us("2026-12-31T23:50:00+01:00");
  facts.end_us = Us("2027-01-01T00:40:00+01:00");
  const Filing filing = FileMeeting(facts, DefaultPolicy(), kSunday);
  EXPECT_EQ(Day(filing.days[kHistory]), "2027-02-28");
  EXPECT_EQ(Day(filing.days[kParticipantName]), "2027-01-07");
  EXPECT_EQ(Day(filing.days[kParticipantEmail]), "2027-01-08");
}

TEST(Filing, NamesMayRunFromTheDayOfScheduling) {
  const Policy policy = DefaultPolicy(
      [](v1::Policy& p) { p.mutable_rules(2)->set_starting_point(v1::STARTING_POINT_MEETING_SCHEDULED_ON); });
  MeetingFacts facts = Planned("2026-03-20T10:00:00+01:00", "2026-03-20T11:00:00+01:00");
  facts.scheduled_on_us = Us("2026-03-02T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, policy, kSunday).days[kParticipantName]), "2026-03-09");
}

TEST(Filing, DayIsTheCivilDayOfThePolicysZone) {
  // 23:30 UTC is the next day in Berlin.
  EXPECT_EQ(Day(CreationDueDay(kRecording, At("2026-03-02T23:30:00Z"), DefaultPolicy())), "2026-03-10");
}

}  // namespace
}  // namespace retention
