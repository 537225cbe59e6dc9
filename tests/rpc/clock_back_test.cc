// What was destroyed as due is shown to nobody, though the clock by which it was due has been put back since, and keys
// of it are left for what holds keep.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "server/days/due_keys.h"
#include "storage/random_source.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

class ClockBack : public ::testing::Test {
 protected:
  absl::Status Start() {
    return server_.Restart([](ServerOptions& options) { options.simulated_start = kMonday; });
  }
  std::string Shown() {
    v1::ListParticipantsRequest participants;
    participants.set_pbx_id("pbx");
    participants.set_meeting_id("meeting");
    v1::ListParticipantsResponse response;
    v1::GetMeetingRequest meeting;
    meeting.set_pbx_id("pbx");
    meeting.set_meeting_id("meeting");
    v1::GetMeetingResponse got;
    server_.Call("/retention.v1.MeetingService/ListParticipants", participants, &response);
    server_.Call("/retention.v1.MeetingService/GetMeeting", meeting, &got);
    return response.ShortDebugString() + got.ShortDebugString();
  }

  RunningServer server_;
};

TEST_F(ClockBack, WhatAStartWithoutAStoreDestroyedIsNotShown_ThoughItsRescuesLive) {
  ASSERT_TRUE(Start().ok());
  server_.SyncPbx();
  server_.Batch({Joined("meeting", "join", kMonday, "p", "Ada", "ada@example.org")});
  v1::CreateHoldRequest request;
  *request.mutable_hold() = PbxHold("case", kMonday);
  ASSERT_TRUE(server_.Call("/retention.v1.HoldService/CreateHold", request).ok());
  EXPECT_TRUE(absl::StrContains(Shown(), "Ada")) << Shown();
  EXPECT_TRUE(absl::StrContains(Shown(), "ada@example.org")) << Shown();
  server_.Stop();
  {
    KeyRing::Options options;
    options.opening.only_destroys = true;
    auto ring = KeyRing::Open((server_.directory() / "ring").string(), std::move(options));
    ASSERT_TRUE(ring.ok()) << ring.status();
    const auto destroyed = DestroyDueByRing(**ring, SystemRandom(), kMonday + absl::Hours(24 * 8));
    ASSERT_TRUE(destroyed.ok()) << destroyed.status();
    ASSERT_FALSE(destroyed->days.empty());
    ASSERT_NE((*ring)->FirstRescued(), DueDay::None());
  }
  ASSERT_TRUE(Start().ok());
  EXPECT_FALSE(absl::StrContains(Shown(), "Ada")) << Shown();
  EXPECT_FALSE(absl::StrContains(Shown(), "ada@example.org")) << Shown();
  server_.AdvanceTo(kMonday + absl::Hours(24 * 9));
  EXPECT_FALSE(absl::StrContains(Shown(), "Ada")) << Shown();
}

}  // namespace
}  // namespace retention
