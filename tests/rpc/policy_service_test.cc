// Changes of policy over the API, as an operator makes them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/policies/policy_fixture.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kGetPolicy[] = "/retention.v1.RetentionService/GetPolicy";
constexpr char kPlan[] = "/retention.v1.RetentionService/PlanPolicy";
constexpr char kApply[] = "/retention.v1.RetentionService/ApplyPolicy";
constexpr char kSweepNow[] = "/retention.v1.RetentionService/Sweep";
constexpr char kParticipants[] = "/retention.v1.MeetingService/ListParticipants";

v1::Policy Edited(uint32_t version, const std::function<void(v1::Policy&)>& edit = {}) {
  v1::Policy policy = DefaultPolicy().proto();
  policy.set_version(version);
  if (edit) edit(policy);
  return policy;
}

std::string TextOf(const v1::Policy& policy) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(policy, &text));
  return text;
}

int NamesShown(RunningServer& server) {
  v1::ListParticipantsRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id("meeting");
  v1::ListParticipantsResponse response;
  EXPECT_TRUE(server.Call(kParticipants, request, &response).ok());
  int names = 0;
  for (const auto& participant : response.participants()) names += participant.name().empty() ? 0 : 1;
  return names;
}

TEST(PolicyService, PlansAppliesAndShowsAChange) {
  RunningServer server;
  server.SyncPbx();
  server.Batch(
      {Joined("meeting", "e1", kMonday, "p1", "Ada Example", "ada@example.org"), Ended("meeting", "e2", kMonday)});
  server.AdvanceTo(kMonday + absl::Hours(24 * 4));
  v1::PlanPolicyRequest request;
  request.set_policy_text(TextOf(Edited(2, Days({{kParticipantName, 3}, {kParticipantEmail, 10}}))));
  v1::PlanPolicyResponse plan;
  ASSERT_TRUE(server.Call(kPlan, request, &plan).ok());
  EXPECT_EQ(MovesOf(plan, kParticipantName), "gone 1/1 earlier 0/0 later 0/0");
  EXPECT_EQ(MovesOf(plan, kParticipantEmail), "gone 0/0 earlier 0/0 later 1/1");
  EXPECT_EQ(NamesShown(server), 1) << "a plan changes nothing";

  v1::ApplyPolicyRequest apply;
  apply.set_policy_text(request.policy_text());
  apply.set_plan_token(plan.plan_token());
  v1::ApplyPolicyResponse applied;
  const CallEnd end = server.Call(kApply, apply, &applied);
  ASSERT_TRUE(end.ok()) << end;
  EXPECT_EQ(NamesShown(server), 0) << "from the answer on";
  EXPECT_EQ(applied.version(), 2u);
  ASSERT_TRUE(server.Call(kSweepNow, v1::SweepRequest()).ok());
  v1::GetPolicyResponse shown;
  ASSERT_TRUE(server.Call(kGetPolicy, v1::GetPolicyRequest(), &shown).ok());
  EXPECT_EQ(shown.policy().version(), 2u);
  EXPECT_EQ(shown.in_force_since().seconds(), absl::ToUnixSeconds(kMonday + absl::Hours(24 * 4)));
  EXPECT_FALSE(shown.has_refile());
  v1::GetPolicyRequest first;
  first.set_version(1);
  ASSERT_TRUE(server.Call(kGetPolicy, first, &shown).ok());
  EXPECT_EQ(shown.policy().SerializeAsString(), DefaultPolicy().proto().SerializeAsString());
  first.set_version(7);
  EXPECT_EQ(server.Call(kGetPolicy, first).Summary(), "NOT_FOUND POLICY_UNKNOWN");
}

