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
    const MutexLock lock(mutex_);
    wanted_ = true;
  }
  changed_.NotifyOne();
}

void Repeater::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

void Repeater::Loop() {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      changed_.AwaitFor(mutex_, interval_,
                        [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_ || stopping_; });
      if (stopping_) return;
      wanted_ = false;
    }
    run_();
  }
}

}  // namespace retention
