#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "retention/v1/clock_service.pb.h"
#include "server/ledger/store_witness.h"
#include "server/meetings/meeting_view.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr char kGetClock[] = "/retention.v1.ClockService/GetClock";
constexpr char kConfirmClock[] = "/retention.v1.ClockService/ConfirmClock";
constexpr char kAdvanceClock[] = "/retention.v1.ClockService/AdvanceClock";

TEST(ClockService, StandsStillUntilItIsMoved) {
  RunningServer server;
  v1::GetClockResponse response;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(server.Call(kGetClock, v1::GetClockRequest(), &response).ok());
    EXPECT_EQ(response.now().seconds(), absl::ToUnixSeconds(kMonday));
  }
  v1::AdvanceClockRequest request;
  request.mutable_by()->set_seconds(3600);
  request.mutable_by()->set_nanos(1000);
  v1::AdvanceClockResponse advanced;
  ASSERT_TRUE(server.Call(kAdvanceClock, request, &advanced).ok());
  EXPECT_EQ(advanced.now().seconds(), absl::ToUnixSeconds(kMonday) + 3600);
  EXPECT_EQ(advanced.now().nanos(), 1000);
  SetTime(absl::ToUnixMicros(kMonday + absl::Hours(2)), *request.mutable_to());
  ASSERT_TRUE(server.Call(kAdvanceClock, request, &advanced).ok());
  EXPECT_EQ(advanced.now().seconds(), absl::ToUnixSeconds(kMonday) + 7200);
}

// A kill right after the answer: what the ring's volume remembers then is where the clock goes on.
TEST(ClockService, WhatItWasMovedToIsDurableWhenThatIsAnswered) {
  RunningServer server;
  const FreshDirectory killed;
  int moved = 0;
  for (const absl::Duration by : {absl::Hours(1), absl::Seconds(1), absl::Microseconds(1)}) {
    v1::AdvanceClockRequest request;
    request.mutable_by()->set_seconds(absl::ToInt64Seconds(by));
    request.mutable_by()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(by - absl::Floor(by, absl::Seconds(1)))));
    v1::AdvanceClockResponse advanced;
    ASSERT_TRUE(server.Call(kAdvanceClock, request, &advanced).ok());
    const std::filesystem::path copy = killed / absl::StrCat(++moved);
    std::filesystem::copy(server.directory() / "ring", copy, std::filesystem::copy_options::recursive);
    const auto witness = StoreWitness::Open({copy.string()});
    ASSERT_TRUE(witness.ok()) << witness.status();
    ASSERT_TRUE((*witness)->known_clock().has_value());
    EXPECT_EQ(absl::ToUnixMicros((*witness)->known_clock()->anchor.instant),
              advanced.now().seconds() * 1'000'000 + advanced.now().nanos() / 1000);
  }
}

TEST(ClockService, DoesNotGoBackNorTooFarAhead) {
  RunningServer server;
  v1::AdvanceClockRequest request;
  EXPECT_EQ(server.Call(kAdvanceClock, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD target");
  SetTime(absl::ToUnixMicros(kMonday) - 1, *request.mutable_to());
  EXPECT_EQ(server.Call(kAdvanceClock, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD target");
  request.mutable_by()->set_seconds(-1);
  EXPECT_EQ(server.Call(kAdvanceClock, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD by");
  request.mutable_by()->set_seconds(absl::ToInt64Seconds(SimulatedClock::kMaxAdvance) + 1);
  EXPECT_EQ(server.Call(kAdvanceClock, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD target");
  request.mutable_by()->set_seconds(INT64_MAX);
  EXPECT_EQ(server.Call(kAdvanceClock, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD by");
}

TEST(ClockService, TheMachinesClockIsNotAdvanced_NorASimulatedOneConfirmed) {
  RunningServer server([](ServerOptions& options) { options.simulated_start.reset(); });
  v1::GetClockResponse clock;
  ASSERT_TRUE(server.Call(kGetClock, v1::GetClockRequest(), &clock).ok());
  EXPECT_EQ(clock.kind(), v1::CLOCK_KIND_MACHINE);
  EXPECT_FALSE(clock.waits_for_confirmation());
  EXPECT_EQ(server.Call(kAdvanceClock, v1::AdvanceClockRequest()).Summary(), "FAILED_PRECONDITION CLOCK_NOT_SIMULATED");
  EXPECT_EQ(server.Health("retention.v1.ClockService"), 1);

  RunningServer simulated;
  v1::ConfirmClockRequest confirm;
  EXPECT_EQ(simulated.Call(kConfirmClock, confirm).Summary(), "INVALID_ARGUMENT INVALID_FIELD instant");
  SetTime(absl::ToUnixMicros(kMonday), *confirm.mutable_instant());
  EXPECT_EQ(simulated.Call(kConfirmClock, confirm).Summary(), "FAILED_PRECONDITION CLOCK_SIMULATED");
}

}  // namespace
}  // namespace retention
