// The oracle's policy: how long what lives, by the text of a policy and of the rules, without a line of the engine.
#ifndef RETENTION_TESTS_SIMULATION_POLICY_MODEL_H_
#define RETENTION_TESTS_SIMULATION_POLICY_MODEL_H_

#include <cstdint>
#include <optional>
#include <set>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/policy.pb.h"

namespace retention::simulation {

class PolicyModel {
 public:
  explicit PolicyModel(v1::Policy policy) : policy_(std::move(policy)) {}

  const v1::Policy& text() const { return policy_; }
  uint32_t version() const { return policy_.version(); }
  v1::StartingPoint StartOf(v1::DataCategory category) const { return RuleOf(category).starting_point(); }
  // Whether a period of at least one day runs from the end of the meeting.
  bool RunsFromEnd(v1::DataCategory category) const;

  // The last day of what runs from `start`.
  absl::CivilDay LastDay(v1::DataCategory category, absl::CivilDay start) const;
  // Of log lines while an extension is in force.
  absl::CivilDay LongestLogDay(absl::CivilDay day) const;
  // Of the cube of a cohort.
  absl::CivilDay CubeDay(absl::CivilDay cohort) const;
  // The first instant at which a cohort may be drawn.
  absl::Time ReleaseTime(absl::CivilDay cohort) const;
  // The first instant at which those who came late to it may be counted.
  absl::Time LateTime(absl::CivilDay cohort) const;
  // The last days on which a PBX is held that is silent since `contact`, and whose name resolved last on `resolved`.
  absl::CivilDay LastSilentDay(absl::CivilDay contact) const;
  int vain_days() const { return static_cast<int>(policy_.pbx_end().fqdn_unresolved().days()); }
  // Fewest first.
  std::set<uint32_t> warning_days() const;

  // Whether a category has another rule here than there.
  bool Differs(const PolicyModel& other, v1::DataCategory category) const;
  // Days that a value which lay under `held` by this policy may lie under by `next`, if nobody knows any more from when
  // its period ran: the rules take the first. None if it now runs from something else.
  std::set<absl::CivilDay> Shifted(v1::DataCategory category, absl::CivilDay held, const PolicyModel& next) const;

 private:
  const v1::DeletionRule& RuleOf(v1::DataCategory category) const;

  v1::Policy policy_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_POLICY_MODEL_H_
