// A committer that does nothing until it is released.
#ifndef RETENTION_TESTS_RPC_HELD_COMMITTER_H_
#define RETENTION_TESTS_RPC_HELD_COMMITTER_H_

#include <future>
#include <thread>

#include "server/engine/committer.h"

namespace retention {

// Keeps the committer from doing anything, so that batches stay in its queue.
class HeldCommitter {
 public:
  explicit HeldCommitter(Committer& committer) {
    std::promise<void> held;
    thread_ = std::thread([this, &committer, &held] {
      committer
          .Run([&] {
            held.set_value();
            released_.get_future().wait();
            return absl::OkStatus();
          })
          .IgnoreError();
    });
    held.get_future().wait();
  }
  ~HeldCommitter() { Release(); }
  void Release() {
    if (!thread_.joinable()) return;
    released_.set_value();
    thread_.join();
  }

 private:
  std::promise<void> released_;
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_HELD_COMMITTER_H_
