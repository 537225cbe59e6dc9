// policy show | plan | apply
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

class PolicyCommandsTest : public CommandLineTest {
 protected:
  // Answers `method` and keeps what was asked.
  template <typename Request, typename Response>
  void AnswerAndKeep(const std::string& method, const Response& answer, Request& kept) {
    connection_->handlers[method] = [&kept, answer](const auto& request, google::protobuf::Message* response) {
      kept.CopyFrom(request);
      response->CopyFrom(answer);
      return absl::OkStatus();
    };
  }

  static v1::PlanPolicyResponse SomePlan() {
    v1::PlanPolicyResponse plan;
    plan.set_current_version(1);
    plan.set_new_version(2);
    for (const char* field : {"version", "rules (RECORDING)", "pbx_end"}) plan.add_changed_fields(field);
    auto& change = *plan.add_rules();
    for (auto* rule : {change.mutable_before(), change.mutable_after()}) {
      rule->set_category(v1::DATA_CATEGORY_RECORDING);
      rule->set_starting_point(v1::STARTING_POINT_CREATION);
      rule->set_erasure_order(true);
    }
    change.mutable_before()->mutable_period()->set_days(7);
    change.mutable_after()->mutable_period()->set_days(1);
    auto& moves = *plan.add_moves();
    moves.set_category(v1::DATA_CATEGORY_RECORDING);
    moves.mutable_gone()->set_rows(1200);
    moves.mutable_gone()->set_values(1200);
    moves.mutable_earlier()->set_rows(30);
    moves.mutable_earlier()->set_values(40);
    plan.set_pbxs_gone(2);
    plan.set_plan_token("abc123");
    return plan;
  }
};

