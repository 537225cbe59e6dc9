// Threads for calls that may block, so that gRPC's own few threads never do.
#ifndef RETENTION_SERVER_RPC_WORKER_POOL_H_
#define RETENTION_SERVER_RPC_WORKER_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class WorkerPool {
 public:
  // At most `queued_max` tasks wait.
  WorkerPool(size_t threads, size_t queued_max);
  // Finishes what is queued.
  ~WorkerPool();

  // False, and `task` will not run, if too many wait already.
  bool Submit(std::function<void()> task);

 private:
  void Loop();

  const size_t queued_max_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_WORKER_POOL_H_
