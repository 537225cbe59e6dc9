// The policies that the store keeps: the one in force, and those before it.
#ifndef RETENTION_SERVER_ROWS_POLICY_VERSIONS_H_
#define RETENTION_SERVER_ROWS_POLICY_VERSIONS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/law/cohort_days.h"
#include "server/law/cut_rules.h"
#include "server/law/policy.h"
#include "storage/store.h"

namespace retention {

// A policy and what it followed. Immutable.
struct PolicyVersion {
  Policy policy;
  absl::Time since;                            // the Unix epoch if nobody knows
  const PolicyVersion* predecessor = nullptr;  // null if none is kept
  CutHistory cuts;                             // by all policies until this one
  ProfileHistory profiles;                     // the same

  // The one that puts `policy` into force at `since`, after `former`, which must outlive it.
  static PolicyVersion After(const PolicyVersion& former, Policy policy, absl::Time since);

  // What was filed before this policy came into force lies where this one put it, until it is refiled. The same policy
  // if none is kept.
  const Policy& before() const { return predecessor != nullptr ? predecessor->policy : policy; }
};

// Changed by the committer's thread only; what is const is thread-safe. What it returns lives as long as these, so
// that a reader is not disturbed by a change.
class PolicyVersions {
 public:
  // `first` is in force until Load finds another one.
  explicit PolicyVersions(Policy first);

  const PolicyVersion& current() const { return *current_.load(std::memory_order_acquire); }
  const Policy& in_force() const { return current().policy; }
  // When the policy in force was applied, while rows that were held then may still lie where the one before it put
  // them.
  std::optional<absl::Time> refiling_since() const;

  // A version that the store keeps; nullopt if it keeps none of that number. DATA_LOSS if it does not parse.
  static absl::StatusOr<std::optional<stored::v1::StoredPolicy>> Read(const StoreView& store, uint32_t version);

  // Takes up what the store says.
  absl::Status Load(const StoreView& store);
  // The rows that put `policy` into force.
  static void Put(const Policy& policy, absl::Time since, bool refiling, Batch& batch);
  // Those rows are durable.
  void Enact(Policy policy, absl::Time since, bool refiling);
  // How far the walks of a refile have come, as keys; empty: at the beginning.
  struct RefiledTo {
    std::string meetings;
    std::string rows;
  };
  // The row that says it.
  void PutRefiledTo(RefiledTo positions, Batch& batch) const;
  // What it said when it was loaded. REQUIRES: called by the committer's thread.
  const RefiledTo& refiled_to() const { return refiled_to_; }
  // The row that says that everything is filed under the policy in force; what was marked meanwhile is marked no more.
  void PutRefiled(Batch& batch) const;
  // That row is durable.
  void FinishRefiling();

 private:
  const PolicyVersion* KeepFirst(Policy policy, absl::Time since);
  const PolicyVersion* Keep(PolicyVersion version);

  std::vector<std::unique_ptr<const PolicyVersion>> kept_;
  std::atomic<const PolicyVersion*> current_;
  std::atomic<int64_t> refiling_since_us_{0};
  RefiledTo refiled_to_;  // the committer's thread alone
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_POLICY_VERSIONS_H_
