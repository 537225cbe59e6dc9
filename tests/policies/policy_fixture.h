// A change of policy through an engine, as an operator makes it.
#ifndef RETENTION_TESTS_POLICIES_POLICY_FIXTURE_H_
#define RETENTION_TESTS_POLICIES_POLICY_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "server/policies/policy_change.h"
#include "tests/engine/harness.h"

namespace retention {

inline absl::Status RunHere(std::function<absl::Status()> task) { return task(); }

// The policy in force with the next version and `edit` applied.
inline v1::Policy NextPolicy(TestEngine& engine, const std::function<void(v1::Policy&)>& edit) {
  v1::Policy proto = engine.policy().proto();
  proto.set_version(proto.version() + 1);
  edit(proto);
  return proto;
}

inline v1::DeletionRule& RuleOf(v1::Policy& policy, CategoryNumber category) {
  for (v1::DeletionRule& rule : *policy.mutable_rules()) {
    if (rule.category() == category) return rule;
  }
  ADD_FAILURE() << "no such rule";
  return *policy.add_rules();
}

// An edit that sets periods in days; that of HISTORY for the reports too, which are views over it.
inline std::function<void(v1::Policy&)> Days(std::vector<std::pair<CategoryNumber, uint32_t>> periods) {
  return [periods = std::move(periods)](v1::Policy& policy) {
    for (const auto& [category, days] : periods) {
      RuleOf(policy, category).mutable_period()->set_days(days);
      if (category == kHistory) RuleOf(policy, kMeetingReport).mutable_period()->set_days(days);
    }
  };
}

// An edit that sets the periods of HISTORY, before and after its anonymisation.
inline std::function<void(v1::Policy&)> HistoryDays(uint32_t days, uint32_t anonymised_days) {
  return [=](v1::Policy& policy) {
    Days({{kHistory, days}})(policy);
    RuleOf(policy, kHistory).mutable_anonymised_period()->set_days(anonymised_days);
  };
}

inline absl::StatusOr<v1::PlanPolicyResponse> Plan(TestEngine& engine, const v1::Policy& policy, absl::Time now) {
  v1::PlanPolicyRequest request;
  *request.mutable_policy() = policy;
  return PlanPolicy(engine, request, now);
}

inline absl::Status Apply(TestEngine& engine, const v1::Policy& policy, const std::string& token, absl::Time now) {
  v1::ApplyPolicyRequest request;
  *request.mutable_policy() = policy;
  request.set_plan_token(token);
  const auto planned = CheckPlan(engine, request, now);
  if (!planned.ok()) return planned.status();
  return ApplyPlanned(engine, RunHere, *planned, now).status();
}

// Sweeps, plans and applies. Refiles nothing.
inline v1::PlanPolicyResponse PlanAndApply(Harness& harness, const std::function<void(v1::Policy&)>& edit) {
  harness.Sweep();
  const v1::Policy next = NextPolicy(harness.engine(), edit);
  const auto plan = Plan(harness.engine(), next, harness.now);
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return {};
  const absl::Status applied = Apply(harness.engine(), next, plan->plan_token(), harness.now);
  EXPECT_TRUE(applied.ok()) << applied;
  return *plan;
}

// What a plan says of a category as "gone 1/2 earlier 0/0 later 0/0": rows and values.
inline std::string MovesOf(const v1::PlanPolicyResponse& plan, CategoryNumber category) {
  for (const v1::CategoryMoves& moves : plan.moves()) {
    if (moves.category() != category) continue;
    const auto text = [](const char* name, const v1::RowsAndValues& counts) {
      return absl::StrCat(name, " ", counts.rows(), "/", counts.values());
    };
    return absl::StrCat(text("gone", moves.gone()), " ", text("earlier", moves.earlier()), " ",
                        text("later", moves.later()));
  }
  return "nothing";
}

// A quick meeting that has ended.
inline void RecordMeeting(Harness& harness, absl::Time start, absl::string_view meeting = "m") {
  harness.Record({Joined(meeting, "j", start, "p", "Ada", "ada@example.org", "192.0.2.1"),
                  Recording(meeting, "r", start, absl::StrCat("recording-", meeting)),
                  Ended(meeting, "e", start + absl::Minutes(4))});
}

}  // namespace retention

#endif  // RETENTION_TESTS_POLICIES_POLICY_FIXTURE_H_
