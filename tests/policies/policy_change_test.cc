// What an operator is told of a change, and what is refused.
#include "server/policies/policy_change.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/keys.h"
#include "tests/logs/log_fixture.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

// A meeting of Monday with values of most kinds.
void RecordMonday(Harness& harness) {
  harness.SyncPbx();
  harness.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)),
                  Joined("m", "j", kMonday, "p", "Ada", "ada@example.org", "192.0.2.1"),
                  Recording("m", "r", kMonday, "recording-ref"), Ended("m", "e", kMonday)});
  Append(harness.engine(), {Line(v1::LOG_SERVER_MCU, kMonday, "line")}, harness.now);
}

class Rows {
 public:
  explicit Rows(Store& store) {
    for (const Family family : {Family::kFiled, Family::kState, Family::kStatistics, Family::kLedger}) {
      for (auto cursor = store.Scan(family, "", ""); cursor->Valid(); cursor->Next()) {
        rows_.emplace_back(std::string(cursor->key()), std::string(cursor->value()));
      }
    }
  }
  friend bool operator==(const Rows&, const Rows&) = default;

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

TEST(PlanPolicy, CountsWhatWouldMoveWhere_AndChangesNothing) {
  Harness harness(kMonday);
  RecordMonday(harness);
  harness.now = At("2026-03-06T10:00:00+01:00");
  harness.Sweep();
  const Rows before(harness.store());
  const v1::Policy next = NextPolicy(harness.engine(), [](v1::Policy& p) {
    Days({{kRecording, 3}, {kParticipantName, 5}, {kParticipantIp, 14}, {kServerLog, 2}, {kMeetingName, 7}})(p);
  });
  const auto plan = Plan(harness.engine(), next, harness.now);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->current_version(), 1u);
  EXPECT_EQ(plan->new_version(), 2u);
  EXPECT_EQ(plan->rules_size(), 4);
  EXPECT_EQ(plan->rules(0).before().period().days(), 7u);
  EXPECT_EQ(plan->rules(0).after().period().days(), 3u);
  EXPECT_EQ(MovesOf(*plan, kRecording), "gone 1/1 earlier 0/0 later 0/0");
  EXPECT_EQ(MovesOf(*plan, kParticipantName), "gone 0/0 earlier 1/2 later 0/0") << "who joined, and an invitee";
  EXPECT_EQ(MovesOf(*plan, kParticipantIp), "gone 0/0 earlier 0/0 later 1/1");
  EXPECT_EQ(MovesOf(*plan, kServerLog), "gone 1/1 earlier 0/0 later 0/0");
  EXPECT_EQ(MovesOf(*plan, kMeetingName), "nothing");
  EXPECT_EQ(plan->moves_size(), 4);
  EXPECT_TRUE(Rows(harness.store()) == before);
}

TEST(PlanPolicy, SaysWhatTheRefileThenDoes) {
  Harness harness(kMonday);
  RecordMonday(harness);
  harness.now = At("2026-03-06T10:00:00+01:00");
  harness.Record({Joined("n", "j", harness.now, "p", "Bo", "bo@example.org", "192.0.2.2"),
                  Recording("n", "r", harness.now, "ref-n")});
  const auto plan = PlanAndApply(harness, [](v1::Policy& p) {
    Days({{kRecording, 3}, {kParticipantName, 2}, {kParticipantIp, 14}, {kHistory, 20}, {kParticipantEmail, 3}})(p);
  });
  std::array<uint64_t, kCategories> before{};
  for (size_t category = 1; category < kCategories; ++category) {
    before[category] = harness.Values(static_cast<CategoryNumber>(category));
  }
  harness.Sweep();
  for (const auto& moves : plan.moves()) {
    const auto category = static_cast<CategoryNumber>(moves.category());
    EXPECT_EQ(harness.Values(category), before[category] - moves.gone().values()) << moves.ShortDebugString();
  }
  EXPECT_EQ(MovesOf(plan, kParticipantName), "gone 1/2 earlier 1/1 later 0/0");
  EXPECT_EQ(MovesOf(plan, kRecording), "gone 1/1 earlier 1/1 later 0/0");
  const auto again = Plan(harness.engine(), NextPolicy(harness.engine(), [](v1::Policy&) {}), harness.now);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->moves_size(), 0) << "all is where it belongs: " << again->ShortDebugString();
}

