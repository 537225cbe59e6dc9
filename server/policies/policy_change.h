// A change of policy: what differs, whether it may be, what it would do to what is held.
#ifndef RETENTION_SERVER_POLICIES_POLICY_CHANGE_H_
#define RETENTION_SERVER_POLICIES_POLICY_CHANGE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/retention_service.pb.h"
#include "server/law/policy.h"
#include "server/logs/log_retention.h"
#include "server/policies/policy_refiler.h"
#include "server/rows/change.h"

namespace retention {

// A policy file of today has 5 KiB.
inline constexpr size_t kMaxPolicyTextBytes = 64u << 10;

// The fields in which they differ, as `cut` and `rules (RECORDING)`.
std::vector<std::string> DifferingFields(const v1::Policy& a, const v1::Policy& b);
// INVALID_ARGUMENT naming the field if `next` may not follow `current`: its version is not higher, or it changes what
// all that is held was cut by (time zone, statistics).
absl::Status CheckSuccessor(const Policy& current, const Policy& next);

// The policy of a PlanPolicyRequest or an ApplyPolicyRequest. INVALID_ARGUMENT naming the field.
template <typename Request>
absl::StatusOr<Policy> PolicyOf(const Request& request);

// A policy that was asked for with the token of a plan that fits.
struct PlannedPolicy {
  const PolicyVersion* current;  // what it was planned from
  Policy next;
  DueDay last_due;  // when the plan was checked
};

// Plans changes of policy and puts them into force. Thread-safe, but for Apply.
class PolicyPlanner {
 public:
  // REQUIRES: all outlive it; `store` is what the holdings are of.
  PolicyPlanner(const Store& store, const Holdings& holdings, const LogRetention& logs, PolicyRefiler& refiler)
      : store_(store), holdings_(holdings), logs_(logs), refiler_(refiler) {}

  // What `request` would do at `now`. Reads from one snapshot, one meeting at a time. Errors: see
  // RetentionService.PlanPolicy.
  absl::StatusOr<v1::PlanPolicyResponse> Plan(const v1::PlanPolicyRequest& request, absl::Time now) const;
  // Plans anew and compares. Errors: see RetentionService.ApplyPolicy.
  absl::StatusOr<PlannedPolicy> CheckPlan(const v1::ApplyPolicyRequest& request, absl::Time now) const;
  // Applies it, on the same day: a command. Errors as CheckPlan, and UNAVAILABLE with reason SWEEP_FIRST: call it right
  // after a sweep, before another one begins.
  absl::StatusOr<v1::ApplyPolicyResponse> Apply(const PlannedPolicy& planned, Change& change);
  // The policy in force, or an earlier one, and how far its refile has come. NOT_FOUND with reason POLICY_UNKNOWN.
  absl::StatusOr<v1::GetPolicyResponse> Describe(const v1::GetPolicyRequest& request) const;

 private:
  absl::StatusOr<v1::PlanPolicyResponse> PlanFor(const PolicyVersion& current, const Policy& next,
                                                 absl::Time now) const;

  const Store& store_;
  const Holdings& holdings_;
  const LogRetention& logs_;
  PolicyRefiler& refiler_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_POLICIES_POLICY_CHANGE_H_
