#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kMeetingService[] = "/retention.v1.MeetingService/";

template <typename Request>
Request AboutMeeting(const std::string& meeting, const std::string& pbx = "pbx") {
  Request request;
  request.set_pbx_id(pbx);
  request.set_meeting_id(meeting);
  return request;
}

class MeetingServiceTest : public ::testing::Test {
 protected:
  MeetingServiceTest() {
    server_.SyncPbx();
    const absl::Time end = kMonday + absl::Minutes(30);
    server_.AdvanceTo(end);
    server_.Batch({Scheduled("meeting", "e1", kMonday, kMonday, absl::Minutes(30)), Started("meeting", "e2", kMonday),
                   Joined("meeting", "e3", kMonday, "p1", "Ada Example", "ada@example.org", "192.0.2.1"),
                   Reconnected("meeting", "e4", kMonday + absl::Minutes(1), "p1"),
                   Left("meeting", "e5", kMonday + absl::Minutes(10), "p1"), Ended("meeting", "e6", end)});
  }
  CallEnd Report(v1::MeetingReport& report, const std::string& meeting = "meeting") {
    v1::GetMeetingReportResponse response;
    const CallEnd end = server_.Call(std::string(kMeetingService) + "GetMeetingReport",
                                     AboutMeeting<v1::GetMeetingReportRequest>(meeting), &response);
    report = response.report();
    return end;
  }
  RunningServer server_;
};

TEST_F(MeetingServiceTest, TheReportHasNamesTimesAndReconnections) {
  v1::MeetingReport report;
  ASSERT_TRUE(Report(report).ok());
  EXPECT_TRUE(report.names_held());
  ASSERT_EQ(report.participants_size(), 1);
  EXPECT_EQ(report.participants(0).name(), "Ada Example");
  EXPECT_EQ(report.participants(0).total_time().seconds(), 600);
  EXPECT_EQ(report.participants(0).reconnections(), 1u);
}

TEST_F(MeetingServiceTest, NamesAreThereUntilTheLastMicrosecondOfTheirDayAndNotAfter) {
  // Planned on 2 March, so the names' last day is 9 March, in Berlin.
  const absl::Time due = At("2026-03-10T00:00:00+01:00");
  v1::MeetingReport report;
  server_.AdvanceTo(due - absl::Microseconds(1));
  ASSERT_TRUE(Report(report).ok());
  EXPECT_EQ(report.participants(0).name(), "Ada Example");
  server_.AdvanceTo(due);
  ASSERT_TRUE(Report(report).ok());
  EXPECT_FALSE(report.names_held());
  EXPECT_EQ(report.participants(0).name(), "participant 1");
  EXPECT_EQ(report.meeting_name(), "");
}

TEST_F(MeetingServiceTest, AfterTwoMonthsTheReportIsAnonymised) {
  server_.AdvanceTo(At("2026-04-15T12:00:00+02:00"));
  server_.SyncPbx();  // a PBX that nobody hears of for 60 days would end
  server_.AdvanceTo(At("2026-05-03T00:00:00+02:00") - absl::Microseconds(1));
  v1::MeetingReport report;
  EXPECT_TRUE(Report(report).ok());
  server_.AdvanceTo(At("2026-05-03T00:00:00+02:00"));
  EXPECT_EQ(Report(report).Summary(), "NOT_FOUND ANONYMISED");
}

