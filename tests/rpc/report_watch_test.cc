#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/meetings/report_notices.h"
#include "server/rpc/watch_courier.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

constexpr char kWatchReports[] = "/retention.v1.MeetingService/WatchReports";

v1::WatchReportsRequest After(uint64_t notice, bool once = false) {
  v1::WatchReportsRequest request;
  request.set_after_notice_id(notice);
  request.set_once(once);
  return request;
}

std::unique_ptr<CallerStream> WatchReports(RunningServer& server, const v1::WatchReportsRequest& request = {}) {
  auto stream = server.caller().Open(kWatchReports);
  EXPECT_TRUE(stream->Write(request));
  stream->WritesDone();
  return stream;
}

// The meetings of the next message; none if the stream has ended. `last`: the number of its last notice.
std::vector<std::string> NextMeetings(CallerStream& stream, uint64_t* last = nullptr) {
  v1::WatchReportsResponse response;
  std::vector<std::string> meetings;
  if (!stream.Read(response)) return meetings;
  for (const auto& notice : response.notices()) {
    meetings.push_back(notice.meeting_id());
    if (last != nullptr) *last = notice.notice_id();
  }
  return meetings;
}
using Meetings = std::vector<std::string>;

v1::RecordResult Meet(RunningServer& server, const std::string& meeting, absl::Time time) {
  return server.Batch({Joined(meeting, meeting + "-j", time, "p", "Ada"), Left(meeting, meeting + "-l", time, "p")});
}

class ReportWatch : public ::testing::Test {
 protected:
  ReportWatch() { server_.SyncPbx(); }
  // Time passes, so that what was given has settled.
  void Settle() { server_.AdvanceTo(now_ += kRefreshWithin); }

  RunningServer server_;
  absl::Time now_ = kMonday;
};

TEST_F(ReportWatch, EveryWatcherIsToldOnceAndAsSoonAsItHasSettled) {
  auto first = WatchReports(server_);
  auto second = WatchReports(server_);
  Meet(server_, "m", kMonday);
  Settle();
  EXPECT_EQ(NextMeetings(*first), Meetings{"m"});
  EXPECT_EQ(NextMeetings(*second), Meetings{"m"});
  Meet(server_, "n", kMonday);
  Settle();
  EXPECT_EQ(NextMeetings(*first), Meetings{"n"}) << "and m not again";
  EXPECT_EQ(NextMeetings(*second), Meetings{"n"});
}

TEST_F(ReportWatch, WhoComesBackGoesOnWhereTheyWereAlsoAfterARestart) {
  auto watch = WatchReports(server_);
  Meet(server_, "m", kMonday);
  Settle();
  uint64_t last = 0;
  EXPECT_EQ(NextMeetings(*watch, &last), Meetings{"m"});
  watch.reset();
  Meet(server_, "n", kMonday);
  Settle();
  ASSERT_TRUE(server_.Restart([&](ServerOptions& options) { options.simulated_start = now_; }).ok());
  watch = WatchReports(server_, After(last));
  EXPECT_EQ(NextMeetings(*watch), Meetings{"n"});
  Meet(server_, "o", kMonday);
  Settle();
  EXPECT_EQ(NextMeetings(*watch, &last), Meetings{"o"}) << "no number comes again";
  auto another = WatchReports(server_, After(last));
  Meet(server_, "p", kMonday);
  Settle();
  EXPECT_EQ(NextMeetings(*another), Meetings{"p"});
}

