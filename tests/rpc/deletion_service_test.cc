#include <gtest/gtest.h>

#include <string>

#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

const std::string kDeletionService = "/retention.v1.DeletionService/";
const std::string kInvalid = "INVALID_ARGUMENT INVALID_FIELD ";

template <typename Request>
Request Named(std::string_view meeting = "") {
  Request request;
  request.set_pbx_id("pbx");
  request.set_reason(v1::DELETION_REASON_UNLAWFUL);
  if constexpr (requires { request.set_meeting_id(std::string(meeting)); })
    request.set_meeting_id(std::string(meeting));
  return request;
}

TEST(DeletionService, WhatAnOperatorDeletesIsGoneWhenTheCallReturns) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({Joined("m", "j", kMonday, "p1", "Ada Example"), Recording("m", "r", kMonday, "ref-1")});
  v1::DeleteMeetingResponse deleted;
  ASSERT_TRUE(server.Call(kDeletionService + "DeleteMeeting", Named<v1::DeleteMeetingRequest>("m"), &deleted).ok());
  ASSERT_EQ(deleted.erased_size(), 2);
  EXPECT_EQ(deleted.erased(0).category(), v1::DATA_CATEGORY_RECORDING);
  EXPECT_EQ(deleted.erased(1).category(), v1::DATA_CATEGORY_PARTICIPANT_NAME);

  v1::DeletePbxResponse ended;
  ASSERT_TRUE(server.Call(kDeletionService + "DeletePbx", Named<v1::DeletePbxRequest>(), &ended).ok());
  EXPECT_GE(ended.values_erased(), 1u);
  EXPECT_EQ(server.Call(kDeletionService + "DeletePbx", Named<v1::DeletePbxRequest>()).Summary(),
            "NOT_FOUND PBX_UNKNOWN");
}

TEST(DeletionService, WhatIsNotThereIsNamed) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({Joined("m", "j", kMonday, "p1", "Ada Example")});
  auto object = Named<v1::DeleteObjectRequest>("m");
  object.set_category(v1::DATA_CATEGORY_RECORDING);
  object.set_object_id("none");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteObject", object).Summary(), "NOT_FOUND OBJECT_UNKNOWN");
  object.set_meeting_id("none");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteObject", object).Summary(), "NOT_FOUND MEETING_UNKNOWN");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteMeeting", Named<v1::DeleteMeetingRequest>("none")).Summary(),
            "NOT_FOUND MEETING_UNKNOWN");
  auto poll = Named<v1::DeletePollRequest>();
  poll.set_poll_id("none");
  EXPECT_EQ(server.Call(kDeletionService + "DeletePoll", poll).Summary(), "NOT_FOUND POLL_UNKNOWN");
  auto extension = Named<v1::DeleteExtensionRequest>();
  extension.set_number("999");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteExtension", extension).Summary(), "NOT_FOUND EXTENSION_UNKNOWN");
}

TEST(DeletionService, EveryFlawNamesItsField) {
  RunningServer server;
  server.SyncPbx();
  auto pbx = Named<v1::DeletePbxRequest>();
  pbx.clear_reason();
  EXPECT_EQ(server.Call(kDeletionService + "DeletePbx", pbx).Summary(), kInvalid + "reason");
  pbx.set_reason(static_cast<v1::DeletionReason>(99));
  EXPECT_EQ(server.Call(kDeletionService + "DeletePbx", pbx).Summary(), kInvalid + "reason");
  pbx = Named<v1::DeletePbxRequest>();
  pbx.clear_pbx_id();
  EXPECT_EQ(server.Call(kDeletionService + "DeletePbx", pbx).Summary(), kInvalid + "pbx_id");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteMeeting", Named<v1::DeleteMeetingRequest>("")).Summary(),
            kInvalid + "meeting_id");
  auto object = Named<v1::DeleteObjectRequest>("m");
  object.set_object_id("o");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteObject", object).Summary(), kInvalid + "category");
  object.set_category(v1::DATA_CATEGORY_HISTORY);
  EXPECT_EQ(server.Call(kDeletionService + "DeleteObject", object).Summary(), kInvalid + "category");
  object.set_object_id("ada@example.org");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteObject", object).Summary(), kInvalid + "object_id");
  EXPECT_EQ(server.Call(kDeletionService + "DeleteMeeting", Named<v1::DeleteMeetingRequest>("a@b")).Summary(),
            kInvalid + "meeting_id");
  auto poll = Named<v1::DeletePollRequest>();
  poll.set_poll_id("ada@example.org");
  EXPECT_EQ(server.Call(kDeletionService + "DeletePoll", poll).Summary(), kInvalid + "poll_id");
  auto extension = Named<v1::DeleteExtensionRequest>();
  EXPECT_EQ(server.Call(kDeletionService + "DeleteExtension", extension).Summary(), kInvalid + "number");
}

TEST(PbxService, ALicenceIsReportedAndItsFlawsNamed) {
  RunningServer server;
  v1::SyncPbxRequest sync;
  sync.set_pbx_id("pbx");
  sync.set_controller_id("controller");
  sync.mutable_profile()->set_licence_key("key-1");
  ASSERT_TRUE(server.Call("/retention.v1.PbxService/SyncPbx", sync).ok());
  const std::string method = "/retention.v1.PbxService/ReportLicence";
  v1::ReportLicenceRequest request;
  EXPECT_EQ(server.Call(method, request).Summary(), kInvalid + "licence_key");
  request.set_licence_key("key-1");
  EXPECT_EQ(server.Call(method, request).Summary(), kInvalid + "valid_until");
  request.mutable_valid_until()->set_seconds(-1);
  EXPECT_EQ(server.Call(method, request).Summary(), kInvalid + "valid_until");
  const absl::Time until = kMonday + absl::Hours(24 * 10);
  request.mutable_valid_until()->set_seconds(absl::ToUnixSeconds(until));
  // Left out is not "no", which would end the PBX.
  EXPECT_EQ(server.Call(method, request).Summary(), kInvalid + "registered");
  request.set_registered(true);
  EXPECT_EQ(server.Call(method, request).Summary(), kInvalid + "active");
  request.set_active(true);
  v1::ReportLicenceResponse response;
  ASSERT_TRUE(server.Call(method, request, &response).ok());
  EXPECT_EQ(response.pbxs(), 1u);
  v1::GetPbxRequest get;
  get.set_pbx_id("pbx");
  v1::GetPbxResponse got;
  ASSERT_TRUE(server.Call("/retention.v1.PbxService/GetPbx", get, &got).ok());
  EXPECT_EQ(got.pbx().licence_valid_until().seconds(), absl::ToUnixSeconds(until));
  ASSERT_EQ(got.pbx().warnings_size(), 1);
  EXPECT_EQ(got.pbx().warnings(0).warning_days(), 14u);
  server.AdvanceTo(until);
  EXPECT_EQ(server.Call("/retention.v1.PbxService/GetPbx", get).Summary(), "NOT_FOUND PBX_UNKNOWN");
  request.set_licence_key("key-2");
  EXPECT_EQ(server.Call(method, request).Summary(), "NOT_FOUND LICENCE_UNKNOWN");
}

}  // namespace
}  // namespace retention