TEST(PlanPolicy, CountsPbxsThatWouldEnd) {
  Harness harness(kMonday, DefaultPolicy());
  harness.SyncPbx("silent");
  harness.now += absl::Hours(24 * 40);
  harness.SyncPbx("fresh");
  const v1::Policy next =
      NextPolicy(harness.engine(), [](v1::Policy& p) { p.mutable_pbx_end()->mutable_no_contact()->set_days(30); });
  const auto plan = Plan(harness.engine(), next, harness.now);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->pbxs_gone(), 1u);
  EXPECT_EQ(plan->pbxs_earlier(), 1u);
  EXPECT_EQ(plan->pbxs_later(), 0u);
  PlanAndApply(harness, [](v1::Policy& p) { p.mutable_pbx_end()->mutable_no_contact()->set_days(30); });
  EXPECT_FALSE(harness.engine().registry().Find("silent", harness.now).has_value()) << "at once";
  EXPECT_TRUE(harness.engine().registry().Find("fresh", harness.now).has_value());
  harness.Sweep();
  EXPECT_EQ(harness.engine().registry().size(), 1u);
}

TEST(PolicyChange, WhatMayNotFollowIsRefusedNamingTheField_AndChangesNothing) {
  Harness harness(kMonday);
  RecordMonday(harness);
  harness.Sweep();
  const Rows before(harness.store());
  const auto field = [&](const std::function<void(v1::Policy&)>& edit) {
    const v1::Policy next = NextPolicy(harness.engine(), edit);
    const absl::Status planned = Plan(harness.engine(), next, harness.now).status();
    const absl::Status applied = Apply(harness.engine(), next, "token", harness.now);
    EXPECT_EQ(planned.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailsOf(applied).field(), DetailsOf(planned).field());
    return DetailsOf(planned).field();
  };
  EXPECT_EQ(field([](v1::Policy& p) { p.set_version(1); }), "policy.version");
  EXPECT_EQ(field([](v1::Policy& p) { p.set_version(0); }), "version");
  EXPECT_EQ(field([](v1::Policy& p) { p.set_time_zone("Europe/London"); }), "policy.time_zone");
  EXPECT_EQ(field([](v1::Policy& p) { p.mutable_statistics()->add_media_sites("new"); }), "policy.statistics");
  EXPECT_EQ(field([](v1::Policy& p) { RuleOf(p, v1::DATA_CATEGORY_STATISTICS).set_erasure_order(true); }),
            "policy.rules (STATISTICS)");
  EXPECT_EQ(field([](v1::Policy& p) { p.mutable_rules()->RemoveLast(); }), "rules");
  EXPECT_EQ(field([](v1::Policy& p) { *p.add_rules() = p.rules(0); }), "rules[16] (DATA_CATEGORY_RECORDING).category");
  EXPECT_EQ(field([](v1::Policy& p) { RuleOf(p, kRecording).set_ends_with_pbx(false); }),
            "rules[0] (DATA_CATEGORY_RECORDING).ends_with_pbx");
  EXPECT_EQ(field([](v1::Policy& p) { RuleOf(p, kRecording).mutable_period()->set_days(3661); }),
            "rules[0] (DATA_CATEGORY_RECORDING).period.days");
  EXPECT_EQ(field([](v1::Policy& p) { p.mutable_cut()->mutable_presumed_end_after()->set_seconds(-1); }),
            "cut.presumed_end_after");
  v1::PlanPolicyRequest request;
  EXPECT_EQ(DetailsOf(PlanPolicy(harness.engine(), request, harness.now).status()).field(), "policy");
  request.set_policy_text("version: two");
  EXPECT_EQ(DetailsOf(PlanPolicy(harness.engine(), request, harness.now).status()).field(), "policy");
  request.set_policy_text(std::string(kMaxPolicyTextBytes + 1, ' '));
  EXPECT_EQ(DetailsOf(PlanPolicy(harness.engine(), request, harness.now).status()).field(), "policy_text");
  EXPECT_TRUE(Rows(harness.store()) == before);
  EXPECT_EQ(harness.engine().policy().version(), 1u);
}

TEST(PolicyChange, ATokenFitsOnePlanOnly) {
  Harness harness(kMonday);
  RecordMonday(harness);
  harness.now = At("2026-03-06T10:00:00+01:00");
  harness.Sweep();
  const v1::Policy next = NextPolicy(harness.engine(), Days({{kRecording, 3}, {kParticipantIp, 5}}));
  const std::string token = Plan(harness.engine(), next, harness.now)->plan_token();
  const Rows before(harness.store());
  const auto reason = [&](const v1::Policy& policy, const std::string& with) {
    const absl::Status status = Apply(harness.engine(), policy, with, harness.now);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return DetailsOf(status).reason;
  };
  EXPECT_EQ(reason(next, "0000"), "PLAN_STALE");
  EXPECT_EQ(reason(NextPolicy(harness.engine(), Days({{kRecording, 3}, {kParticipantIp, 6}})), token), "PLAN_STALE")
      << "another policy";
  EXPECT_EQ(DetailsOf(Apply(harness.engine(), next, "", harness.now)).field(), "plan_token");
  EXPECT_TRUE(Rows(harness.store()) == before);
  EXPECT_EQ(harness.engine().policy().version(), 1u);
  // More would be gone at once than was planned.
  harness.Record(Recording("m", "r2", kMonday, "ref-2"));
  EXPECT_EQ(reason(next, token), "PLAN_STALE");
  EXPECT_EQ(harness.Values(kRecording), 2u);
}

