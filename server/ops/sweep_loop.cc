#include "server/ops/sweep_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/acting.h"
#include "server/days/waiting_cohorts.h"
#include "server/ops/log.h"
#include "server/ops/store_mending.h"

namespace retention {
namespace {

// A sweep that went on comes upon the next damaged file.
constexpr int kMendingsPerRun = 32;

}  // namespace

SweepLoop::SweepLoop(Engine& engine, Committer& committer, const Clock& clock, Metrics& metrics, Options options)
    : store_(engine.enders().store),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      sweeper_(engine.enders(), Commands(committer, engine.writer()),
               {.lead_window = options_.lead_window,
                .purge_bound = options_.purge_bound,
                .on_urgent = [&committer](bool urgent) { committer.GivePrecedence(urgent); },
                .on_unreadable =
                    [this](absl::Time due) {
                      metrics_.ObserveUnreadable(clock_.Now() - due);
                      if (options_.on_destroyed) options_.on_destroyed();
                    },
                .on_gone = [this](absl::Time due) { metrics_.ObserveGone(clock_.Now() - due); },
                .on_names_dropped =
                    [](uint64_t names) {
                      Log(Severity::kError,
                          "names of rooms could not be read: no meeting id leads to what is held of them any more",
                          {{"names", absl::StrCat(names)}});
                    }}),
      waiting_(engine.holdings()),
      holdings_(engine.holdings()),
      // Its failure has been reported.
      repeater_(options_.interval, [this] { RunOnce(/*scrub_now=*/false).IgnoreError(); }) {}

SweepLoop::~SweepLoop() { Stop(); }

absl::StatusOr<SweepOutcome> SweepLoop::RunOnce(bool scrub_now) {
  const MutexLock lock(run_mutex_);
  return RunLocked(scrub_now);
}

void SweepLoop::RunOnceThen(absl::FunctionRef<void()> act) {
  const MutexLock lock(run_mutex_);
  RunLocked(/*scrub_now=*/false).status().IgnoreError();  // it has been reported
  act();
}

absl::StatusOr<SweepOutcome> SweepLoop::RunLocked(bool scrub_now) {
  if (options_.on_begin) options_.on_begin();
  // What is due ends by the law, whoever has asked for the run.
  const ActingAs nobody(nullptr);
  // Whatever state the store is in: the first command of a run takes up writing again, and one that cannot keeps no key
  // alive.
  const absl::Time now = clock_.Now();
  // What fell due while no server ran may have waited for long.
  if (!std::exchange(has_run_, true)) waiting_.Note(now);
  absl::StatusOr<SweepOutcome> outcome = sweeper_.RunOnce(now, scrub_now);
  // Only then, so that no damage keeps what is due; what it kept from being done is done once more.
  for (int files = 0; files < kMendingsPerRun && store_.DamagedFiles() > 0 && MendStore(store_).ok(); ++files) {
    outcome = sweeper_.RunOnce(now, scrub_now);
  }
  waiting_.Look(now, outcome.status());
  if (outcome.ok()) metrics_.CountCohorts(outcome->cohorts_released, outcome->cohorts_damaged);
  LookAtCohorts(now);
  Report(outcome.status());
  return outcome;
}

void SweepLoop::LookAtCohorts(absl::Time now) {
  const WaitingCohorts waiting = CohortsThatWait(holdings_, now);
  if (std::exchange(cohorts_alarm_, waiting.alarms()) == waiting.alarms()) return;
  if (waiting.alarms()) {
    Log(Severity::kError, "cohorts wait to be released, and their originals go soon",
        {{"days", absl::StrCat(waiting.days_left)}});
  } else {
    Log(Severity::kInfo, "no cohort waits to be released any more");
  }
}

void SweepLoop::Report(const absl::Status& status) {
  if (status.ok()) {
    if (!last_failure_.empty()) Log(Severity::kInfo, "sweeps succeed again");
    last_failure_.clear();
  } else if (!absl::IsCancelled(status)) {  // by the end of the process, which the next one begins with
    metrics_.CountSweepFailure();
    std::string failure = DescribeStatus(status);
    if (failure != last_failure_) Log(Severity::kError, "a sweep failed; it is tried again", {{"status", failure}});
    last_failure_ = std::move(failure);
  }
  if (options_.on_run) options_.on_run(status);
}

void SweepLoop::Start() { repeater_.Start(); }

void SweepLoop::Wake() { repeater_.Wake(); }

void SweepLoop::Stop() { repeater_.Stop(); }

}  // namespace retention
