// kill -9 between the end of a meeting, the notice of its report, its delivery and its end: nobody misses a report, is
// told of one twice who says how far they came, or hears of a PBX that has ended.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/crash/server_process.h"

namespace retention::crash {
namespace {

const absl::Time kTheDay = absl::FromUnixSeconds(1772445600);  // 2026-03-02T10:00:00Z
// A notice has settled by then.
const absl::Time kSettled = kTheDay + absl::Minutes(1);
// A meeting that nobody left is presumed to have ended.
const absl::Time kPresumed = kTheDay + absl::Hours(25);

// Somebody was there for a minute, and left if `ends`. Whether it was acknowledged, and how much of it was new.
struct Recorded {
  bool acknowledged = false;
  uint32_t accepted = 0;
};
Recorded Meet(const Client& client, const std::string& meeting, bool ends = true) {
  v1::BatchRecordEventsRequest request;
  const auto add = [&](const std::string& id, absl::Duration before) -> v1::Event& {
    v1::Event& event = *request.add_events();
    event.set_event_id(id);
    event.set_pbx_id("pbx");
    event.set_meeting_id(meeting);
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(kTheDay - before));
    return event;
  };
  auto& joined = *add("joined", absl::Minutes(2)).mutable_participant_joined();
  joined.set_participant_id("anna");
  joined.set_name("Anna");
  if (ends) add("left", absl::Minutes(1)).mutable_participant_left()->set_participant_id("anna");
  const auto response = client.BatchRecordEvents(request);
  if (!response.ok()) return {};
  return {.acknowledged = true, .accepted = response->result().accepted()};
}

// The notices that are to be told now, after a number: their numbers and meetings.
using Notices = std::vector<std::pair<uint64_t, std::string>>;
Notices Told(const Client& client, uint64_t after = 0) {
  v1::WatchReportsRequest request;
  request.set_after_notice_id(after);
  request.set_once(true);
  Notices notices;
  const absl::Status status = client.WatchReports(request, [&](const v1::WatchReportsResponse& message) {
    for (const auto& notice : message.notices()) notices.emplace_back(notice.notice_id(), notice.meeting_id());
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return notices;
}

std::vector<std::string> MeetingsOf(const Notices& notices) {
  std::vector<std::string> meetings;
  for (const auto& [number, meeting] : notices) meetings.push_back(meeting);
  return meetings;
}
using Meetings = std::vector<std::string>;

TEST(KilledReports, BetweenTheEndOfAMeetingItsDeliveryAndItsCallersNoteOfItNoneIsLost) {
  const Machine machine;
  {
    ServerProcess server(machine, kTheDay);
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    ASSERT_TRUE(Meet(server.client(), "m").acknowledged);
    server.Kill();
  }
  uint64_t last = 0;
  {
    ServerProcess server(machine, kSettled);
    ASSERT_TRUE(server.serving());
    const Notices notices = Told(server.client());
    ASSERT_EQ(MeetingsOf(notices), Meetings{"m"});
    last = notices.back().first;
    server.Kill();
  }
  ServerProcess server(machine, kSettled);
  ASSERT_TRUE(server.serving());
  EXPECT_EQ(Told(server.client()), (Notices{{last, "m"}})) << "who made no note of it gets it again";
  EXPECT_EQ(Told(server.client(), last), Notices()) << "who did does not";
}

TEST(KilledReports, ANoticeThatWasNotWrittenIsGivenWithItsEvents) {
  const Machine machine;
  {
    ServerProcess server(machine, kTheDay, "reports.before_notice");
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    EXPECT_FALSE(Meet(server.client(), "m").acknowledged);
    ASSERT_EQ(server.WaitForEnd(), SIGKILL);
  }
  {
    ServerProcess server(machine, kSettled);
    ASSERT_TRUE(server.serving());
    EXPECT_EQ(Told(server.client()), Notices()) << "nor were its events";
    EXPECT_EQ(Meet(server.client(), "m").accepted, 2u);
    server.Kill();
  }
  ServerProcess server(machine, kSettled + absl::Minutes(1));
  ASSERT_TRUE(server.serving());
  EXPECT_EQ(MeetingsOf(Told(server.client())), Meetings{"m"});
}

TEST(KilledReports, ANoticeThatWasWrittenAndNotAcknowledgedStands_AndItsNumberIsNotGivenAgain) {
  const Machine machine;
  {
    ServerProcess server(machine, kTheDay, "reports.after_notice");
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    EXPECT_FALSE(Meet(server.client(), "m").acknowledged);
    ASSERT_EQ(server.WaitForEnd(), SIGKILL);
  }
  uint64_t last = 0;
  {
    ServerProcess server(machine, kSettled);
    ASSERT_TRUE(server.serving());
    EXPECT_EQ(Meet(server.client(), "m").accepted, 0u) << "the portal says it again";
    const Notices notices = Told(server.client());
    ASSERT_EQ(MeetingsOf(notices), Meetings{"m"});
    last = notices.back().first;
    ASSERT_EQ(Meet(server.client(), "n").accepted, 2u);
    server.Kill();
  }
  ServerProcess server(machine, kSettled + absl::Minutes(1));
  ASSERT_TRUE(server.serving());
  const Notices notices = Told(server.client(), last);
  ASSERT_EQ(MeetingsOf(notices), Meetings{"n"});
  EXPECT_GT(notices.back().first, last);
}

// The sweep that tells of a presumed end is killed before its batch, or after it.
class KilledSweepThatTells : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledSweepThatTells, IsTakenUpAndTellsOnce) {
  const Machine machine;
  {
    ServerProcess server(machine, kTheDay);
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    ASSERT_TRUE(Meet(server.client(), "m", /*ends=*/false).acknowledged);
    server.Kill();
  }
  {
    ServerProcess server(machine, kPresumed, GetParam());
    if (server.serving()) server.client().Sweep({}).status().IgnoreError();  // unless it swept when it started
    ASSERT_EQ(server.WaitForEnd(), SIGKILL);
  }
  ServerProcess server(machine, kPresumed + absl::Minutes(1));
  ASSERT_TRUE(server.serving());
  ASSERT_TRUE(server.client().Sweep({}).ok());
  v1::AdvanceClockRequest settle;
  settle.mutable_by()->set_seconds(60);
  ASSERT_TRUE(server.client().AdvanceClock(settle).ok());
  EXPECT_EQ(MeetingsOf(Told(server.client())), Meetings{"m"});
}

INSTANTIATE_TEST_SUITE_P(AtTheBatch, KilledSweepThatTells,
                         ::testing::Values("reports.before_notice", "reports.after_notice"));

TEST(KilledReports, OfAPbxWhoseEndIsCutShortNobodyIsTold) {
  const Machine machine;
  {
    ServerProcess server(machine, kTheDay, "pbx.before_listings");
    ASSERT_TRUE(server.serving());
    SyncPbx(server.client());
    ASSERT_TRUE(Meet(server.client(), "m").acknowledged);
    v1::DeletePbxRequest deletion;
    deletion.set_pbx_id("pbx");
    deletion.set_reason(v1::DELETION_REASON_CONTROLLER_REQUEST);
    EXPECT_FALSE(server.client().DeletePbx(deletion).ok());
    ASSERT_EQ(server.WaitForEnd(), SIGKILL);
  }
  ServerProcess server(machine, kSettled);
  ASSERT_TRUE(server.serving());
  EXPECT_EQ(Told(server.client()), Notices());
  ASSERT_TRUE(server.client().Sweep({}).ok());
  // The next PBX of that name has its own reports, and no others.
  SyncPbx(server.client());
  ASSERT_TRUE(Meet(server.client(), "n").acknowledged);
  v1::AdvanceClockRequest settle;
  settle.mutable_by()->set_seconds(60);
  ASSERT_TRUE(server.client().AdvanceClock(settle).ok());
  EXPECT_EQ(MeetingsOf(Told(server.client())), Meetings{"n"});
}

}  // namespace
}  // namespace retention::crash
