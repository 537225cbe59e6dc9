#include <gtest/gtest.h>

#include <string>

#include "retention/v1/pbx_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kSync[] = "/retention.v1.PbxService/SyncPbx";
constexpr char kGetPbx[] = "/retention.v1.PbxService/GetPbx";
constexpr char kListPbxs[] = "/retention.v1.PbxService/ListPbxs";
constexpr char kRemove[] = "/retention.v1.PbxService/RemoveExtension";
constexpr char kDeregister[] = "/retention.v1.PbxService/DeregisterPbx";

v1::SyncPbxRequest Pbx() {
  v1::SyncPbxRequest request;
  request.set_pbx_id("pbx");
  request.set_controller_id("controller");
  request.mutable_profile()->set_fqdn("pbx.example.org");
  request.add_extensions()->set_number("100");
  request.add_extensions()->set_number("101");
  return request;
}

TEST(PbxService, APbxIsSynchronisedReadAndListed) {
  RunningServer server;
  v1::SyncPbxResponse synced;
  ASSERT_TRUE(server.Call(kSync, Pbx(), &synced).ok());
  EXPECT_TRUE(synced.created());
  v1::SyncPbxRequest smaller = Pbx();
  smaller.mutable_extensions()->RemoveLast();
  ASSERT_TRUE(server.Call(kSync, smaller, &synced).ok());
  EXPECT_FALSE(synced.created());
  EXPECT_EQ(synced.extensions_removed(), 1u);

  v1::GetPbxRequest get;
  get.set_pbx_id("pbx");
  v1::GetPbxResponse got;
  ASSERT_TRUE(server.Call(kGetPbx, get, &got).ok());
  EXPECT_EQ(got.pbx().profile().fqdn(), "pbx.example.org");
  ASSERT_EQ(got.pbx().extensions_size(), 1);
  v1::ListPbxsResponse list;
  ASSERT_TRUE(server.Call(kListPbxs, v1::ListPbxsRequest(), &list).ok());
  EXPECT_EQ(list.pbxs_size(), 1);
}

TEST(PbxService, EveryFlawNamesItsField) {
  RunningServer server;
  const std::string invalid = "INVALID_ARGUMENT INVALID_FIELD ";
  v1::SyncPbxRequest request = Pbx();
  request.set_pbx_id("with space");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "pbx_id");
  request.set_pbx_id("pbx@example.org");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "pbx_id");
  request = Pbx();
  request.set_validate_only(true);
  request.mutable_extensions(1)->set_number("one");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "extensions[1].number");
  request = Pbx();
  request.clear_controller_id();
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "controller_id");
  request = Pbx();
  request.mutable_profile()->set_ip("300.0.2.1");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "profile.ip");
  request = Pbx();
  request.mutable_profile()->set_fqdn("-pbx.example.org");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "profile.fqdn");
  request = Pbx();
  request.mutable_extensions(1)->set_email("nobody");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "extensions[1].email");
  request = Pbx();
  request.mutable_extensions(1)->set_number("100");
  EXPECT_EQ(server.Call(kSync, request).Summary(), invalid + "extensions[1].number");
  v1::ListPbxsResponse list;
  ASSERT_TRUE(server.Call(kListPbxs, v1::ListPbxsRequest(), &list).ok());
  EXPECT_EQ(list.pbxs_size(), 0);
}

TEST(PbxService, ThePbxWithAllItMayHoldFitsIntoOneCall) {
  RunningServer server;
  v1::SyncPbxRequest request = Pbx();
  request.clear_extensions();
  for (int i = 0; i < 10000; ++i) {
    v1::Extension& extension = *request.add_extensions();
    extension.set_number(std::to_string(1000000000000000 + i));
    extension.set_email(std::string(64, 'l') + "@" + std::string(189, 'd'));
    extension.set_vanity_url_name(std::string(128, 'v'));
    extension.set_first_name(std::string(128, 'f'));
    extension.set_last_name(std::string(128, 'n'));
  }
  const CallEnd end = server.Call(kSync, request);
  EXPECT_TRUE(end.ok()) << end;
}

TEST(PbxService, ExtensionsAreRemovedAndPbxsEnd) {
  RunningServer server;
  ASSERT_TRUE(server.Call(kSync, Pbx()).ok());
  v1::RemoveExtensionRequest remove;
  remove.set_pbx_id("pbx");
  remove.set_number("100");
  EXPECT_TRUE(server.Call(kRemove, remove).ok());
  EXPECT_EQ(server.Call(kRemove, remove).Summary(), "NOT_FOUND EXTENSION_UNKNOWN");
  remove.set_number("one");
  EXPECT_EQ(server.Call(kRemove, remove).Summary(), "INVALID_ARGUMENT INVALID_FIELD number");

  v1::DeregisterPbxRequest deregister;
  deregister.set_pbx_id("pbx");
  v1::DeregisterPbxResponse response;
  ASSERT_TRUE(server.Call(kDeregister, deregister, &response).ok());
  EXPECT_GT(response.values_erased(), 0u);
  EXPECT_EQ(server.Call(kDeregister, deregister).Summary(), "NOT_FOUND PBX_UNKNOWN");
  v1::GetPbxRequest get;
  get.set_pbx_id("pbx");
  EXPECT_EQ(server.Call(kGetPbx, get).Summary(), "NOT_FOUND PBX_UNKNOWN");
  // A refusal is the caller's affair, not the storage's.
  EXPECT_EQ(server.Health(""), 1);
}

