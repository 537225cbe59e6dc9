// The sweep loop: sees to it that what is due goes, without being asked.
#ifndef RETENTION_SERVER_OPS_SWEEP_LOOP_H_
#define RETENTION_SERVER_OPS_SWEEP_LOOP_H_

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/days/sweeper.h"
#include "server/engine/committer.h"
#include "server/engine/engine.h"
#include "server/ops/metrics.h"
#include "server/ops/repeater.h"
#include "server/ops/waiting_keys.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace retention {

// Thread-safe. A run that failed is counted, logged when the failure is a new one, and tried again with the next.
class SweepLoop {
 public:
  struct Options {
    absl::Duration lead_window = absl::Hours(1);
    absl::Duration purge_bound = absl::Hours(1);
    // Real time between runs when nothing wakes the loop, at most a day: a part of the second within which a due day
    // must be unreadable.
    absl::Duration interval = absl::Milliseconds(500);
    // Called before every run, on the thread that runs it: what time it is may be looked at. May be empty.
    std::function<void()> on_begin;
    // Called for each due day whose keys are gone, on the thread that ran it. May be empty.
    std::function<void()> on_destroyed;
    // Called after every run with its outcome, on the thread that ran it.
    std::function<void(const absl::Status&)> on_run;
  };

  // REQUIRES: all outlive it. Does not run yet.
  SweepLoop(Engine& engine, Committer& committer, const Clock& clock, Metrics& metrics, Options options);
  // Stops.
  ~SweepLoop();

  // Does everything that is due now, after a run that may be under way. If the store had stopped taking writes, asks it
  // first to take them again.
  absl::StatusOr<SweepOutcome> RunOnce(bool scrub_now);
  // The same, and then `act`, before another run begins: what changes the rules by which a run judges.
  void RunOnceThen(absl::FunctionRef<void()> act);

  // From now on runs by itself.
  void Start();
  // Runs soon: the clock was moved.
  void Wake();
  // Waits for a run that is under way; RunOnce can still be called.
  void Stop();

 private:
  absl::StatusOr<SweepOutcome> RunLocked(bool scrub_now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // Says when cohorts that wait come near the end of their originals, and when none waits any more.
  void LookAtCohorts(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void Report(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);

  Store& store_;
  const Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  Mutex run_mutex_;  // held during a run
  Sweeper sweeper_ ABSL_GUARDED_BY(run_mutex_);
  std::string last_failure_ ABSL_GUARDED_BY(run_mutex_);  // empty while runs succeed
  WaitingKeys waiting_ ABSL_GUARDED_BY(run_mutex_);
  const Holdings& holdings_;
  bool cohorts_alarm_ ABSL_GUARDED_BY(run_mutex_) = false;
  bool has_run_ ABSL_GUARDED_BY(run_mutex_) = false;

  Repeater repeater_;  // last: its thread uses the rest
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_SWEEP_LOOP_H_
