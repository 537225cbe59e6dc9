// Threads for calls that may block, so that gRPC's own few threads never do.
#ifndef RETENTION_SERVER_RPC_WORKER_POOL_H_
#define RETENTION_SERVER_RPC_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

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
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_WORKER_POOL_H_
