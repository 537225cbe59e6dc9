#include <gtest/gtest.h>

#include <string>

#include "retention/v1/retention_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kPolicy[] = "/retention.v1.RetentionService/GetPolicy";
constexpr char kListDueDays[] = "/retention.v1.RetentionService/ListDueDays";
constexpr char kSweep[] = "/retention.v1.RetentionService/Sweep";

TEST(RetentionService, ThePolicyInForceIsTheFile) {
  RunningServer server;
  v1::GetPolicyResponse response;
  ASSERT_TRUE(server.Call(kPolicy, v1::GetPolicyRequest(), &response).ok());
  EXPECT_EQ(response.policy().SerializeAsString(), DefaultPolicy().proto().SerializeAsString());
}

TEST(RetentionService, DueDaysSayWhatFallsDueWhen) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  v1::ListDueDaysRequest request;
  request.add_categories(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  v1::ListDueDaysResponse response;
  ASSERT_TRUE(server.Call(kListDueDays, request, &response).ok());
  ASSERT_EQ(response.buckets_size(), 1);
  EXPECT_EQ(response.buckets(0).due_day().day(), 9);
  EXPECT_EQ(response.buckets(0).values(), 1u);
  EXPECT_EQ(response.buckets(0).due_time().seconds(), absl::ToUnixSeconds(At("2026-03-10T00:00:00+01:00")));

  request.add_categories(static_cast<v1::DataCategory>(99));
  EXPECT_EQ(server.Call(kListDueDays, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD categories[1]");
  request.clear_categories();
  request.mutable_first_day()->set_year(2026);
  EXPECT_EQ(server.Call(kListDueDays, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD first_day");
}

TEST(RetentionService, DueDaysOfAPbxAndOfAController) {
  RunningServer server;
  server.SyncPbx();
  server.SyncPbx("other");
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  v1::ListDueDaysRequest request;
  request.add_categories(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  request.add_categories(v1::DATA_CATEGORY_PBX_SYNC);
  request.set_pbx_id("pbx");
  v1::ListDueDaysResponse one;
  ASSERT_TRUE(server.Call(kListDueDays, request, &one).ok());
  ASSERT_EQ(one.buckets_size(), 2);
  EXPECT_EQ(one.buckets(0).due_day().day(), 9);
  EXPECT_EQ(one.buckets(1).rows(), 2u) << "the PBX and its extension";
  request.set_pbx_id("other");
  v1::ListDueDaysResponse other;
  ASSERT_TRUE(server.Call(kListDueDays, request, &other).ok());
  ASSERT_EQ(other.buckets_size(), 1);
  request.set_controller_id("controller");
  EXPECT_EQ(server.Call(kListDueDays, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD controller_id");
  request.clear_pbx_id();
  v1::ListDueDaysResponse both;
  ASSERT_TRUE(server.Call(kListDueDays, request, &both).ok());
  ASSERT_EQ(both.buckets_size(), 2);
  EXPECT_EQ(both.buckets(1).rows(), 4u);
  request.set_controller_id("nobody");
  EXPECT_EQ(server.Call(kListDueDays, request).Summary(), "NOT_FOUND CONTROLLER_UNKNOWN");
  request.clear_controller_id();
  request.set_pbx_id("nobody");
  EXPECT_EQ(server.Call(kListDueDays, request).Summary(), "NOT_FOUND PBX_UNKNOWN");
}

// What a run says that erased something is in sweep_loop_test: here the loop may come before the call.
TEST(RetentionService, ASweepWithNothingDueErasesNothing) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({File("meeting", "e2", kMonday, "ref"), Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  v1::SweepResponse response;
  ASSERT_TRUE(server.Call(kSweep, v1::SweepRequest(), &response).ok());
  EXPECT_EQ(response.SerializeAsString(), "");
}

TEST(RetentionService, WhatIsDueGoesByItselfWhenTheClockMoves) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example")});
  server.AdvanceTo(At("2026-03-10T00:00:00+01:00"));
  v1::ListDueDaysRequest request;
  request.add_categories(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  AwaitTrue([&] {
    v1::ListDueDaysResponse response;
    return server.Call(kListDueDays, request, &response).ok() && response.buckets_size() == 0;
  });
}

}  // namespace
}  // namespace retention
