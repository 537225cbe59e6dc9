// Order numbers: which ones erasure orders have had, and how many orders wait for their confirmation.
#ifndef RETENTION_SERVER_ROWS_ORDER_NUMBERS_H_
#define RETENTION_SERVER_ROWS_ORDER_NUMBERS_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "storage/store.h"

namespace retention {

// A number is given once, ever, even when no order is left: a confirmation that comes late must not hit another order.
// Changed by the writer's thread only; what is const is thread-safe.
class OrderNumbers {
 public:
  // How far they have come.
  struct Counter {
    uint64_t last_issued = 0;
    uint64_t unconfirmed = 0;
  };

  // Takes up what `store` says.
  absl::Status Load(const StoreView& store);

  Counter counter() const { return {last_issued_.load(), unconfirmed_.load()}; }
  // From where a store that has lost its last numbers goes on, with the loss as `entry` of its ledger: beyond all that
  // were ever given. For the ledger goes on, so no loss before was as high; and between two entries there are no four
  // thousand million orders.
  static uint64_t BeyondLoss(uint64_t entry) { return entry << 32; }
  // The row that says it.
  static void Put(const Counter& counter, Batch& batch);
  // That row is durable, with the orders that it counts.
  void Set(const Counter& counter);

  // The last number whose order is in the store, or was: every snapshot taken from now on holds it and all before it,
  // unless they were confirmed.
  uint64_t last_issued() const { return last_issued_.load(); }
  // Orders that are in the store.
  uint64_t unconfirmed() const { return unconfirmed_.load(); }

  // No order below this number is left. It spares readers the walk over what was deleted there and is not scrubbed yet.
  uint64_t first_left() const { return first_left_.load(); }
  // Somebody has seen in a snapshot that no order in [first_left(), sequence) is left.
  void RaiseFirstLeft(uint64_t sequence) const;

 private:
  std::atomic<uint64_t> last_issued_ = 0;
  std::atomic<uint64_t> unconfirmed_ = 0;
  mutable std::atomic<uint64_t> first_left_ = 1;  // only ever raised: numbers do not come back
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_ORDER_NUMBERS_H_
