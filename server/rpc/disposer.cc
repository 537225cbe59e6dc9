#include "server/rpc/disposer.h"

#include <pthread.h>
#include <sched.h>

#include <utility>

namespace retention {

Disposer::~Disposer() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void Disposer::Dispose(std::shared_ptr<void> spent) {
  bool is_first = false;
  {
    const MutexLock lock(mutex_);
    is_first = spent_.empty();
    spent_.push_back(std::move(spent));
  }
  // Otherwise it is awake already, or about to be.
  if (is_first) wake_.NotifyOne();
}

void Disposer::Loop() {
  // On a machine that is busy it does not take the processor from who wakes it. Where that cannot be had, it may.
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  for (;;) {
    std::vector<std::shared_ptr<void>> spent;
    {
      const MutexLock lock(mutex_);
      wake_.Await(mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !spent_.empty(); });
      if (spent_.empty()) return;
      spent.swap(spent_);
    }
    // One by one, so that each gives back its share of memory at once.
    for (std::shared_ptr<void>& one : spent) one.reset();
  }
}

}  // namespace retention
