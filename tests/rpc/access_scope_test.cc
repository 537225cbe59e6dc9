// Portals that serve some PBXs alone, through the real server.
#include <gtest/gtest.h>

#include <map>

#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/guarded_server.h"

namespace retention {
namespace {

class AccessScopeTest : public ::testing::Test {
 protected:
  AccessScopeTest()
      : server_("all=365 a=365 b=365 operator=365",
                RoleRuleOf("portal/all", "all") + "," + RoleRuleOf("operator", "operator") + "," +
                    RoleRuleOf("portal/a", "a", R"(, "scope": {"pbx_ids": ["pbx-a"]})") + "," +
                    RoleRuleOf("portal/b", "b", R"(, "scope": {"controller_ids": ["controller-b"]})")) {
    Sync("all", "pbx-a", "controller-a");
    Sync("b", "pbx-b", "controller-b");
  }

  std::string Sync(const std::string& client, const std::string& pbx, const std::string& controller) {
    v1::SyncPbxRequest request;
    request.set_pbx_id(pbx);
    request.set_controller_id(controller);
    request.add_extensions()->set_number("100");
    return Call(client, "PbxService/SyncPbx", request);
  }
  std::string Call(const std::string& client, const std::string& method, const google::protobuf::MessageLite& request,
                   google::protobuf::MessageLite* response = nullptr) {
    return server_.CallerOf(client)->Call("/retention.v1." + method, request, response).Summary();
  }
  std::vector<std::string> Listed(const std::string& client) {
    v1::ListPbxsResponse response;
    EXPECT_EQ(Call(client, "PbxService/ListPbxs", v1::ListPbxsRequest(), &response), "OK");
    std::vector<std::string> ids;
    for (const v1::Pbx& pbx : response.pbxs()) ids.push_back(pbx.pbx_id());
    return ids;
  }
  // A file shared in a meeting of each PBX, deleted at once: an order each.
  void IssueOrders() {
    for (const char* pbx : {"pbx-a", "pbx-b"}) {
      v1::BatchRecordEventsRequest request;
      for (v1::Event event : {Scheduled("m", "e1", kMonday, kMonday, absl::Hours(1)), File("m", "e2", kMonday, pbx)}) {
        event.set_pbx_id(pbx);
        *request.add_events() = event;
      }
      v1::BatchRecordEventsResponse response;
      ASSERT_EQ(Call("all", "EventService/BatchRecordEvents", request, &response), "OK");
      ASSERT_EQ(response.result().accepted(), 2u) << response.ShortDebugString();
      v1::DeleteMeetingRequest deletion;
      deletion.set_pbx_id(pbx);
      deletion.set_meeting_id(request.events(0).meeting_id());
      deletion.set_reason(v1::DELETION_REASON_OPERATIONAL);
      ASSERT_EQ(Call("operator", "DeletionService/DeleteMeeting", deletion), "OK");
    }
  }

  GuardedServer server_;
};

TEST_F(AccessScopeTest, ListsShowWhatTheCallerReaches) {
  EXPECT_EQ(Listed("all"), (std::vector<std::string>{"pbx-a", "pbx-b"}));
  EXPECT_EQ(Listed("a"), std::vector<std::string>{"pbx-a"});
  EXPECT_EQ(Listed("b"), std::vector<std::string>{"pbx-b"});
}

TEST_F(AccessScopeTest, APortalTakesNoPbxOfAnother) {
  EXPECT_EQ(Sync("b", "pbx-a", "controller-b"), "PERMISSION_DENIED OUT_OF_SCOPE");
  EXPECT_EQ(Sync("b", "pbx-new", "controller-a"), "PERMISSION_DENIED OUT_OF_SCOPE");
  EXPECT_EQ(Sync("b", "pbx-new", "controller-b"), "OK");
  v1::GetPbxRequest request;
  request.set_pbx_id("pbx-a");
  EXPECT_EQ(Call("b", "PbxService/GetPbx", request), "PERMISSION_DENIED OUT_OF_SCOPE");
  request.set_pbx_id("pbx-nobody-knows");
  EXPECT_EQ(Call("b", "PbxService/GetPbx", request), "PERMISSION_DENIED OUT_OF_SCOPE");
}

TEST_F(AccessScopeTest, OrdersAreSeenAndConfirmedByWhomTheyConcern) {
  IssueOrders();
  std::map<std::string, uint64_t> seen;
  for (const char* client : {"a", "b"}) {
    const auto caller = server_.CallerOf(client);
    const auto stream = caller->Open("/retention.v1.ErasureOrderService/WatchErasureOrders");
    ASSERT_TRUE(stream->Write(v1::WatchErasureOrdersRequest()));
    stream->WritesDone();
    v1::WatchErasureOrdersResponse response;
    ASSERT_TRUE(stream->Read(response));
    ASSERT_EQ(response.orders_size(), 1) << client;
    EXPECT_EQ(response.orders(0).pbx_id(), std::string("pbx-") + client);
    seen[client] = response.orders(0).order_id();
  }
  v1::ConfirmErasureOrdersRequest request;
  for (const auto& [client, order] : seen) {
    auto& confirmation = *request.add_confirmations();
    confirmation.set_order_id(order);
    confirmation.set_outcome(v1::ERASURE_OUTCOME_ERASED);
  }
  v1::ConfirmErasureOrdersResponse response;
  ASSERT_EQ(Call("a", "ErasureOrderService/ConfirmErasureOrders", request, &response), "OK");
  EXPECT_EQ(response.done(), 1u);
  EXPECT_EQ(response.unknown(), 1u);
  ASSERT_EQ(Call("all", "ErasureOrderService/ConfirmErasureOrders", request, &response), "OK");
  EXPECT_EQ(response.done(), 1u);
}

TEST_F(AccessScopeTest, AStreamEndsAtTheFirstBatchBeyondIt) {
  const auto caller = server_.CallerOf("a");
  const auto stream = caller->Open("/retention.v1.EventService/RecordEvents");
  const auto batch = [](const char* pbx) {
    v1::RecordEventsRequest request;
    *request.add_events() = Scheduled("m", "e1", kMonday, kMonday, absl::Hours(1));
    request.mutable_events(0)->set_pbx_id(pbx);
    return request;
  };
  v1::RecordEventsResponse response;
  ASSERT_TRUE(stream->Write(batch("pbx-a")));
  ASSERT_TRUE(stream->Read(response));
  EXPECT_EQ(response.result().accepted(), 1u);
  ASSERT_TRUE(stream->Write(batch("pbx-b")));
  EXPECT_FALSE(stream->Read(response));
  EXPECT_EQ(stream->Finish().Summary(), "PERMISSION_DENIED OUT_OF_SCOPE");
}

}  // namespace
}  // namespace retention