TEST(PbxService, ManyRemovalsAreConfirmedOrRefused) {
  RunningServer server;
  ASSERT_TRUE(server.Call(kSync, Pbx()).ok());
  v1::SyncPbxRequest none = Pbx();
  none.clear_extensions();
  const std::string refusal = "FAILED_PRECONDITION REMOVALS_UNCONFIRMED confirm_removals";
  EXPECT_EQ(server.Call(kSync, none).Summary(), refusal);
  v1::GetPbxRequest get;
  get.set_pbx_id("pbx");
  v1::GetPbxResponse got;
  ASSERT_TRUE(server.Call(kGetPbx, get, &got).ok());
  EXPECT_EQ(got.pbx().extensions_size(), 2);

  none.set_validate_only(true);
  v1::SyncPbxResponse would;
  ASSERT_TRUE(server.Call(kSync, none, &would).ok());
  EXPECT_TRUE(would.removals_need_confirmation());
  EXPECT_EQ(would.extensions_removed(), 2u);
  none.set_confirm_removals(true);
  ASSERT_TRUE(server.Call(kSync, none, &would).ok()) << "confirmed or not, it is only tried";
  ASSERT_TRUE(server.Call(kGetPbx, get, &got).ok());
  EXPECT_EQ(got.pbx().extensions_size(), 2);

  none.clear_validate_only();
  v1::SyncPbxResponse done;
  ASSERT_TRUE(server.Call(kSync, none, &done).ok());
  EXPECT_EQ(done.SerializeAsString(), would.SerializeAsString());
  ASSERT_EQ(done.removed_numbers_size(), 2);
  EXPECT_EQ(done.removed_numbers(0), "100");
  EXPECT_EQ(done.removed_numbers(1), "101");
  EXPECT_EQ(server.Health(""), 1);
}

TEST(PbxService, TheNumbersOfAnAnswerAreBounded) {
  RunningServer server;
  v1::SyncPbxRequest request = Pbx();
  request.clear_extensions();
  for (int i = 0; i < 1500; ++i) request.add_extensions()->set_number(std::to_string(10000 + i));
  ASSERT_TRUE(server.Call(kSync, request).ok());
  request.clear_extensions();
  request.set_confirm_removals(true);
  v1::SyncPbxResponse done;
  ASSERT_TRUE(server.Call(kSync, request, &done).ok());
  EXPECT_EQ(done.extensions_removed(), 1500u);
  ASSERT_EQ(done.removed_numbers_size(), 1000);
  EXPECT_EQ(done.removed_numbers(0), "10000");
  EXPECT_EQ(done.removed_numbers(999), "10999");
}

TEST(PbxService, ATrialMakesNothingKnown) {
  RunningServer server;
  v1::SyncPbxRequest request = Pbx();
  request.set_validate_only(true);
  v1::SyncPbxResponse would;
  ASSERT_TRUE(server.Call(kSync, request, &would).ok());
  EXPECT_TRUE(would.created());
  EXPECT_EQ(would.extensions_removed(), 0u);
  v1::GetPbxRequest get;
  get.set_pbx_id("pbx");
  EXPECT_EQ(server.Call(kGetPbx, get).Summary(), "NOT_FOUND PBX_UNKNOWN");
}

TEST(PbxService, ASynchronisationOlderThanOneThatAnEventBroughtIsRefused) {
  RunningServer server;
  v1::Event event = NewEvent("", "sync", kMonday + absl::Minutes(1));
  event.mutable_pbx_synced()->set_controller_id("controller");
  ASSERT_EQ(server.Batch({event}).accepted(), 1u);
  EXPECT_EQ(server.Call(kSync, Pbx()).Summary(), "FAILED_PRECONDITION PBX_SYNC_STALE");
  v1::SyncPbxRequest trial = Pbx();
  trial.set_validate_only(true);
  EXPECT_EQ(server.Call(kSync, trial).Summary(), "FAILED_PRECONDITION PBX_SYNC_STALE");
  server.AdvanceTo(kMonday + absl::Minutes(1));
  EXPECT_TRUE(server.Call(kSync, Pbx()).ok());
}

}  // namespace
}  // namespace retention
