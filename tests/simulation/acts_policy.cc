// Changes of policy: planned, applied, taken back, and whatever comes before the last row is refiled.
#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "server/policies/policy_change.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/months.h"

namespace retention::simulation {
namespace {

constexpr int kStepsMax = 3;

absl::Status RunHere(std::function<absl::Status()> task) { return task(); }

// What changes, in words.
std::string Describe(const v1::Policy& next, const PolicyModel& before) {
  std::string text = std::to_string(next.version());
  const PolicyModel after(next);
  for (const v1::DeletionRule& rule : next.rules()) {
    if (after.Differs(before, rule.category())) text += " { " + rule.ShortDebugString() + " }";
  }
  return text + " cut { " + next.cut().ShortDebugString() + " } pbx_end { " + next.pbx_end().ShortDebugString() + " }";
}

absl::StatusOr<v1::PlanPolicyResponse> PlanOf(TestEngine& engine, const v1::Policy& policy, absl::Time now) {
  v1::PlanPolicyRequest request;
  *request.mutable_policy() = policy;
  return PlanPolicy(engine, request, now);
}

}  // namespace

void Months::NoticePolicy() {
  if (!asked_policy_.has_value() || machine_.engine().policy().version() != asked_policy_->version()) return;
  const PolicyModel next = *std::exchange(asked_policy_, std::nullopt);
  model_.ApplyPolicy(next, machine_.engine().policies().current().since, now_);
  logs_.ApplyPolicy(next, now_);
  cohorts_.ApplyPolicy(next, now_);
  ++policies_;
}

void Months::NoticeRefile() {
  if (!model_.refiled_from().has_value() || machine_.engine().policies().refiling_since().has_value()) return;
  model_.NoteRefiled();
  cohorts_.NoteRefiled(now_);
}

void Months::ComeBetween() {
  static const std::vector<void (Months::*)()>& others =
      *new std::vector<void (Months::*)()>{&Months::RecordBatch,
                                           &Months::RecordBatch,
                                           &Months::RecordBatch,
                                           &Months::PlaceAnyHold,
                                           &Months::PlaceAnyHold,
                                           &Months::ReleaseAnyHold,
                                           &Months::RemoveAnyExtension,
                                           &Months::EndAnyPbx,
                                           &Months::DeleteAnyMeeting,
                                           &Months::DeleteAnyObject,
                                           &Months::AppendLogs,
                                           &Months::ExtendLogs,
                                           &Months::ReportAnyLicence,
                                           &Months::Restart,
                                           &Months::FinishLate,
                                           &Months::RefileSome,
                                           &Months::ChangeAnyPolicy,
                                           &Months::SyncAny,
                                           &Months::Confirm,
                                           &Months::DeleteAnyPoll,
                                           &Months::RescheduleToAndFro};
  for (uint64_t left = dice_.Below(4); left > 0; --left) {
    agenda_.push_back([this, act = dice_.Pick(others)] { (this->*act)(); });
  }
}

void Months::ChangeAnyPolicy() {
  // One at a time.
  if (model_.refiled_from().has_value()) return TryPolicyWhileRefiling(workload_.NextPolicy(now_));
  if (dice_.Chance(30) && model_.holds().InForce().size() < kHoldsMax) HoldPbx(workload_.AnyPbx());
  ChangePolicy(workload_.NextPolicy(now_));
}

void Months::TryPolicyWhileRefiling(const v1::Policy& next) {
  last_ = "policy while another one is refiled";
  v1::ApplyPolicyRequest request;
  *request.mutable_policy() = next;
  request.set_plan_token("token");
  EXPECT_EQ(DetailsOf(PlanOf(machine_.engine(), next, now_).status()).reason, "REFILE_UNDER_WAY");
  EXPECT_EQ(DetailsOf(CheckPlan(machine_.engine(), request, now_).status()).reason, "REFILE_UNDER_WAY");
}

void Months::ChangePolicy(v1::Policy next) {
  Sweep();
  last_ = "plan policy " + Describe(next, model_.policy());
  if (::testing::Test::HasFailure()) return;
  const auto plan = PlanOf(machine_.engine(), next, now_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ComparePlan(*plan, PolicyModel(next), model_, logs_, cohorts_, now_);
  if (dice_.Chance(75)) return ApplyPolicy(next, plan->plan_token());
  if (dice_.Chance(30)) agenda_.push_back([this] { MoveTo(DueAfter(DayAt(now_))); });
  for (uint64_t left = dice_.Below(3); left > 0; --left) {
    agenda_.push_back([this] { dice_.Chance(60) ? RecordBatch() : PassTime(); });
  }
  agenda_.push_back([this, next, token = plan->plan_token()] { ApplyPolicy(next, token); });
}

void Months::ApplyPolicy(const v1::Policy& next, const std::string& token) {
  const v1::Policy before = model_.policy().text();
  if (next.version() <= before.version() || model_.refiled_from().has_value()) return;
  // As the server does it: what is due must be gone.
  Sweep();
  last_ = "apply policy " + Describe(next, model_.policy());
  if (::testing::Test::HasFailure()) return;
  const auto plan = PlanOf(machine_.engine(), next, now_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const bool fits = plan->plan_token() == token;
  v1::ApplyPolicyRequest request;
  *request.mutable_policy() = next;
  request.set_plan_token(token);
  asked_policy_ = PolicyModel(next);
  absl::Status outcome;
  Execute(
      true,
      [&]() -> absl::Status {
        if (!asked_policy_.has_value()) return absl::OkStatus();  // the answer was lost, not the act
        const auto planned = CheckPlan(machine_.engine(), request, now_);
        outcome = planned.status();
        if (planned.ok()) outcome = ApplyPlanned(machine_.engine(), RunHere, *planned, now_).status();
        return DetailsOf(outcome).reason == "PLAN_STALE" ? absl::OkStatus() : outcome;
      },
      kManyFaults);
  NoticePolicy();
  EXPECT_EQ(!asked_policy_.has_value(), fits) << outcome;
  if (asked_policy_.has_value()) {
    EXPECT_EQ(DetailsOf(outcome).reason, "PLAN_STALE") << outcome;
    return asked_policy_.reset();
  }
  if (dice_.Chance(35)) {
    Refile(UINT64_MAX);
    // PBXs that end by it may end before.
    const bool ends_pbxs = next.pbx_end().SerializeAsString() != before.pbx_end().SerializeAsString();
    if (!ends_pbxs) erased_min_[std::string(kReasonDayMovedIntoPast)] = model_.ended_by_policy();
  }
  ComeBetween();
  // Over the day on which something was to end.
  const absl::Time hidden = model_.FirstHidden();
  if (hidden != absl::InfiniteFuture() && dice_.Chance(50)) {
    agenda_.push_back([this, hidden] { MoveTo(hidden + absl::Minutes(dice_.Between(0, 2000))); });
    ComeBetween();
  }
  if (dice_.Chance(25)) agenda_.push_back([this] { MoveTo(DueAfter(DayAt(now_))); });
  if (dice_.Chance(25)) ComeBetween();
  if (dice_.Chance(20)) agenda_.push_back([this] { SweepAmongOthers(); });
  if (dice_.Chance(60)) return;
  // And back.
  agenda_.push_back([this, rules = before]() mutable {
    rules.set_version(model_.policy().version() + 1);
    ChangePolicy(rules);
  });
}

void Months::Refile(uint64_t steps) {
  last_ += ", refile";
  model_.NoteRefileBegun();
  Execute(
      false,
      [&] {
        for (uint64_t left = steps; left > 0; --left) {
          const auto more = machine_.engine().RefilePolicy(now_);
          if (!more.ok()) return more.status();
          if (!*more) break;
        }
        return absl::OkStatus();
      },
      kManyFaults);
  NoticeRefile();
}

void Months::RefileSome() {
  last_ = "some";
  Refile(1 + dice_.Below(kStepsMax));
}

}  // namespace retention::simulation
