// The refiler: what was held when a policy came into force goes under the days that it gives, step by step.
//
// Every step is one batch, and finds out anew what lies elsewhere: a crash between two of them loses nothing, the pass
// begins anew. Only the walk over rows goes on where it was: the new day of a row of which nobody knows the meeting any
// more is reckoned from its old one. A failure does not make the pass begin anew: what lies behind its position was
// moved by batches that were committed, and what is filed since is filed under the policy in force. No day ends before
// the last step, so nothing is lost because its old day comes meanwhile; what had been due before is gone already.
#ifndef RETENTION_SERVER_POLICIES_POLICY_REFILER_H_
#define RETENTION_SERVER_POLICIES_POLICY_REFILER_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/logs/log_retention.h"
#include "server/meetings/meeting_cache.h"
#include "server/policies/misfiled_rows.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/change.h"
#include "server/rows/pbx_registry.h"
#include "server/rows/policy_versions.h"

namespace retention {

// Commands, which belong to the writer's thread; what is const is thread-safe.
class PolicyRefiler {
 public:
  // Rows and events looked at in one step, a moved row counting for as many as it has kibibytes: how long ingest may
  // wait for one.
  static constexpr size_t kStepBudget = 5000;

  // REQUIRES: all outlive it.
  PolicyRefiler(Holdings& holdings, MeetingCache& cache, MeetingFiler& filer, const LogRetention& logs)
      : holdings_(holdings), cache_(cache), filer_(filer), logs_(logs) {}

  // Puts a policy into force; then call Step until there is no more. FAILED_PRECONDITION with reason REFILE_UNDER_WAY,
  // or PLAN_STALE if `planned_from` is not in force any more; UNAVAILABLE with reason SWEEP_FIRST if something that is
  // due has not ended. REQUIRES: `next` may follow the policy in force (policy_change.h).
  absl::Status Apply(const PolicyVersion& planned_from, const Policy& next, Change& change);
  // One step; true if there is more to do. Does nothing if all is filed.
  absl::StatusOr<bool> Step(Change& change);

  // What the pass under way has looked at. Thread-safe.
  struct Progress {
    uint64_t meetings = 0;
    uint64_t rows = 0;
  };
  Progress progress() const { return {meetings_.load(), rows_.load()}; }

 private:
  // Where the parts of a pass go on, in this order.
  struct Pass {
    const PolicyVersion* version = nullptr;  // that it files under
    WalkStep meetings{};
    WalkStep rows{};
    WalkStep cubes{};
  };
  absl::Status Go(Pass& pass, const MisfiledRows& misfiled, absl::Time applied, Change& change);
  absl::Status MoveMeetings(WalkStep& step, const MisfiledRows& misfiled, absl::Time applied, Change& change);
  absl::Status MoveRows(WalkStep& step, const MisfiledRows& misfiled, Change& change);
  absl::Status MoveRow(const FiledKey& key, std::string_view envelope, DueDay right, Change& change);
  // Whether the portal has its order already, because its day is closed.
  absl::StatusOr<bool> IsOrdered(const FiledKey& key) const;
  absl::Status MoveCubes(WalkStep& step, const MisfiledRows& misfiled, Change& change);
  // The steps of `pass` so far are durable.
  void Keep(Pass pass);
  // Cohorts whose originals went before they were counted are none any more.
  absl::Status GiveUpCohorts(DueDay last_due);

  Holdings& holdings_;
  MeetingCache& cache_;
  MeetingFiler& filer_;
  const LogRetention& logs_;
  Pass pass_;  // as committed
  std::atomic<uint64_t> meetings_{0};
  std::atomic<uint64_t> rows_{0};
};

}  // namespace retention

#endif  // RETENTION_SERVER_POLICIES_POLICY_REFILER_H_
