#include "server/access/scope.h"

#include <gtest/gtest.h>

#include <map>

#include "retention/v1/event_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/base/errors.h"

namespace retention {
namespace {

// Two controllers' PBXs; "mine" is reached by its id, those of "ours" by their controller.
absl::StatusOr<std::optional<std::string>> ControllerOfPbx(std::string_view pbx_id) {
  static const std::map<std::string_view, std::string> known = {
      {"mine", "theirs"}, {"ours-1", "ours"}, {"theirs-1", "theirs"}};
  const auto pbx = known.find(pbx_id);
  if (pbx == known.end()) return std::nullopt;
  return pbx->second;
}

const Scope& OfSome() {
  static const Scope scope({"mine"}, {"ours"});
  return scope;
}

std::string Outcome(ScopeRule rule, const google::protobuf::Message& request) {
  const absl::Status status = OfSome().Check(rule, request, ControllerOfPbx);
  if (status.ok()) return "OK";
  return absl::StatusCodeToString(status.code()) + " " + DetailsOf(status).reason;
}

constexpr char kBeyond[] = "PERMISSION_DENIED OUT_OF_SCOPE";

TEST(Scope, IsOfPbxsAndOfControllers) {
  for (const auto& [pbx, expected] :
       {std::pair("mine", "OK"), std::pair("ours-1", "OK"), std::pair("theirs-1", kBeyond),
        std::pair("unknown", kBeyond), std::pair("", kBeyond)}) {
    v1::GetMeetingRequest request;
    request.set_pbx_id(pbx);
    EXPECT_EQ(Outcome(ScopeRule::kPbx, request), expected) << pbx;
  }
}

TEST(Scope, TellsNobodyWhetherWhatIsBeyondItExists) {
  v1::GetMeetingRequest theirs;
  theirs.set_pbx_id("theirs-1");
  v1::GetMeetingRequest unknown;
  unknown.set_pbx_id("unknown");
  EXPECT_EQ(OfSome().Check(ScopeRule::kPbx, theirs, ControllerOfPbx),
            OfSome().Check(ScopeRule::kPbx, unknown, ControllerOfPbx));
}

TEST(Scope, ANewPbxIsToBeOfItsController) {
  const auto sync = [](const char* pbx, const char* controller) {
    v1::SyncPbxRequest request;
    request.set_pbx_id(pbx);
    request.set_controller_id(controller);
    return Outcome(ScopeRule::kSync, request);
  };
  EXPECT_EQ(sync("new", "ours"), "OK");
  EXPECT_EQ(sync("new", "theirs"), kBeyond);
  EXPECT_EQ(sync("ours-1", "ours"), "OK");
  EXPECT_EQ(sync("ours-1", "theirs"), kBeyond);  // nothing is given away
  EXPECT_EQ(sync("theirs-1", "ours"), kBeyond);  // nor taken
  EXPECT_EQ(sync("mine", "theirs"), "OK");
}

TEST(Scope, EveryEventOfABatchIsLookedAt) {
  const auto batch = [](std::initializer_list<const char*> pbxs) {
    v1::BatchRecordEventsRequest request;
    v1::RecordEventsRequest streamed;
    for (const char* pbx : pbxs) {
      request.add_events()->set_pbx_id(pbx);
      streamed.add_events()->set_pbx_id(pbx);
    }
    EXPECT_EQ(Outcome(ScopeRule::kEvents, request), Outcome(ScopeRule::kEvents, streamed));
    return Outcome(ScopeRule::kEvents, request);
  };
  EXPECT_EQ(batch({"mine", "ours-1", "mine"}), "OK");
  EXPECT_EQ(batch({"mine", "ours-1", "theirs-1"}), kBeyond);
  // The engine rejects its events.
  EXPECT_EQ(batch({"mine", "unknown"}), "OK");
}

TEST(Scope, AnEventThatSynchronisesIsASynchronisation) {
  v1::BatchRecordEventsRequest request;
  request.add_events()->set_pbx_id("new");
  request.mutable_events(0)->mutable_pbx_synced()->set_controller_id("theirs");
  EXPECT_EQ(Outcome(ScopeRule::kEvents, request), kBeyond);
  request.mutable_events(0)->mutable_pbx_synced()->set_controller_id("ours");
  EXPECT_EQ(Outcome(ScopeRule::kEvents, request), "OK");
}

TEST(Scope, WithPbxsAloneWhatIsUnknownIsBeyond) {
  const Scope scope({"mine"}, {});
  v1::BatchRecordEventsRequest request;
  request.add_events()->set_pbx_id("unknown");
  EXPECT_TRUE(absl::IsPermissionDenied(scope.Check(ScopeRule::kEvents, request, ControllerOfPbx)));
}

TEST(Scope, WhatReachesBeyondAllIsDenied) {
  EXPECT_EQ(Outcome(ScopeRule::kDenied, v1::ListPbxsRequest()), kBeyond);
  EXPECT_EQ(Outcome(ScopeRule::kFree, v1::ListPbxsRequest()), "OK");
  EXPECT_EQ(Outcome(ScopeRule::kCut, v1::ListPbxsRequest()), "OK");
}

}  // namespace
}  // namespace retention