TEST_F(ReportWatch, WhatTheSweepTellsArrivesToo) {
  auto watch = WatchReports(server_);
  server_.Batch({Joined("m", "j", kMonday, "p", "Ada")});
  server_.AdvanceTo(kMonday + absl::Hours(25));
  ASSERT_TRUE(server_.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
  server_.AdvanceTo(kMonday + absl::Hours(26));
  EXPECT_EQ(NextMeetings(*watch), Meetings{"m"});
}

TEST_F(ReportWatch, AskedForOnceTheStreamEndsWhenAllIsTold) {
  auto nothing = WatchReports(server_, After(0, true));
  EXPECT_EQ(NextMeetings(*nothing), Meetings());
  EXPECT_TRUE(nothing->Finish().ok());
  std::vector<v1::Event> events;
  for (int i = 0; i < 150; ++i) {
    const std::string meeting = absl::StrCat("m", i);
    events.push_back(Joined(meeting, meeting + "-j", kMonday, "p", "Ada"));
    events.push_back(Left(meeting, meeting + "-l", kMonday, "p"));
  }
  server_.Batch(events);
  Settle();
  auto all = WatchReports(server_, After(0, true));
  EXPECT_EQ(NextMeetings(*all).size(), 100u);
  EXPECT_EQ(NextMeetings(*all).size(), 50u);
  EXPECT_EQ(NextMeetings(*all), Meetings());
  EXPECT_TRUE(all->Finish().ok());
}

TEST_F(ReportWatch, EveryFlawNamesItsField) {
  const auto refused = [&](const v1::WatchReportsRequest& request) {
    auto stream = WatchReports(server_, request);
    EXPECT_EQ(NextMeetings(*stream), Meetings());
    return stream->Finish().Summary();
  };
  EXPECT_EQ(refused(After(1)), "INVALID_ARGUMENT INVALID_FIELD after_notice_id");
  v1::WatchReportsRequest request;
  request.set_pbx_id(std::string(300, 'x'));
  EXPECT_EQ(refused(request), "INVALID_ARGUMENT INVALID_FIELD pbx_id");
  request.set_pbx_id("another");
  EXPECT_EQ(refused(request), "NOT_FOUND PBX_UNKNOWN");
  auto malformed = server_.caller().Open(kWatchReports);
  ASSERT_TRUE(malformed->Write(std::string("\xff")));
  EXPECT_EQ(NextMeetings(*malformed), Meetings());
  EXPECT_EQ(malformed->Finish().Summary(), "INVALID_ARGUMENT MALFORMED_MESSAGE");
}

TEST_F(ReportWatch, MoreWatchersThanTheLimitAreRefused) {
  Meet(server_, "m", kMonday);
  Settle();
  std::vector<std::unique_ptr<CallerStream>> watches;
  for (size_t i = 0; i < WatchCourier::kMaxWatchersPerPeer; ++i) {
    watches.push_back(WatchReports(server_));
    ASSERT_EQ(NextMeetings(*watches.back()), Meetings{"m"});
  }
  auto refused = WatchReports(server_);
  EXPECT_EQ(NextMeetings(*refused), Meetings());
  EXPECT_EQ(refused->Finish().Summary(), "RESOURCE_EXHAUSTED TOO_MANY_WATCHERS");
}

TEST_F(ReportWatch, ShutdownEndsAllWatches) {
  auto watch = WatchReports(server_);
  Meet(server_, "m", kMonday);
  Settle();
  ASSERT_EQ(NextMeetings(*watch), Meetings{"m"});
  std::thread shutdown([&] { server_.server().Shutdown(absl::Seconds(2)); });
  EXPECT_EQ(NextMeetings(*watch), Meetings());
  EXPECT_EQ(watch->Finish().Summary(), "UNAVAILABLE SHUTTING_DOWN");
  shutdown.join();
}

TEST(ReportWatchOnAFailingDisk, WhatADiskRefusedIsToldOnceItIsWritten) {
  FaultFileSystem disk;
  RunningServer server([&](ServerOptions& options) {
    options.store.file_system = disk.file_system();
    options.sweep_interval = absl::Milliseconds(1);
  });
  server.SyncPbx();
  auto watch = WatchReports(server);
  disk.FailWrites(FaultFileSystem::Fault::kIoError);
  v1::BatchRecordEventsRequest request;
  *request.add_events() = Joined("m", "j", kMonday, "p", "Ada");
  *request.add_events() = Left("m", "l", kMonday, "p");
  for (v1::Event& event : *request.mutable_events()) event.set_pbx_id("pbx");
  EXPECT_FALSE(server.Call("/retention.v1.EventService/BatchRecordEvents", request).ok());
  disk.Heal();
  AwaitTrue([&] { return server.Health("") == 1; });
  Meet(server, "n", kMonday);
  server.Batch({request.events(0), request.events(1)});
  server.AdvanceTo(kMonday + kRefreshWithin);
  EXPECT_EQ(NextMeetings(*watch), (Meetings{"n", "m"}));
}

}  // namespace
}  // namespace retention
