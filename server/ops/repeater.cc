#include "server/ops/repeater.h"

#include <algorithm>
#include <utility>

namespace retention {
namespace {

// Keeps "never" within what a condition variable can wait for.
constexpr absl::Duration kIntervalMax = absl::Hours(24);

}  // namespace

Repeater::Repeater(absl::Duration interval, std::function<void()> run)
    : interval_(std::min(interval, kIntervalMax)), run_(std::move(run)) {}

Repeater::~Repeater() { Stop(); }

void Repeater::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Repeater::Wake() {
  {
    std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

void Repeater::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Repeater::Loop() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, absl::ToChronoMilliseconds(interval_), [this] { return wanted_ || stopping_; });
      if (stopping_) return;
      wanted_ = false;
    }
    run_();
  }
}

}  // namespace retention
