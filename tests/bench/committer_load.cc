#include "tests/bench/committer_load.h"

#include "tests/bench/bench_engine.h"

namespace retention {

CommitterLoad::CommitterLoad(Committer& committer, const FeedOptions& options)
    : committer_(committer), feed_(options), thread_([this] { Loop(); }) {}

void CommitterLoad::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void CommitterLoad::Loop() {
  while (!stop_) {
    auto* flight = new Flight;
    feed_.Append(kBatchEvents, &flight->events);
    flight->queued.events = &flight->events;
    OrDie(flight->queued.Prepare(committer_.Now()), "Prepare");
    flight->queued.done = [this, flight](const absl::Status& status) { Land(flight, status); };
    {
      std::unique_lock lock(mutex_);
      landed_.wait(lock, [this] { return in_flight_ < kBatchesInFlight; });
      ++in_flight_;
    }
    OrDie(committer_.Submit(&flight->queued, flight->events.SpaceUsedExcludingSelfLong()), "Submit");
  }
  std::unique_lock lock(mutex_);
  landed_.wait(lock, [this] { return in_flight_ == 0; });
}

void CommitterLoad::Land(Flight* flight, const absl::Status& status) {
  OrDie(status, "Record");
  if (flight->queued.result.rejections_size() > 0) OrDie(absl::InternalError("an event was rejected"), "Record");
  events_ += flight->queued.result.accepted();
  delete flight;
  const std::lock_guard lock(mutex_);
  --in_flight_;
  landed_.notify_one();
}

}  // namespace retention
