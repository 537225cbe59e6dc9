// Numbers of notices about reports: a watcher says by one how far it has come.
#ifndef RETENTION_SERVER_ROWS_NOTICE_NUMBERS_H_
#define RETENTION_SERVER_ROWS_NOTICE_NUMBERS_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "storage/store.h"

namespace retention {

// A number is given once, ever, even when its notice is gone. Changed by the writer's thread only; what is const is
// thread-safe.
class NoticeNumbers {
 public:
  // So many are set aside at once: their counter is written once for all of them. What is left of them at a restart is
  // left out.
  static constexpr uint64_t kSetAside = 1024;

  struct Counter {
    uint64_t next = 1;
    uint64_t reserved_through = 0;

    // The next number. Sets more aside if need be.
    uint64_t Take(Batch& batch);
  };

  // Takes up what `store` says.
  absl::Status Load(const StoreView& store);

  // The row by which no number up to `through` is given any more, after Set.
  static void PutReserved(uint64_t through, Batch& batch);

  Counter counter() const { return counter_; }
  // What was taken is durable, with the notices that have it.
  void Set(const Counter& counter);

  // No notice in the store has a higher one. Those of one snapshot are all that it will ever hold up to its highest: a
  // change is committed, or dropped, before the next begins.
  uint64_t last_given() const { return last_given_.load(); }

 private:
  Counter counter_;
  std::atomic<uint64_t> last_given_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_NOTICE_NUMBERS_H_
