#include "server/ops/sweep_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ops/log.h"

namespace retention {
namespace {

// Keeps "never" within what a condition variable can wait for.
constexpr absl::Duration kIntervalMax = absl::Hours(24);

}  // namespace

SweepLoop::SweepLoop(Engine& engine, Committer& committer, const Clock& clock, Metrics& metrics, Options options)
    : engine_(engine),
      committer_(committer),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      sweeper_(engine, [&committer](std::function<absl::Status()> task) { return committer.Run(std::move(task)); },
               {.lead_window = options_.lead_window,
                .purge_bound = options_.purge_bound,
                .on_urgent = [&committer](bool urgent) { committer.GivePrecedence(urgent); },
                .on_unreadable = [this](absl::Time due) { metrics_.ObserveUnreadable(clock_.Now() - due); },
                .on_gone = [this](absl::Time due) { metrics_.ObserveGone(clock_.Now() - due); }}) {}

SweepLoop::~SweepLoop() { Stop(); }

absl::StatusOr<SweepOutcome> SweepLoop::RunOnce(bool scrub_now) {
  std::lock_guard lock(run_mutex_);
  if (absl::Status status = Recover(); !status.ok()) {
    Report(status);
    return status;
  }
  absl::StatusOr<SweepOutcome> outcome = sweeper_.RunOnce(clock_.Now(), scrub_now);
  if (outcome.ok()) metrics_.CountCohorts(outcome->cohorts_released);
  Report(outcome.status());
  return outcome;
}

absl::Status SweepLoop::Recover() {
  if (committer_.health().ok() && engine_.store().Health().ok()) return absl::OkStatus();
  return committer_.Run([this] { return engine_.store().Resume(); });
}

void SweepLoop::Report(const absl::Status& status) {
  if (status.ok()) {
    if (!last_failure_.empty()) Log(Severity::kInfo, "sweeps succeed again");
    last_failure_.clear();
  } else {
    metrics_.CountSweepFailure();
    std::string failure = DescribeStatus(status);
    if (failure != last_failure_) Log(Severity::kError, "a sweep failed; it is tried again", {{"status", failure}});
    last_failure_ = std::move(failure);
  }
  if (options_.on_run) options_.on_run(status);
}

void SweepLoop::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void SweepLoop::Wake() {
  {
    std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

void SweepLoop::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void SweepLoop::Loop() {
  const auto interval = absl::ToChronoMilliseconds(std::min(options_.interval, kIntervalMax));
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, interval, [this] { return wanted_ || stopping_; });
      if (stopping_) return;
      wanted_ = false;
    }
    // Its failure has been reported.
    RunOnce(/*scrub_now=*/false).IgnoreError();
  }
}

}  // namespace retention
