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
#include "server/days/sweeper.h"
#include "server/engine/engine.h"
#include "server/law/policy.h"

namespace retention {

// A policy file of today has 5 KiB.
inline constexpr size_t kMaxPolicyTextBytes = 64u << 10;

// The fields in which they differ, as `presumed_end_after` and `rules (RECORDING)`.
std::vector<std::string> DifferingFields(const v1::Policy& a, const v1::Policy& b);
// INVALID_ARGUMENT naming the field if `next` may not follow `current`: its version is not higher, or it changes what
// all that is held was cut by (time zone, statistics).
absl::Status CheckSuccessor(const Policy& current, const Policy& next);

// The policy of a PlanPolicyRequest or an ApplyPolicyRequest. INVALID_ARGUMENT naming the field.
template <typename Request>
absl::StatusOr<Policy> PolicyOf(const Request& request);

// What `request` would do at `now`. Thread-safe; reads from one snapshot, one meeting at a time. Errors: see
// RetentionService.PlanPolicy.
absl::StatusOr<v1::PlanPolicyResponse> PlanPolicy(Engine& engine, const v1::PlanPolicyRequest& request, absl::Time now);

// A policy that was asked for with the token of a plan that fits.
struct PlannedPolicy {
  const PolicyVersion* current;  // what it was planned from
  Policy next;
  DueDay last_due;  // when the plan was checked
};
// Plans anew and compares. Thread-safe. Errors: see RetentionService.ApplyPolicy.
absl::StatusOr<PlannedPolicy> CheckPlan(Engine& engine, const v1::ApplyPolicyRequest& request, absl::Time now);
// Applies it, on the same day. `run` as in sweeper.h. Errors as CheckPlan, and UNAVAILABLE with reason SWEEP_FIRST:
// call it right after a sweep, before another one begins.
absl::StatusOr<v1::ApplyPolicyResponse> ApplyPlanned(Engine& engine, const CommandRunner& run,
                                                     const PlannedPolicy& planned, absl::Time now);

// The policy in force, or an earlier one, and how far its refile has come. NOT_FOUND with reason POLICY_UNKNOWN.
// Thread-safe.
absl::StatusOr<v1::GetPolicyResponse> DescribePolicy(Engine& engine, const v1::GetPolicyRequest& request);

}  // namespace retention

#endif  // RETENTION_SERVER_POLICIES_POLICY_CHANGE_H_