TEST(PolicyService, RefusalsAreTyped_AndChangeNothing) {
  RunningServer server;
  v1::PlanPolicyRequest request;
  EXPECT_EQ(server.Call(kPlan, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD policy");
  request.set_policy_text("version: two");
  EXPECT_EQ(server.Call(kPlan, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD policy");
  *request.mutable_policy() = Edited(1, Days({{kRecording, 3}}));
  EXPECT_EQ(server.Call(kPlan, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD policy.version");
  *request.mutable_policy() = Edited(2, [](v1::Policy& p) { p.mutable_rules()->RemoveLast(); });
  EXPECT_EQ(server.Call(kPlan, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD rules");
  *request.mutable_policy() = Edited(2, [](v1::Policy& p) { *p.add_rules() = p.rules(3); });
  EXPECT_EQ(server.Call(kPlan, request).Summary(),
            "INVALID_ARGUMENT INVALID_FIELD rules[16] (DATA_CATEGORY_PARTICIPANT_EMAIL).category");
  v1::ApplyPolicyRequest apply;
  *apply.mutable_policy() = Edited(2, Days({{kRecording, 3}}));
  EXPECT_EQ(server.Call(kApply, apply).Summary(), "INVALID_ARGUMENT INVALID_FIELD plan_token");
  apply.set_plan_token("0000");
  EXPECT_EQ(server.Call(kApply, apply).Summary(), "FAILED_PRECONDITION PLAN_STALE");
  v1::GetPolicyResponse shown;
  ASSERT_TRUE(server.Call(kGetPolicy, v1::GetPolicyRequest(), &shown).ok());
  EXPECT_EQ(shown.policy().version(), 1u);
}

TEST(PolicyService, ARestartRunsUnderThePolicyOfTheStore_AndWarnsOfAnotherFile) {
  RunningServer server;
  const std::string file = (server.directory() / "other.txtpb").string();
  std::ofstream(file) << TextOf(Edited(5, Days({{kRecording, 3}})));
  ::testing::internal::CaptureStderr();
  const absl::Status restarted = server.Restart([&](ServerOptions& options) { options.policy_file = file; });
  const std::string log = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_NE(log.find("version, rules (RECORDING)"), std::string::npos) << log;
  v1::GetPolicyResponse shown;
  ASSERT_TRUE(server.Call(kGetPolicy, v1::GetPolicyRequest(), &shown).ok());
  EXPECT_EQ(shown.policy().version(), 1u);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(server.Restart().ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr().find("policy file"), std::string::npos);
}

// Readers and writers go on while policies come and go; none sees a name longer than the policy says that it was
// answered with.
TEST(PolicyService, ReadsGoOnWhilePoliciesChange) {
  RunningServer server;
  server.SyncPbx();
  server.Batch({Joined("meeting", "e1", kMonday, "p1", "Ada Example"), Ended("meeting", "e2", kMonday)});
  server.AdvanceTo(kMonday + absl::Hours(24 * 4));
  std::atomic<bool> gone{false};
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    Caller caller(server.server().address());
    v1::ListParticipantsRequest request;
    request.set_pbx_id("pbx");
    request.set_meeting_id("meeting");
    while (!stop) {
      const bool was_gone = gone;
      v1::ListParticipantsResponse response;
      const CallEnd end = caller.Call(kParticipants, request, &response);
      EXPECT_TRUE(end.ok()) << end;
      if (!end.ok()) break;
      EXPECT_EQ(response.participants_size(), 1);
      if (was_gone) {
        EXPECT_EQ(response.participants(0).name(), "");
      }
      ++reads;
    }
  });
  for (uint32_t version = 2; version < 8; ++version) {
    // Longer, then shorter than the name is old.
    v1::PlanPolicyRequest request;
    *request.mutable_policy() = Edited(version, Days({{kParticipantName, version < 5 ? 10 + version : 3}}));
    v1::PlanPolicyResponse plan;
    ASSERT_TRUE(server.Call(kPlan, request, &plan).ok());
    v1::ApplyPolicyRequest apply;
    *apply.mutable_policy() = request.policy();
    apply.set_plan_token(plan.plan_token());
    const CallEnd end = server.Call(kApply, apply);
    ASSERT_TRUE(end.ok()) << end;
    if (version >= 5) gone = true;
    const int seen = reads;
    AwaitTrue([&] { return reads > seen + 2; });
    ASSERT_TRUE(server.Call(kSweepNow, v1::SweepRequest()).ok());
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace retention
