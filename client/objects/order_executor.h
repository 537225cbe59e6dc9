// Carries out erasure orders: deletes the objects that they name from a store, and confirms.
//
// Idempotent all the way: an order that comes twice finds nothing the second time, a confirmation that was lost comes
// again with its order, and an order that is unknown by then is only counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/objects/object_store.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/erasure_order_service.pb.h"

namespace retention {

// Counts of orders. An order that is delivered again counts again.
struct OrderCounts {
  uint64_t erased = 0;
  uint64_t not_found = 0;
  uint64_t failed = 0;
  uint64_t in_doubt = 0;                     // Not found, and not confirmed: see StoreDoubt.
  std::map<std::string, uint64_t> failures;  // by Erasure::why

  uint64_t total() const { return erased + not_found + failed + in_doubt; }
  void Add(const Erasure& erasure);
  void Add(const OrderCounts& other);
};

// Why a store may be another one than that of which orders tell. An order whose object is not found is done for ever,
// so such a store's word is not taken.
enum class StoreDoubt {
  kNone,
  kNoMarker,      // It lacks kStoreMarker. Nothing was looked for.
  kNothingFound,  // It has had none of the objects that it was asked for. None of these orders was confirmed.
};

struct OrderExecutorOptions {
  std::vector<v1::DataCategory> categories;  // Only these; all if empty.
  int concurrent_max = 8;                    // Objects that are being deleted at a time, 1 to 64.
  bool accept_missing = false;               // Confirm that objects are missing even if none has been found yet.
  // Of the stream; attempts are counted from the last orders that came.
  RetryPolicy retry;
  // Called for each order, one call at a time. What it gets names objects.
  std::function<void(const v1::ErasureOrder&, const Erasure&)> on_order;
  // Called with the counts of each batch once the server has taken its confirmations.
  std::function<void(const OrderCounts&)> on_batch;
  // Called by Watch before it waits to open another stream, with what ended the last one.
  std::function<void(const absl::Status&)> on_interruption;
};

// That an object is missing is confirmed once the executor has found another one in the store; until then such orders
// are held back, and left to be delivered again.
//
// One of RunOnce and Watch runs at a time; Stop can be called from any thread.
class OrderExecutor {
 public:
  static constexpr int kConcurrentMax = 64;
  // Orders that Watch holds back before it ends: fewer may have been carried out by an executor that died before it
  // confirmed them, or by hand.
  static constexpr size_t kDoubtedMax = 10;

  // REQUIRES: `store` outlives it.
  OrderExecutor(Client client, ObjectStore& store, OrderExecutorOptions options);

  // Carries out what is there, each order once. The counts of what was confirmed; the error of the first call that
  // failed for good, or of the store's Check. Orders may be held back for ever: then the store is in doubt. CANCELLED
  // after Stop.
  absl::StatusOr<OrderCounts> RunOnce();

  // Carries out what is there and what comes, over streams that it opens again and again. OK after Stop. The error of a
  // call that failed for good: what waiting does not mend, or with attempts used up. FAILED_PRECONDITION once the store
  // is in doubt, for want of a marker or of kDoubtedMax objects.
  absl::Status Watch();

  // Of the store, after the last run; why it ended if it failed with FAILED_PRECONDITION.
  StoreDoubt doubt() const { return doubt_; }

  // The objects under way are dealt with and confirmed; nothing new is begun. Watch and RunOnce end.
  void Stop();

 private:
  static constexpr int kPageOrders = 100;
  static constexpr int kConfirmationsPerCall = 1000;

  absl::Status CarryOut(const google::protobuf::RepeatedPtrField<v1::ErasureOrder>& orders, OrderCounts* counts);
  absl::Status CheckStore();
  std::vector<v1::ErasureConfirmation> EraseAll(const google::protobuf::RepeatedPtrField<v1::ErasureOrder>& orders,
                                                OrderCounts* counts);
  // Keeps what is not to be believed yet from `confirmations`, or adds what was kept.
  void HoldBack(std::vector<v1::ErasureConfirmation>& confirmations, OrderCounts* counts);
  absl::Status Confirm(const std::vector<v1::ErasureConfirmation>& confirmations);
  absl::Status Doubt(StoreDoubt doubt, const std::string& why);
  absl::Status WatchOnce(Backoff& backoff);

  const Client client_;
  ObjectStore& store_;
  const OrderExecutorOptions options_;
  std::atomic<bool> stopped_ = false;
  StoreDoubt doubt_ = StoreDoubt::kNone;
  bool has_found_one_ = false;
  std::set<uint64_t> held_back_;  // Orders whose objects are missing, if it can be believed.
  std::mutex mutex_;
  WatchErasureOrdersCall* call_ = nullptr;  // The stream that is open; guarded by mutex_.
};

}  // namespace retention
