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
    flight->command.events = &flight->events;
    OrDie(flight->command.Prepare(committer_.Now()), "Prepare");
    flight->command.done = [this, flight](const absl::Status& status) { Land(flight, status); };
    {
      std::unique_lock lock(mutex_);
      landed_.wait(lock, [this] { return in_flight_ < kBatchesInFlight; });
      ++in_flight_;
    }
    OrDie(committer_.Submit(&flight->command, flight->events.SpaceUsedExcludingSelfLong()), "Submit");
  }
  std::unique_lock lock(mutex_);
  landed_.wait(lock, [this] { return in_flight_ == 0; });
}

void CommitterLoad::Land(Flight* flight, const absl::Status& status) {
  OrDie(status, "Record");
  if (flight->command.result.rejections_size() > 0) OrDie(absl::InternalError("an event was rejected"), "Record");
  events_ += flight->command.result.accepted();
  delete flight;
  const std::lock_guard lock(mutex_);
  --in_flight_;
  landed_.notify_one();
}

}  // namespace retention
