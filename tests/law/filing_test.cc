#include "server/law/filing.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"

namespace retention {
namespace {

const absl::Time kSunday = At("2026-03-01T00:00:00+01:00");

int64_t Us(absl::string_view time) { return absl::ToUnixMicros(At(time)); }

OccurrenceFacts PlannedFacts(absl::string_view start, absl::string_view end) {
  OccurrenceFacts facts;
  facts.first_us = facts.last_us = Us("2026-02-20T10:00:00+01:00");
  facts.plan = PlanFacts{.start_us = Us(start), .end_us = Us(end)};
  facts.waits_until_us = facts.plan->end_us + absl::ToInt64Microseconds(absl::Hours(24));
  return facts;
}

// Somebody is there from `start` on, and was heard of at `last`; left at `emptied` if that is given.
void Sit(OccurrenceFacts& facts, absl::string_view start, absl::string_view last, absl::string_view emptied = "") {
  SittingFacts& sitting = facts.sittings.emplace_back();
  sitting.start_us = Us(start);
  sitting.last_us = Us(last);
  if (!emptied.empty()) sitting.emptied_us = Us(emptied);
  sitting.limit_us = sitting.start_us + absl::ToInt64Microseconds(absl::Hours(7 * 24));
  sitting.presumed_us = absl::ToInt64Microseconds(absl::Hours(24));
  sitting.refresh_us = absl::ToInt64Microseconds(absl::Seconds(30));
  if (!facts.plan.has_value() || facts.plan->took_place || sitting.last_us < facts.plan->start_us) return;
  facts.plan->took_place = true;
  facts.plan->took_place_us = std::max(sitting.start_us, facts.plan->start_us);
  facts.plan->took_place_in = facts.sittings.size() - 1;
}

SharedFile FileAt(absl::string_view time, uint64_t sitting = 0) { return {.time_us = Us(time), .sitting = sitting}; }

std::string Day(DueDay day) { return absl::FormatCivilTime(day.civil()); }

TEST(Filing, PlannedMeetingIsPresumedToEndAsPlanned) {
  const Policy policy = DefaultPolicy();
  const Filing filing =
      FileMeeting(PlannedFacts("2026-03-02T23:30:00+01:00", "2026-03-03T00:30:00+01:00"), policy, kSunday);
  EXPECT_EQ(Day(filing.days[kParticipantName]), "2026-03-09");  // planned date + 7
  EXPECT_EQ(Day(filing.days[kMeetingComment]), "2026-03-09");
  EXPECT_EQ(Day(filing.days[kParticipantEmail]), "2026-03-10");  // presumed end + 7
  EXPECT_EQ(Day(filing.days[kHistory]), "2026-05-02");
  EXPECT_EQ(filing.files_end, At("2026-03-04T00:30:00+01:00")) << "people come late";
}

TEST(Filing, QuickMeetingHasItsStartDayAsPlannedDate) {
  OccurrenceFacts facts;
  Sit(facts, "2026-03-02T10:00:00+01:00", "2026-03-02T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, DefaultPolicy(), kSunday).days[kParticipantName]), "2026-03-09");
}

TEST(Filing, WhatNobodyPlannedOrBeganRunsFromItsOwnDay) {
  OccurrenceFacts facts;
  facts.first_us = facts.last_us = Us("2026-03-02T10:00:00+01:00");
  const Filing filing = FileMeeting(facts, DefaultPolicy(), kSunday);
  EXPECT_EQ(Day(filing.days[kParticipantName]), "2026-03-09");
  EXPECT_EQ(Day(filing.days[kParticipantEmail]), "2026-03-09");
  EXPECT_EQ(Day(filing.days[kHistory]), "2026-05-02");
}

TEST(Filing, StartOnALaterDayMovesThePlannedDate) {
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  OccurrenceFacts early = facts;
  Sit(facts, "2026-03-03T10:00:00+01:00", "2026-03-03T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, DefaultPolicy(), kSunday).days[kMeetingName]), "2026-03-10");
  Sit(early, "2026-03-01T23:00:00+01:00", "2026-03-02T10:30:00+01:00");
  EXPECT_EQ(Day(FileMeeting(early, DefaultPolicy(), kSunday).days[kMeetingName]), "2026-03-09")
      << "an earlier start does not";
}

TEST(Filing, RunningMeetingIsPresumedToEnd24HoursAfterTheLaterOfPlannedEndAndLastSign) {
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  Sit(facts, "2026-03-02T10:05:00+01:00", "2026-03-02T10:05:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts), At("2026-03-03T11:00:00+01:00"));
  facts.sittings[0].last_us = Us("2026-03-02T15:00:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts), At("2026-03-03T15:00:00+01:00"));
  facts.sittings[0].limit_us = Us("2026-03-03T12:00:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts), At("2026-03-03T12:00:00+01:00")) << "no sitting is longer";
  facts.sittings[0].presumed_us = absl::ToInt64Microseconds(absl::Hours(2));
  EXPECT_EQ(MeetingEndOf(facts), At("2026-03-02T17:00:00+01:00")) << "as the rules of its begin say";
  facts.sittings[0].emptied_us = Us("2026-03-02T16:00:00+01:00");
  EXPECT_EQ(MeetingEndOf(facts), At("2026-03-02T16:00:00+01:00")) << "the true end replaces the presumption";
}

TEST(Filing, WhoLeavesBeforeThePlannedStartEndsNothing) {
  const Policy policy = DefaultPolicy();
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  Sit(facts, "2026-03-02T09:00:00+01:00", "2026-03-02T09:10:00+01:00", "2026-03-02T09:10:00+01:00");
  EXPECT_FALSE(facts.TookPlace());
  EXPECT_EQ(MeetingEndOf(facts), At("2026-03-02T11:00:00+01:00"));
  EXPECT_EQ(FileMeeting(facts, policy, kSunday).files_end, At("2026-03-03T11:00:00+01:00"));
}

TEST(Filing, FilesEndWhenTheRoomIsEmptyForLongerThanARefresh) {
  const Policy policy = DefaultPolicy();
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  Sit(facts, "2026-03-02T10:00:00+01:00", "2026-03-02T10:40:00+01:00", "2026-03-02T10:40:00+01:00");
  EXPECT_EQ(FileMeeting(facts, policy, kSunday).files_end, At("2026-03-02T10:40:30+01:00"));
  // They come back: what was shared before does not.
  facts.sittings[0].gone_us = Us("2026-03-02T10:49:30+01:00");
  facts.sittings[0].emptied_us.reset();
  facts.sittings[0].last_us = Us("2026-03-02T10:50:00+01:00");
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:30:00+01:00")), At("2026-03-02T10:30:30+01:00"));
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:49:00+01:00")), At("2026-03-02T10:49:30+01:00"))
      << "nobody was there";
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:50:00+01:00")), At("2026-03-03T11:00:00+01:00"));
  EXPECT_EQ(FileMeeting(facts, policy, kSunday).files_end, At("2026-03-03T11:00:00+01:00"));
}

TEST(Filing, NoFileEndsSoonerThanARefreshAfterItsUpload) {
  OccurrenceFacts facts;
  Sit(facts, "2026-03-02T10:00:00+01:00", "2026-03-02T10:30:00+01:00", "2026-03-02T10:30:00+01:00");
  facts.last_us = Us("2026-03-04T23:59:40+01:00");
  const SharedFile file = FileAt("2026-03-04T23:59:40+01:00");
  const absl::Time end = At("2026-03-05T00:00:10+01:00");
  EXPECT_EQ(FileEndOf(facts, file), end) << "who joined just before may be told of just after";
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:29:00+01:00")), At("2026-03-02T10:30:30+01:00"));
  const Filing filing = FileMeeting(facts, DefaultPolicy(), kSunday);
  EXPECT_EQ(filing.files_end, end);
  EXPECT_EQ(Day(filing.days[kFileShare]), "2026-03-05") << "a day that takes it";
  EXPECT_EQ(Day(filing.days[kHistory]), "2026-05-02") << "nothing else moves";
  facts.sittings[0].gone_us = file.time_us;
  facts.sittings[0].emptied_us.reset();
  EXPECT_EQ(FileEndOf(facts, file), end) << "they came back later";
  facts.sittings[0].gone_us = 0;
  EXPECT_EQ(FileEndOf(facts, file), end) << "presumed to have ended before";
}

TEST(Filing, AFileEndsWithItsOwnSittingWhoeverIsInAnotherOfTheSamePlan) {
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T12:00:00+01:00");
  Sit(facts, "2026-03-02T09:00:00+01:00", "2026-03-02T09:10:00+01:00", "2026-03-02T09:10:00+01:00");
  Sit(facts, "2026-03-02T10:00:00+01:00", "2026-03-02T11:30:00+01:00");
  Sit(facts, "2026-03-02T10:10:00+01:00", "2026-03-02T11:00:00+01:00", "2026-03-02T11:00:00+01:00");
  facts.sittings[1].name = 1;
  facts.sittings[2].name = 2;
  const absl::Time first_end = At("2026-03-03T12:00:00+01:00");  // presumed
  const absl::Time second_end = At("2026-03-02T11:00:30+01:00");
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:30:00+01:00", 1)), first_end);
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:30:00+01:00", 2)), second_end);
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:30:00+01:00")), second_end) << "the latest begun";
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T10:05:00+01:00")), first_end);
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T09:30:00+01:00")), first_end) << "it waited for the plan";
  EXPECT_EQ(FileMeeting(facts, DefaultPolicy(), kSunday).files_end, first_end);
  EXPECT_EQ(NextFilesEndOf(facts, kSunday), At("2026-03-02T10:00:30+01:00")) << "nobody came who had tried the room";
  EXPECT_EQ(NextFilesEndOf(facts, At("2026-03-02T10:30:00+01:00")), second_end);
  EXPECT_EQ(NextFilesEndOf(facts, second_end), first_end);
  EXPECT_EQ(NextFilesEndOf(facts, first_end), absl::InfiniteFuture());
  EXPECT_FALSE(MayFilesHaveEnded(facts, At("2026-03-02T10:00:00+01:00")));
  EXPECT_TRUE(MayFilesHaveEnded(facts, second_end));
}

TEST(Filing, AFileThatIsStampedJustBeforeASittingOfThePlanIsOfThatOne) {
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T18:00:00+01:00");
  Sit(facts, "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00", "2026-03-02T11:00:00+01:00");
  Sit(facts, "2026-03-02T14:00:20+01:00", "2026-03-02T15:00:00+01:00", "2026-03-02T15:00:00+01:00");
  facts.last_us = Us("2026-03-02T15:00:00+01:00");
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T14:00:00+01:00")), At("2026-03-02T15:00:30+01:00"));
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T13:59:50+01:00")), At("2026-03-02T14:00:20+01:00"))
      << "a refresh before";
  facts.sittings[0].emptied_us = Us("2026-03-02T14:30:00+01:00");
  EXPECT_EQ(FileEndOf(facts, FileAt("2026-03-02T14:00:00+01:00")), At("2026-03-02T14:30:30+01:00"))
      << "some were there";
}

TEST(Filing, RunningMeetingIsFiledByItsLikelyDayUntilThatDayIsOver) {
  const Policy policy = DefaultPolicy();
  OccurrenceFacts facts = PlannedFacts("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00");
  Sit(facts, "2026-03-02T10:05:00+01:00", "2026-03-02T10:05:00+01:00");
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
  OccurrenceFacts facts;
  Sit(facts, "2026-12-31T23:50:00+01:00", "2027-01-01T00:40:00+01:00", "2027-01-01T00:40:00+01:00");
  const Filing filing = FileMeeting(facts, DefaultPolicy(), kSunday);
  EXPECT_EQ(Day(filing.days[kHistory]), "2027-02-28");
  EXPECT_EQ(Day(filing.days[kParticipantName]), "2027-01-07");
  EXPECT_EQ(Day(filing.days[kParticipantEmail]), "2027-01-08");
}

TEST(Filing, NamesMayRunFromTheDayOfScheduling) {
  const Policy policy = DefaultPolicy(
      [](v1::Policy& p) { p.mutable_rules(2)->set_starting_point(v1::STARTING_POINT_MEETING_SCHEDULED_ON); });
  OccurrenceFacts facts = PlannedFacts("2026-03-20T10:00:00+01:00", "2026-03-20T11:00:00+01:00");
  facts.scheduled_on_us = Us("2026-03-02T10:00:00+01:00");
  EXPECT_EQ(Day(FileMeeting(facts, policy, kSunday).days[kParticipantName]), "2026-03-09");
}

TEST(Filing, DayIsTheCivilDayOfThePolicysZone) {
  // 23:30 UTC is the next day in Berlin.
  EXPECT_EQ(Day(CreationDueDay(kRecording, At("2026-03-02T23:30:00Z"), DefaultPolicy())), "2026-03-10");
}

}  // namespace
}  // namespace retention
