// What one watcher of erasure orders is to be sent, and when again.
//
// Memory is bounded however many orders wait: nothing is kept by order, but positions in the sequence of orders. They
// are delivered in that sequence, so "the orders up to this one were sent by then" describes any number of them.
#ifndef RETENTION_SERVER_ORDERS_ORDER_DELIVERY_H_
#define RETENTION_SERVER_ORDERS_ORDER_DELIVERY_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "server/orders/erasure_orders.h"

namespace retention {

// The orders with after < id <= through, each sent once it is of an age, and again until it is confirmed. Not
// thread-safe.
class OrderTrack {
 public:
  struct Scope {
    uint64_t after;
    uint64_t through;
    absl::Duration age;  // not sent before it was issued so long ago
    CategorySet categories;
  };
  // Remembered instants of sending per stage. Orders sent within a 64th of the stage's delay share one, the latest of
  // them, and so may come again that much late; twice as many are room enough for that.
  static constexpr size_t kMaxSent = 128;

  OrderTrack(const ErasureOrders& orders, const Scope& scope);

  // Adds at most `limit` orders to `orders` that were never sent, or, SendAgain, that were, and takes them for sent at
  // `now`. False if there was nothing to look at; true, even if nothing was added, means: ask again.
  absl::StatusOr<bool> SendNew(absl::Time now, size_t limit, std::vector<v1::ErasureOrder>& orders);
  absl::StatusOr<bool> SendAgain(absl::Time now, size_t limit, std::vector<v1::ErasureOrder>& orders);

  // When there is something to do again, not counting orders that are yet to be issued.
  absl::Time NextDue() const;

  // For tests: instants remembered, of all stages.
  size_t remembered() const;

 private:
  static constexpr size_t kStages = 3;
  // All orders up to `through` that were not covered by the entry before were sent, the first at `begin`, the last at
  // `end`.
  struct Sent {
    uint64_t through;
    absl::Time begin;
    absl::Time end;
  };
  void NoteSent(size_t stage, uint64_t through, absl::Time now);
  // Sends what is held in (after, through], up to `limit`, and returns how far it came.
  absl::StatusOr<uint64_t> Send(uint64_t after, uint64_t through, size_t limit, std::vector<v1::ErasureOrder>& orders);

  const ErasureOrders& orders_;
  const Scope scope_;
  uint64_t new_after_;                           // everything up to it was sent, or need not be
  absl::Time too_young_until_;                   // the next order is
  std::array<std::deque<Sent>, kStages> sent_;   // by how often: once, twice, three times
  std::array<uint64_t, kStages> again_after_{};  // everything up to it has left the stage
  uint64_t regulars_through_;                    // up to it orders were sent four times, and now come in rounds
  bool in_round_ = false;
  uint64_t round_after_ = 0;
  uint64_t round_through_ = 0;
  absl::Time next_round_ = absl::InfiniteFuture();
};

// Not thread-safe.
class OrderDelivery {
 public:
  static constexpr size_t kMaxOrdersPerMessage = 100;
  // How long after it was sent an unconfirmed order is sent for the second, third and fourth time.
  static constexpr std::array<absl::Duration, 3> kRedeliveryDelays = {absl::Minutes(1), absl::Minutes(5),
                                                                      absl::Minutes(30)};
  // From then on all of them come together, in a round an hour: the first such turn may come sooner than that.
  static constexpr absl::Duration kRoundInterval = absl::Hours(1);
  // An order that the caller says to know comes all the same if it is unconfirmed so long after its issue.
  static constexpr absl::Duration kKnownOrderPatience = absl::Hours(24);

  // Orders after `after_order_id`; those up to it after kKnownOrderPatience. REQUIRES: `orders` outlives it.
  OrderDelivery(const ErasureOrders& orders, uint64_t after_order_id, const CategorySet& categories);

  struct Message {
    std::vector<v1::ErasureOrder> orders;  // to be sent at once; taken for sent
    bool more = false;                     // there may be more to send at once
  };
  // Takes one bounded step. New orders go before those that come again.
  absl::StatusOr<Message> Next(absl::Time now);

  // See OrderTrack::NextDue.
  absl::Time NextDue() const { return std::min(known_.NextDue(), fresh_.NextDue()); }

  // See OrderTrack::remembered.
  size_t remembered() const { return known_.remembered() + fresh_.remembered(); }

 private:
  OrderTrack known_;
  OrderTrack fresh_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ORDERS_ORDER_DELIVERY_H_