TEST_F(PolicyCommandsTest, Plan_Golden) {
  v1::PlanPolicyRequest sent;
  AnswerAndKeep("PlanPolicy", SomePlan(), sent);
  const std::string file = TempFile("policy.txtpb", "version: 2");
  EXPECT_EQ(Run({"policy", "plan", file}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "Policy version 2 after version 1\n"
            "  changes pbx_end\n"
            "  recording: 7 days from creation, erasure order -> 1 day from creation, erasure order\n"
            "  2 PBXs end at once\n"
            "\n"
            "CATEGORY   VALUES GONE AT ONCE  EARLIER  LATER\n"
            "recording                1,200       40      0\n"
            "\n"
            "To apply it: retentionctl policy apply " +
                file + " --plan-token abc123\n");
  EXPECT_EQ(sent.policy_text(), "version: 2");
}

TEST_F(PolicyCommandsTest, Plan_ForPrograms) {
  connection_->Answer("PlanPolicy", SomePlan());
  const std::string file = TempFile("policy.txtpb", "version: 2");
  EXPECT_EQ(Run({"policy", "plan", file, "-o", "csv"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "category,gone_values,earlier_values,later_values,gone_rows,earlier_rows,later_rows,plan_token\n"
            "recording,1200,40,0,1200,30,0,abc123\n");
  EXPECT_EQ(Run({"policy", "plan", file, "-o", "json"}), kExitOk);
  EXPECT_NE(out_.str().find("\"abc123\""), std::string::npos) << out_.str();
}

TEST_F(PolicyCommandsTest, APlanThatMovesNothingSaysSo) {
  v1::PlanPolicyResponse plan = SomePlan();
  plan.clear_moves();
  connection_->Answer("PlanPolicy", plan);
  EXPECT_EQ(Run({"policy", "plan", TempFile("policy.txtpb", "version: 2")}), kExitOk);
  EXPECT_NE(out_.str().find("Nothing that is held moves.\n"), std::string::npos) << out_.str();
}

TEST_F(PolicyCommandsTest, Apply_SendsFileAndToken) {
  v1::ApplyPolicyResponse applied;
  applied.set_version(2);
  *applied.mutable_in_force_since() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
  v1::ApplyPolicyRequest sent;
  AnswerAndKeep("ApplyPolicy", applied, sent);
  const std::string file = TempFile("policy.txtpb", "version: 2");
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc123", "--yes"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "VERSION  IN FORCE SINCE (UTC)\n"
            "      2  2026-03-31 09:00:00\n");
  EXPECT_EQ(sent.plan_token(), "abc123");
  EXPECT_EQ(sent.policy_text(), "version: 2");
}

TEST_F(PolicyCommandsTest, ARefusalIsAnExitCode_AndIsNotTriedAgain) {
  connection_->failures = {RichError(absl::StatusCode::kFailedPrecondition, "PLAN_STALE")};
  const std::string file = TempFile("policy.txtpb", "version: 2");
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc", "--yes"}), kExitFailed);
  EXPECT_NE(err_.str().find("PLAN_STALE"), std::string::npos) << err_.str();
  connection_->failures = {RichError(absl::StatusCode::kUnavailable, "SWEEP_FIRST")};
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc", "--yes"}), kExitUnavailable);
  EXPECT_TRUE(waits_.empty()) << "it may have been applied";
}

TEST_F(PolicyCommandsTest, Apply_WaitsUntilAllIsFiledIfThatIsAskedFor) {
  connection_->Answer("ApplyPolicy", v1::ApplyPolicyResponse());
  int asked = 0;
  connection_->handlers["GetPolicy"] = [&](const auto&, auto* response) {
    if (++asked < 4) dynamic_cast<v1::GetPolicyResponse*>(response)->mutable_refile()->set_rows_examined(1);
    return absl::OkStatus();
  };
  const std::string file = TempFile("policy.txtpb", "version: 2");
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc", "--yes"}), kExitOk) << err_.str();
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc", "--yes", "--wait"}), kExitOk) << err_.str();
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(waits_, std::vector<absl::Duration>(3, absl::Seconds(1)));
  // What was not applied is not waited for; and whoever waits learns that he waits in vain.
  connection_->failures = {absl::FailedPreconditionError("stale")};
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc", "--yes", "--wait"}), kExitFailed);
  EXPECT_EQ(asked, 4);
  connection_->handlers["GetPolicy"] = [&](const auto&, auto*) { return absl::PermissionDeniedError("no"); };
  EXPECT_EQ(Run({"policy", "apply", file, "--plan-token", "abc", "--yes", "--wait"}), kExitFailed);
}

TEST_F(PolicyCommandsTest, WrongUsageIsExitCode2) {
  EXPECT_EQ(Run({"policy", "plan"}), kExitUsage);
  EXPECT_EQ(Run({"policy", "apply", "file"}), kExitUsage) << "no token";
  EXPECT_EQ(Run({"policy"}), kExitUsage);
  EXPECT_EQ(Run({"policy", "plan", "/nowhere/policy.txtpb"}), kExitFailed);
}

TEST_F(PolicyCommandsTest, ShowSaysSinceWhenAndHowFarARefileHasCome) {
  v1::GetPolicyResponse policy;
  policy.mutable_policy()->set_version(2);
  policy.mutable_policy()->set_time_zone("Europe/Berlin");
  v1::CutRules& cut = *policy.mutable_policy()->mutable_cut();
  cut.mutable_reopen_within()->set_seconds(3600);
  cut.mutable_early_within()->set_seconds(43200);
  cut.mutable_late_within()->set_seconds(86400);
  cut.mutable_presumed_end_after()->set_seconds(86400);
  cut.mutable_longest_sitting()->set_seconds(604800);
  cut.mutable_refresh_within()->set_seconds(30);
  *policy.mutable_in_force_since() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
  policy.mutable_refile()->set_meetings_examined(1500);
  policy.mutable_refile()->set_rows_examined(7);
  connection_->Answer("GetPolicy", policy);
  EXPECT_EQ(Run({"policy", "show", "--version", "2"}), kExitOk) << err_.str();
  EXPECT_EQ(
      out_.str().substr(0, out_.str().find("\n\n")),
      "Policy version 2, in force since 2026-03-31 09:00:00 (UTC), civil days of Europe/Berlin, an unreported end "
      "is presumed after 1 d 00 h\n"
      "One meeting: back within 1 h 00 min, at most 12 h 00 min early and 1 d 00 h late, no longer than 7 d 00 h; a "
      "refresh takes 30 s\n"
      "What was held is being filed under it: looked at 1,500 meetings and 7 other rows");
}

}  // namespace
}  // namespace retention
