// Where batches die that are durable: the thread that writes has no time to free them.
#ifndef RETENTION_SERVER_RPC_DISPOSER_H_
#define RETENTION_SERVER_RPC_DISPOSER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace retention {

// Whatever is freed is overwritten (server.cc), so that to free a batch takes as long as it is large: one of 4 MiB took
// 400 us of the thread that freed it, and to hand it over takes 6. Thread-safe.
class Disposer {
 public:
  Disposer() : thread_([this] { Loop(); }) {}
  // Lets die what is left.
  ~Disposer();

  // Lets `spent`, of which the caller has the only share, die soon, on a thread of its own. What waits has no bound
  // here: it is to hold its share of the ByteBudget until it dies.
  void Dispose(std::shared_ptr<void> spent);

 private:
  void Loop();

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<void>> spent_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_DISPOSER_H_
