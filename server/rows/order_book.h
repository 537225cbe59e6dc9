// The order book: which numbers erasure orders have had, and how many orders are held.
#ifndef RETENTION_SERVER_ROWS_ORDER_BOOK_H_
#define RETENTION_SERVER_ROWS_ORDER_BOOK_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "storage/store.h"

namespace retention {

// A number is given once, ever, even when no order is left: a confirmation that comes late must not hit another order.
// What is not marked thread-safe belongs to the committer's thread.
class OrderBook {
 public:
  // Replaces what is held with what `store` says. A store without a counter is counted, once.
  absl::Status Load(const StoreView& store);

  // The number of the next order.
  uint64_t Next() { return next_++; }
  // Writes the counter into the batch that holds `issued` new orders and deletes `forgotten` old ones. If it is not
  // committed, Load again.
  void Flush(uint64_t issued, uint64_t forgotten, Batch& batch);
  // What was flushed last is in the store.
  void Publish();

  // Thread-safe. The last number whose order is in the store, or was: every snapshot taken from now on holds it and all
  // before it, unless they were confirmed.
  uint64_t last_issued() const { return last_issued_.load(); }
  // Thread-safe. Orders that are held.
  uint64_t unconfirmed() const { return unconfirmed_.load(); }

  // Thread-safe. No order below this number is held any more. It spares readers the walk over what was deleted there
  // and is not scrubbed yet.
  uint64_t first_held() const { return first_held_.load(); }
  // Thread-safe. Somebody has seen in a snapshot that no order in [first_held(), sequence) is held.
  void RaiseFirstHeld(uint64_t sequence) const;

 private:
  uint64_t next_ = 1;
  uint64_t held_ = 0;
  std::atomic<uint64_t> last_issued_ = 0;
  std::atomic<uint64_t> unconfirmed_ = 0;
  mutable std::atomic<uint64_t> first_held_ = 1;  // only ever raised: numbers do not come back
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_ORDER_BOOK_H_