TEST_F(MeetingServiceTest, MeetingsAndParticipantsAreListed) {
  v1::GetMeetingResponse meeting;
  ASSERT_TRUE(
      server_
          .Call(std::string(kMeetingService) + "GetMeeting", AboutMeeting<v1::GetMeetingRequest>("meeting"), &meeting)
          .ok());
  EXPECT_EQ(meeting.meeting().name(), "Quarterly review");
  EXPECT_EQ(meeting.meeting().organizer_extension(), "100");

  v1::ListMeetingsRequest list;
  list.set_pbx_id("pbx");
  v1::ListMeetingsResponse meetings;
  ASSERT_TRUE(server_.Call(std::string(kMeetingService) + "ListMeetings", list, &meetings).ok());
  ASSERT_EQ(meetings.meetings_size(), 1);
  EXPECT_EQ(meetings.meetings(0).meeting_id(), "meeting");

  auto request = AboutMeeting<v1::ListParticipantsRequest>("meeting");
  request.set_page_size(1);
  v1::ListParticipantsResponse page;
  ASSERT_TRUE(server_.Call(std::string(kMeetingService) + "ListParticipants", request, &page).ok());
  ASSERT_EQ(page.participants_size(), 1);
  EXPECT_EQ(page.participants(0).email(), "ada@example.org");
  EXPECT_EQ(page.participants(0).ips(0), "192.0.2.1");
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(server_.Call(std::string(kMeetingService) + "ListParticipants", request, &page).ok());
  ASSERT_EQ(page.participants_size(), 1) << "who was only invited comes last";
  EXPECT_EQ(page.participants(0).participant_id(), "guest");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(MeetingServiceTest, ALargeMeetingIsAnsweredByTheWorkerForLongCallsAndThenByAll) {
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<v1::Event> events;
    for (int i = 0; i < 900; ++i) {
      events.push_back(Reconnected("meeting", absl::StrCat("r", batch, "-", i), kMonday + absl::Minutes(2), "p1"));
    }
    server_.Batch(events);
  }
  for (int i = 0; i < 2; ++i) {
    v1::MeetingReport report;
    ASSERT_TRUE(Report(report).ok());
    ASSERT_EQ(report.participants_size(), 1);
    EXPECT_EQ(report.participants(0).reconnections(), 2701u);
    EXPECT_EQ(report.participants(0).name(), "Ada Example");
  }
}

TEST_F(MeetingServiceTest, NothingSaysThatADeletedMeetingEverWas) {
  server_.Batch({Deleted("meeting", "deleted", kMonday + kMaxAhead)});
  v1::MeetingReport report;
  EXPECT_EQ(Report(report).Summary(), Report(report, "another").Summary());
  const std::string get = std::string(kMeetingService) + "GetMeeting";
  EXPECT_EQ(server_.Call(get, AboutMeeting<v1::GetMeetingRequest>("meeting")).Summary(), "NOT_FOUND MEETING_UNKNOWN");
}

TEST_F(MeetingServiceTest, ErrorsSayWhatIsNotHeldAndWhichFieldIsWrong) {
  v1::MeetingReport report;
  EXPECT_EQ(Report(report, "another").Summary(), "NOT_FOUND ANONYMISED");
  EXPECT_EQ(Report(report, "").Summary(), "INVALID_ARGUMENT INVALID_FIELD meeting_id");
  const std::string get = std::string(kMeetingService) + "GetMeeting";
  EXPECT_EQ(server_.Call(get, AboutMeeting<v1::GetMeetingRequest>("another")).Summary(), "NOT_FOUND MEETING_UNKNOWN");
  EXPECT_EQ(server_.Call(get, AboutMeeting<v1::GetMeetingRequest>("meeting", "another")).Summary(),
            "NOT_FOUND PBX_UNKNOWN");
  auto request = AboutMeeting<v1::ListParticipantsRequest>("meeting");
  request.set_page_size(-1);
  EXPECT_EQ(server_.Call(std::string(kMeetingService) + "ListParticipants", request).Summary(),
            "INVALID_ARGUMENT INVALID_FIELD page_size");
  request.set_page_size(0);
  request.set_page_token("!");
  EXPECT_EQ(server_.Call(std::string(kMeetingService) + "ListParticipants", request).Summary(),
            "INVALID_ARGUMENT INVALID_FIELD page_token");
}

TEST_F(MeetingServiceTest, WhatIsNotAMessageGetsATypedError) {
  EXPECT_EQ(server_.caller().CallBytes(std::string(kMeetingService) + "GetMeeting", "\x0a\x01\xff", nullptr).Summary(),
            "INVALID_ARGUMENT MALFORMED_MESSAGE");
}

}  // namespace
}  // namespace retention