TEST(PolicyChange, WhatOnlyMovesDoesNotMakeAPlanStale) {
  Harness harness(kMonday);
  RecordMonday(harness);
  harness.Sweep();
  const v1::Policy next = NextPolicy(harness.engine(), Days({{kRecording, 3}}));
  const std::string token = Plan(harness.engine(), next, harness.now)->plan_token();
  harness.Record(Recording("m", "r2", kMonday, "ref-2"));
  EXPECT_TRUE(Apply(harness.engine(), next, token, harness.now).ok()) << "a platform in use always records something";
}

TEST(PolicyChange, APlanMadeUnderAnotherPolicyIsStale) {
  Harness harness(kMonday);
  harness.Sweep();
  const v1::Policy third = NextPolicy(harness.engine(), [](v1::Policy& p) { p.set_version(3); });
  const std::string token = Plan(harness.engine(), third, harness.now)->plan_token();
  PlanAndApply(harness, Days({{kRecording, 3}}));
  harness.Sweep();
  EXPECT_EQ(DetailsOf(Apply(harness.engine(), third, token, harness.now)).reason, "PLAN_STALE");
}

TEST(PolicyChange, AnotherDayMakesAPlanStaleThatWasCheckedBefore) {
  Harness harness(kMonday);
  RecordMonday(harness);
  v1::ApplyPolicyRequest request;
  *request.mutable_policy() = NextPolicy(harness.engine(), Days({{kRecording, 0}}));
  harness.now = At("2026-03-02T23:59:59+01:00");
  request.set_plan_token(Plan(harness.engine(), request.policy(), harness.now)->plan_token());
  const auto planned = CheckPlan(harness.engine(), request, harness.now);
  ASSERT_TRUE(planned.ok()) << planned.status();
  harness.now += absl::Seconds(1);
  harness.Sweep();
  const auto applied = ApplyPlanned(harness.engine(), RunHere, *planned, harness.now);
  EXPECT_EQ(DetailsOf(applied.status()).reason, "PLAN_STALE");
  EXPECT_EQ(harness.Values(kRecording), 1u);
  EXPECT_EQ(DetailsOf(CheckPlan(harness.engine(), request, harness.now).status()).reason, "PLAN_STALE");
}

TEST(PolicyChange, OneAtATime) {
  Harness harness(kMonday);
  RecordMonday(harness);
  PlanAndApply(harness, Days({{kRecording, 3}}));
  ASSERT_TRUE(harness.Reopen().ok()) << "nor after a restart";
  const v1::Policy third = NextPolicy(harness.engine(), Days({{kRecording, 2}}));
  EXPECT_EQ(DetailsOf(Plan(harness.engine(), third, harness.now).status()).reason, "REFILE_UNDER_WAY");
  EXPECT_EQ(DetailsOf(Apply(harness.engine(), third, "token", harness.now)).reason, "REFILE_UNDER_WAY");
  const auto extended = harness.engine().ExtendLogRetention(ExtensionUntil(v1::LOG_SERVER_MCU, "2026-03-20"), kMonday);
  EXPECT_EQ(DetailsOf(extended.status()).reason, "REFILE_UNDER_WAY");
  v1::PreviewErasureRequest preview;
  preview.set_pbx_id("pbx");
  EXPECT_EQ(DetailsOf(harness.engine().PreviewErasure(preview, kMonday).status()).reason, "REFILE_UNDER_WAY");
  EXPECT_TRUE(DescribePolicy(harness.engine(), {})->has_refile());
  harness.Sweep();
  EXPECT_FALSE(DescribePolicy(harness.engine(), {})->has_refile());
  EXPECT_TRUE(Plan(harness.engine(), third, harness.now).ok());
  EXPECT_TRUE(harness.engine().PreviewErasure(preview, kMonday).ok());
}

TEST(PolicyChange, WhatIsDueMustBeSweptFirst) {
  Harness harness(kMonday);
  RecordMonday(harness);
  harness.now = At("2026-03-10T00:00:00+01:00");
  const v1::Policy next = NextPolicy(harness.engine(), Days({{kRecording, 30}}));
  const auto plan = Plan(harness.engine(), next, harness.now);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(MovesOf(*plan, kRecording), "nothing") << "it is due, and no rule brings it back";
  EXPECT_EQ(DetailsOf(Apply(harness.engine(), next, plan->plan_token(), harness.now)).reason, "SWEEP_FIRST");
  harness.Sweep();
  EXPECT_TRUE(Apply(harness.engine(), next, plan->plan_token(), harness.now).ok());
}

}  // namespace
}  // namespace retention
