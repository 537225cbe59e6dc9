// Threads for calls that may block, so that gRPC's own few threads never do.
#ifndef RETENTION_SERVER_RPC_WORKER_POOL_H_
#define RETENTION_SERVER_RPC_WORKER_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "storage/mutex.h"

namespace retention {

// UNAVAILABLE with reason STARTING: the server still does what fell due while it was down.
absl::Status Starting();

// Thread-safe.
class WorkerPool {
 public:
  // At most `queued_max` tasks wait.
  WorkerPool(size_t threads, size_t queued_max);
  // Finishes what is queued.
  ~WorkerPool();

  // False, and `task` will not run, if too many wait already, or before Open.
  bool Submit(std::function<void()> task);
  // From now on it takes tasks.
  void Open();
  bool is_open() const;

 private:
  void Loop();

  const size_t queued_max_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_WORKER_POOL_H_
