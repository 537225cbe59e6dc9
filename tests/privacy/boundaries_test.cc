// Due instants to the microsecond, and the readings of the rules that the notice leaves open.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/harness.h"
#include "tests/privacy/canaries.h"

namespace retention::privacy {
namespace {

// Whether a category of the canary meeting can be read.
bool Readable(Harness& harness, CategoryNumber category) {
  const Reader reader = harness.reader();
  const auto meeting = GetCanaryMeeting(reader, harness.now);
  const auto participants = GetCanaryParticipants(reader, harness.now);
  const auto any = [&](const std::function<bool(const v1::Participant&)>& has) {
    return std::any_of(participants.begin(), participants.end(), has);
  };
  switch (category) {
    case kParticipantName:
      return any([](const auto& participant) { return !participant.name().empty(); });
    case kParticipantEmail:
      return any([](const auto& participant) { return !participant.email().empty(); });
    case kParticipantIp:
      return any([](const auto& participant) { return participant.ips_size() > 0; });
    case kHistory:
    case kMeetingReport:
      return GetCanaryReport(reader, harness.now).ok();
    default:
      break;
  }
  if (!meeting.ok()) return false;
  switch (category) {
    case kMeetingName:
      return !meeting->name().empty();
    case kMeetingComment:
      return !meeting->comment().empty();
    case kRecording:
      return meeting->recordings_size() > 0;
    case kFileShare:
      return meeting->files_size() > 0;
    case kPdfShare:
      return meeting->pdfs_size() > 0;
    case kPoll:
      return meeting->polls_size() > 0;
    case kDialIn:
      return !meeting->conference_number().empty();
    default:
      return meeting->chat_size() > 0;
  }
}

const std::vector<CategoryNumber> kEveryCategory = {
    kRecording, kPdfShare, kParticipantName, kParticipantEmail, kMeetingName,  kMeetingComment, kParticipantIp,
    kFileShare, kPoll,     kMeetingReport,   kDialIn,           kChatProtocol, kHistory};
const std::vector<CategoryNumber> kSevenDays = {kRecording,      kParticipantName, kParticipantEmail, kMeetingName,
                                                kMeetingComment, kParticipantIp,   kDialIn,           kChatProtocol};

// A meeting of one hour, and when its values must go.
struct BoundaryCase {
  const char* name;
  const char* start;
  const char* days_due;    // what lives for 7 days
  const char* months_due;  // what lives for 2 months
};

class Boundaries : public ::testing::TestWithParam<BoundaryCase> {};

TEST_P(Boundaries, EveryCategoryIsReadableToTheLastMicrosecondAndNotAfter) {
  const absl::Time start = At(GetParam().start);
  Harness harness(start);
  harness.now = start + absl::Minutes(40);
  Plant(harness, start);
  for (const CategoryNumber category : kEveryCategory) EXPECT_TRUE(Readable(harness, category)) << int{category};
  harness.now = start + absl::Hours(1);
  End(harness, harness.now);
  // A page that is refreshed by then would have ended nothing.
  harness.now += kRefresh - kTick;
  EXPECT_TRUE(Readable(harness, kFileShare));
  harness.now += kTick;
  EXPECT_FALSE(Readable(harness, kFileShare));

  std::map<CategoryNumber, absl::Time> due;
  for (const CategoryNumber category : kSevenDays) due[category] = At(GetParam().days_due);
  for (const CategoryNumber category : {kMeetingReport, kHistory}) due[category] = At(GetParam().months_due);
  // Without a sweep, and then with one at the very instants.
  for (const bool sweeping : {false, true}) {
    if (sweeping) harness.now = start + absl::Hours(1);
    for (const absl::Time instant : {At(GetParam().days_due), At(GetParam().months_due)}) {
      for (const absl::Time time : {instant - kTick, instant}) {
        harness.now = time;
        if (sweeping) harness.Sweep();
        for (const auto& [category, end] : due) {
          EXPECT_EQ(Readable(harness, category), time < end)
              << "category " << int{category} << " at " << absl::FormatTime(time, absl::UTCTimeZone());
        }
      }
    }
  }
  for (const CategoryNumber category : kSevenDays) EXPECT_EQ(harness.Values(category), 0u) << int{category};
  EXPECT_EQ(harness.Values(kHistory), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Calendar, Boundaries,
    ::testing::Values(BoundaryCase{"PlainDay", "2026-06-10T10:00:00+02:00", "2026-06-18T00:00:00+02:00",
                                   "2026-08-11T00:00:00+02:00"},
                      BoundaryCase{"DueDayOf23Hours", "2026-03-22T10:00:00+01:00", "2026-03-30T00:00:00+02:00",
                                   "2026-05-23T00:00:00+02:00"},
                      BoundaryCase{"DueOnTheMorningOfTheShortDay", "2026-03-21T10:00:00+01:00",
                                   "2026-03-29T00:00:00+01:00", "2026-05-22T00:00:00+02:00"},
                      BoundaryCase{"DueDayOf25Hours", "2026-10-18T10:00:00+02:00", "2026-10-26T00:00:00+01:00",
                                   "2026-12-19T00:00:00+01:00"},
                      BoundaryCase{"DueOnTheMorningOfTheLongDay", "2026-10-17T10:00:00+02:00",
                                   "2026-10-25T00:00:00+02:00", "2026-12-18T00:00:00+01:00"},
                      BoundaryCase{"WithinTheHourThatComesTwice", "2026-10-25T02:30:00+02:00",
                                   "2026-11-02T00:00:00+01:00", "2026-12-26T00:00:00+01:00"},
                      BoundaryCase{"ThirtyFirstOfDecember", "2026-12-31T10:00:00+01:00", "2027-01-08T00:00:00+01:00",
                                   "2027-03-01T00:00:00+01:00"},
                      BoundaryCase{"ThirtyFirstOfDecemberBeforeALeapYear", "2027-12-31T10:00:00+01:00",
                                   "2028-01-08T00:00:00+01:00", "2028-03-01T00:00:00+01:00"},
                      BoundaryCase{"TwentyNinthOfDecemberBeforeALeapYear", "2027-12-29T10:00:00+01:00",
                                   "2028-01-06T00:00:00+01:00", "2028-03-01T00:00:00+01:00"},
                      BoundaryCase{"TwentyEighthOfDecemberBeforeALeapYear", "2027-12-28T10:00:00+01:00",
                                   "2028-01-05T00:00:00+01:00", "2028-02-29T00:00:00+01:00"},
                      BoundaryCase{"TwentyNinthOfFebruary", "2028-02-29T10:00:00+01:00", "2028-03-08T00:00:00+01:00",
                                   "2028-04-30T00:00:00+02:00"},
                      BoundaryCase{"SevenDaysBeforeTheTwentyNinthOfFebruary", "2028-02-22T10:00:00+01:00",
                                   "2028-03-01T00:00:00+01:00", "2028-04-23T00:00:00+02:00"},
                      BoundaryCase{"FirstMicrosecondOfADay", "2026-06-10T00:00:00+02:00", "2026-06-18T00:00:00+02:00",
                                   "2026-08-11T00:00:00+02:00"}),
    [](const auto& info) { return info.param.name; });

// Two kinds of days for one meeting: what runs from its plan and what runs from its end.
TEST(BoundariesOverMidnight, EachCategoryRunsFromItsOwnDay) {
  const absl::Time start = At("2026-06-10T23:30:00+02:00");
  Harness harness(start);
  harness.now = start + absl::Minutes(25);
  Plant(harness, start);
  harness.now = At("2026-06-11T00:30:00+02:00");
  End(harness, harness.now);
  for (const CategoryNumber planned : {kParticipantName, kMeetingName, kMeetingComment, kDialIn, kRecording}) {
    EXPECT_EQ(harness.DueDayOf(planned), "2026-06-17") << int{planned};
  }
  for (const CategoryNumber ended : {kParticipantEmail, kParticipantIp, kChatProtocol}) {
    EXPECT_EQ(harness.DueDayOf(ended), "2026-06-18") << int{ended};
  }
  EXPECT_EQ(harness.DueDayOf(kHistory), "2026-08-10");
  for (const absl::Time midnight : {At("2026-06-18T00:00:00+02:00"), At("2026-06-19T00:00:00+02:00")}) {
    for (const absl::Time time : {midnight - kTick, midnight}) {
      harness.now = time;
      EXPECT_EQ(Readable(harness, kParticipantName), time < At("2026-06-18T00:00:00+02:00"));
      EXPECT_EQ(Readable(harness, kParticipantEmail), time < At("2026-06-19T00:00:00+02:00"));
    }
  }
}

TEST(BoundariesOverMidnight, AnEndOneMicrosecondBeforeMidnightBelongsToItsDay) {
  for (const bool before : {true, false}) {
    const absl::Time midnight = At("2026-06-11T00:00:00+02:00");
    Harness harness(midnight - absl::Hours(1));
    Plant(harness, midnight - absl::Hours(2));
    harness.now = midnight + absl::Minutes(1);
    End(harness, before ? midnight - kTick : midnight);
    EXPECT_EQ(harness.DueDayOf(kParticipantIp), before ? "2026-06-17" : "2026-06-18");
  }
}

TEST(BoundariesOfFiles, SharedFileEndsAtTheInstantOfThePresumedEnd_SweptOrNot) {
  const absl::Time start = At("2026-06-10T10:00:00+02:00");
  Harness harness(start);
  harness.now = start + absl::Minutes(40);
  Plant(harness, start);
  // The planned end was at 11:00; the meeting runs, and its end is never reported.
  harness.now = At("2026-06-11T11:00:00+02:00") - kTick;
  EXPECT_TRUE(Readable(harness, kFileShare));
  harness.Sweep();
  EXPECT_TRUE(Readable(harness, kFileShare));
  EXPECT_EQ(harness.Orders(), 0u);
  harness.now += kTick;
  EXPECT_FALSE(Readable(harness, kFileShare));
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(BoundariesOfFiles, OfAPlanThatHasNotTakenPlaceTheyEndADayAfterThePlannedEnd) {
  Harness harness(At("2026-06-10T09:00:00+02:00"));
  harness.SyncPbx();
  const absl::Time start = At("2026-06-10T10:00:00+02:00");
  harness.Record({Scheduled("m", "s", harness.now, start, absl::Hours(1)), File("m", "f", harness.now, "ref")});
  for (const absl::Time time :
       {At("2026-06-10T23:59:59+02:00"), At("2026-06-11T00:00:00+02:00"), At("2026-06-11T11:00:00+02:00") - kTick}) {
    harness.now = time;
    EXPECT_EQ(harness.Get("m")->files_size(), 1) << absl::FormatTime(time, absl::UTCTimeZone());
    harness.Sweep();
    EXPECT_EQ(harness.Get("m")->files_size(), 1) << absl::FormatTime(time, absl::UTCTimeZone());
    EXPECT_EQ(harness.Orders(), 0u);
  }
  harness.now += kTick;
  EXPECT_EQ(harness.Get("m")->files_size(), 0);
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 1u);
}

TEST(BoundariesOfFiles, APageThatIsRefreshedOverMidnightEndsNothing) {
  const absl::Time midnight = At("2026-06-11T00:00:00+02:00");
  const absl::Time left = midnight - absl::Seconds(10);
  Harness harness(midnight - absl::Hours(1));
  Plant(harness, midnight - absl::Hours(2));
  harness.now = left;
  End(harness, left);
  for (const absl::Time time : {midnight - kTick, midnight, left + kRefresh - kTick}) {
    harness.now = time;
    EXPECT_TRUE(Readable(harness, kFileShare)) << absl::FormatTime(time, absl::UTCTimeZone());
    harness.Sweep();
    EXPECT_TRUE(Readable(harness, kFileShare)) << absl::FormatTime(time, absl::UTCTimeZone());
    EXPECT_EQ(harness.Orders(), 0u);
  }
  harness.now = left + kRefresh;
  EXPECT_FALSE(Readable(harness, kFileShare));
  harness.Sweep();
  EXPECT_EQ(harness.Orders(), 1u);
}

class Readings : public ::testing::Test {
 protected:
  Readings() : harness_(At("2026-06-10T10:00:00+02:00")) { harness_.SyncPbx(); }
  absl::Time Day(int day, int hour = 10) const {
    return At("2026-06-10T10:00:00+02:00") + absl::Hours(24 * (day - 10) + hour - 10);
  }
  Harness harness_;
};

TEST_F(Readings, Reading1_NamesRunFromThePlannedDate_NotFromTheSchedulingDay) {
  harness_.Record(Scheduled("m", "s", Day(10), Day(20), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-06-27");
}

TEST_F(Readings, Reading1_ThePolicyCanTakeTheOtherReading) {
  Harness other(Day(10), PatientPolicy([](v1::Policy& policy) {
                  for (auto& rule : *policy.mutable_rules()) {
                    if (rule.category() == v1::DATA_CATEGORY_PARTICIPANT_NAME) {
                      rule.set_starting_point(v1::STARTING_POINT_MEETING_SCHEDULED_ON);
                    }
                  }
                }));
  other.SyncPbx();
  other.Record(Scheduled("m", "s", Day(10), Day(20), absl::Hours(1)));
  EXPECT_EQ(other.DueDayOf(kParticipantName), "2026-06-17");
  EXPECT_EQ(other.DueDayOf(kMeetingName), "2026-06-27");
}

TEST_F(Readings, Reading2_AQuickMeetingHasItsStartDayAsPlannedDate) {
  v1::Event started = Started("m", "s", Day(10));
  started.mutable_meeting_started()->set_name("Quick");
  harness_.Record({started, Joined("m", "j", Day(10), "p", "Ada")});
  EXPECT_EQ(harness_.DueDayOf(kMeetingName), "2026-06-17");
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-06-17");
}

TEST_F(Readings, Reading2_AMeetingThatStartsOnALaterDayThanPlanned) {
  harness_.Record(Scheduled("m", "s", Day(10), Day(10, 9), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kMeetingName), "2026-06-17");
  harness_.now = Day(11);  // 24 hours after the planned end
  harness_.Record(Started("m", "b", Day(11)));
  for (const CategoryNumber category : {kMeetingName, kMeetingComment, kParticipantName}) {
    EXPECT_EQ(harness_.DueDayOf(category), "2026-06-18") << int{category};
  }
  EXPECT_EQ(harness_.Get("m")->name(), "Quarterly review");
}

TEST_F(Readings, Reading2_WhatStartsLaterYetIsAnotherOccurrence) {
  harness_.Record(Scheduled("m", "s", Day(10), Day(10, 9), absl::Hours(1)));
  harness_.now = Day(11) + kTick;
  harness_.Record(Started("m", "b", Day(11) + kTick));
  for (const CategoryNumber category : {kMeetingName, kMeetingComment, kParticipantName}) {
    EXPECT_EQ(harness_.DueDayOf(category), "2026-06-17") << int{category};
  }
  EXPECT_FALSE(harness_.Get("m")->has_planned_start());
  EXPECT_EQ(harness_.Get("m")->name(), "");
}

TEST_F(Readings, Reading2_AMeetingThatStartsOnAnEarlierDayKeepsItsPlannedDate) {
  harness_.Record({Scheduled("m", "s", Day(10), Day(15), absl::Hours(1)), Started("m", "b", Day(10))});
  EXPECT_EQ(harness_.DueDayOf(kMeetingName), "2026-06-22");
}

TEST_F(Readings, Reading2_ReschedulingMovesThePlannedDateAndWhatHangsOnIt_ToAndFro) {
  harness_.Record(Scheduled("m", "s", Day(10), Day(15), absl::Hours(1)));
  harness_.Record(Rescheduled("m", "r1", Day(10, 9), Day(25), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-06-22") << "an older change of plan than the plan";
  harness_.now = Day(10, 11);
  harness_.Record(Rescheduled("m", "r2", Day(10, 11), Day(25), absl::Hours(1)));
  for (const CategoryNumber category : {kParticipantName, kMeetingName, kMeetingComment, kParticipantEmail}) {
    EXPECT_EQ(harness_.DueDayOf(category), "2026-07-02") << int{category};
  }
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-08-25");
  harness_.now = Day(10, 12);
  harness_.Record(Rescheduled("m", "r3", Day(10, 12), Day(11), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantName), "2026-06-18");
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-08-11");
}

TEST_F(Readings, Reading3_AMeetingThatNeverTakesPlaceEndsWithItsPlan) {
  harness_.Record(Scheduled("m", "s", Day(10), Day(15, 23), absl::Hours(2)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantEmail), "2026-06-23") << "planned until one o'clock the next day";
}

TEST_F(Readings, Reading3_ARunningMeetingIsPresumedToEndADayAfterThePlannedEnd) {
  harness_.Record({Scheduled("m", "s", Day(10, 9), Day(10), absl::Hours(1)),
                   Joined("m", "j", Day(10), "p", "Ada", "ada@example.org", "192.0.2.1")});
  harness_.now = Day(12);
  harness_.Sweep();
  EXPECT_EQ(harness_.DueDayOf(kParticipantIp), "2026-06-18") << "presumed ended on the 11th at 11:00";
  EXPECT_EQ(harness_.Get("m")->present_count(), 0u);
  EXPECT_FALSE(harness_.Participants("m").back().present());
  // The true end, when reported, takes its place.
  harness_.Record(Ended("m", "e", Day(10, 11)));
  EXPECT_EQ(harness_.DueDayOf(kParticipantIp), "2026-06-17");
}

TEST_F(Readings, Reading4_TheEndIsTheLastLeaving_OrTheReport_WhicheverIsFirst) {
  harness_.now = Day(11);
  harness_.Record({Joined("left", "j", Day(10, 8), "p", "", "", "192.0.2.1"), Left("left", "l", Day(10, 9), "p"),
                   Ended("left", "e", Day(11, 9))});
  EXPECT_EQ(absl::FromUnixSeconds(harness_.Get("left")->end_time().seconds()), Day(10, 9));
  EXPECT_EQ(harness_.DueDayOf(kParticipantIp), "2026-06-17");
  harness_.Record({Joined("ended", "j", Day(10, 8), "p", "Ada"), Ended("ended", "e", Day(10, 9)),
                   Left("ended", "l", Day(11, 9), "p")});
  EXPECT_EQ(absl::FromUnixSeconds(harness_.Get("ended")->end_time().seconds()), Day(10, 9));
}

TEST_F(Readings, Reading4_WhoComesBackReopensTheMeeting) {
  harness_.now = Day(10, 11);
  harness_.Record({Joined("m", "j", Day(10, 8), "p"), Left("m", "l", Day(10, 9), "p")});
  EXPECT_TRUE(harness_.Get("m")->has_end_time());
  harness_.Record(Joined("m", "j2", Day(10, 10), "p"));
  EXPECT_FALSE(harness_.Get("m")->has_end_time());
  EXPECT_EQ(harness_.Get("m")->present_count(), 1u);
}

TEST_F(Readings, Reading5_HistoryOverMidnightIsFiledAsOne_UnderTheFirstDay) {
  harness_.now = Day(11, 2);
  harness_.Record({Joined("m", "j", Day(10, 23), "p"), Joined("m", "j2", Day(11, 1), "q")});
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-08-10");
  harness_.Record(Left("m", "l", Day(11, 2), "p"));
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-08-10");
  harness_.Record(Joined("m", "earlier", Day(9, 23), "r"));
  EXPECT_EQ(harness_.DueDayOf(kHistory), "2026-08-09") << "an earlier first event came late";
}

TEST_F(Readings, Reading6_ChatIsTakenOnlyOfAMeetingAnnouncedAsProtocolled) {
  v1::Event protocolled = Started("open", "s", Day(10));
  protocolled.mutable_meeting_started()->set_protocolled(true);
  harness_.Record({protocolled, Started("closed", "s", Day(10))});
  EXPECT_EQ(harness_.Record(Chat("open", "c", Day(10), "on record")).accepted(), 1u);
  EXPECT_EQ(harness_.Record(Chat("closed", "c", Day(10), "off record")).rejections_size(), 1);
  EXPECT_EQ(harness_.Values(kChatProtocol), 1u);
  EXPECT_EQ(harness_.Get("closed")->chat_size(), 0);
}

TEST_F(Readings, Reading7_AValuePastItsDayIsNotStored_TheRestOfItsEventIs) {
  harness_.now = Day(20);
  const v1::RecordResult result = harness_.Record(
      {Joined("m", "j", Day(10), "p", "Ada", "ada@example.org", "192.0.2.1"), Left("m", "l", Day(10, 11), "p")});
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(result.values_past_due(), 3u);
  EXPECT_EQ(harness_.Values(kParticipantName) + harness_.Values(kParticipantEmail) + harness_.Values(kParticipantIp),
            0u);
  const auto report = harness_.Report("m");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->participants(0).name(), "participant 1");
  EXPECT_EQ(report->participants(0).total_time().seconds(), 3600);
}

TEST_F(Readings, Reading8_TheReportOutlivesItsNames_AndEndsAfterTwoMonths_OrWithItsPbx) {
  harness_.Record({Joined("m", "j", Day(10, 8), "p", "Ada"), Joined("m", "j2", Day(10, 9), "q"),
                   Reconnected("m", "r", Day(10, 9) + absl::Minutes(1), "q"), Ended("m", "e", Day(10))});
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "Ada");
  EXPECT_EQ(harness_.Report("m")->participants(1).name(), "participant 2");
  EXPECT_TRUE(harness_.Report("m")->names_held());
  harness_.now = Day(18, 0);
  EXPECT_EQ(harness_.Report("m")->participants(0).name(), "participant 1");
  EXPECT_EQ(harness_.Report("m")->participants(0).total_time().seconds(), 7200);
  EXPECT_EQ(harness_.Report("m")->participants(1).reconnections(), 1u);
  EXPECT_FALSE(harness_.Report("m")->names_held());
  harness_.now = At("2026-08-11T00:00:00+02:00");
  EXPECT_EQ(DetailsOf(harness_.Report("m").status()).reason, "ANONYMISED");

  harness_.now = Day(20);
  harness_.Record(Joined("n", "j", Day(20), "p", "Ada"));
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  EXPECT_EQ(DetailsOf(harness_.Report("n").status()).reason, "PBX_UNKNOWN");
}

}  // namespace
}  // namespace retention::privacy
