#include "server/rpc/worker_pool.h"

#include <utility>

#include "server/base/errors.h"

namespace retention {

absl::Status Starting() {
  return WithRetryDelay(ErrorWithReason(absl::StatusCode::kUnavailable, "STARTING",
                                        "the server catches up on what fell due while it was down; nothing was done"),
                        absl::Seconds(1));
}

WorkerPool::WorkerPool(size_t threads, size_t queued_max) : queued_max_(queued_max) {
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

WorkerPool::~WorkerPool() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::Submit(std::function<void()> task) {
  {
    const MutexLock lock(mutex_);
    if (!is_open_ || queue_.size() >= queued_max_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.NotifyOne();
  return true;
}

void WorkerPool::Open() {
  const MutexLock lock(mutex_);
  is_open_ = true;
}

bool WorkerPool::is_open() const {
  const MutexLock lock(mutex_);
  return is_open_;
}

void WorkerPool::Loop() {
  for (;;) {
    std::function<void()> task;
    {
      const MutexLock lock(mutex_);
      wake_.Await(mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace retention
