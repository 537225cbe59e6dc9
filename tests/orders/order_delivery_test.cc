#include "server/orders/order_delivery.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/orders/orders.h"

namespace retention {
namespace {

using Ids = std::vector<uint64_t>;

class OrderDeliveryTest : public ::testing::Test {
 protected:
  OrderDeliveryTest() : harness_(kMonday) { harness_.SyncPbx(); }

  OrderDelivery Watch(uint64_t after = 0, const std::vector<v1::DataCategory>& categories = {}) {
    v1::WatchErasureOrdersRequest request;
    request.set_after_order_id(after);
    for (const auto category : categories) request.add_categories(category);
    const auto set = harness_.engine().orders().CheckWatch(request);
    EXPECT_TRUE(set.ok()) << set.status();
    return OrderDelivery(harness_.engine().orders(), after, *set);
  }
  void Issue(int count) {
    harness_.Record(LateFiles("m", harness_.now, count, issued_));
    issued_ += count;
  }
  void Confirm(uint64_t id) {
    const auto response = harness_.engine().ConfirmOrders(Confirmations({{id, kErased}}), harness_.now);
    ASSERT_TRUE(response.ok()) << response.status();
  }
  // All that is to be sent now.
  Ids Sent(OrderDelivery& delivery) {
    Ids ids;
    for (;;) {
      const auto message = delivery.Next(harness_.now);
      EXPECT_TRUE(message.ok()) << message.status();
      EXPECT_LE(message->orders.size(), OrderDelivery::kMaxOrdersPerMessage);
      for (const auto& order : message->orders) ids.push_back(order.order_id());
      if (!message->more) break;
    }
    EXPECT_GT(delivery.NextDue(), harness_.now) << "or the courier would never rest";
    return ids;
  }
  Ids SentAt(OrderDelivery& delivery, absl::Duration after_start) {
    harness_.now = kMonday + after_start;
    return Sent(delivery);
  }

  Harness harness_;
  int issued_ = 0;
};

TEST_F(OrderDeliveryTest, ComesAgainAfterOneFiveAndThirtyMinutesAndThenEveryHour) {
  OrderDelivery delivery = Watch();
  EXPECT_EQ(delivery.NextDue(), absl::InfiniteFuture());
  Issue(2);
  const Ids both = {1, 2};
  EXPECT_EQ(Sent(delivery), both);
  for (const int minute : {1, 6, 36, 96, 156, 216}) {
    EXPECT_EQ(delivery.NextDue(), kMonday + absl::Minutes(minute));
    EXPECT_EQ(SentAt(delivery, absl::Minutes(minute) - absl::Seconds(1)), Ids());
    EXPECT_EQ(SentAt(delivery, absl::Minutes(minute)), both);
    EXPECT_EQ(Sent(delivery), Ids());
  }
}

TEST_F(OrderDeliveryTest, AConfirmedOrderDoesNotComeAgain) {
  Issue(3);
  OrderDelivery delivery = Watch();
  EXPECT_EQ(Sent(delivery), (Ids{1, 2, 3}));
  Confirm(2);
  EXPECT_EQ(SentAt(delivery, absl::Minutes(1)), (Ids{1, 3}));
  Confirm(1);
  EXPECT_EQ(SentAt(delivery, absl::Minutes(6)), Ids{3});
  EXPECT_EQ(SentAt(delivery, absl::Minutes(36)), Ids{3});
  Confirm(3);
  EXPECT_EQ(SentAt(delivery, absl::Hours(50)), Ids());
}

TEST_F(OrderDeliveryTest, ABacklogComesInMessagesOfAHundredOldestFirst) {
  Issue(250);
  OrderDelivery delivery = Watch();
  std::vector<size_t> sizes;
  uint64_t next = 1;
  for (;;) {
    const auto message = delivery.Next(harness_.now);
    ASSERT_TRUE(message.ok()) << message.status();
    if (!message->more) break;
    if (!message->orders.empty()) sizes.push_back(message->orders.size());
    for (const auto& order : message->orders) EXPECT_EQ(order.order_id(), next++);
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{100, 100, 50}));
  EXPECT_EQ(SentAt(delivery, absl::Minutes(1)).size(), 250u);
}

TEST_F(OrderDeliveryTest, AKnownOrderComesOnlyIfItIsUnconfirmedADayAfterItsIssue) {
  Issue(1);
  harness_.now += absl::Hours(1);
  Issue(2);
  OrderDelivery delivery = Watch(2);
  EXPECT_EQ(Sent(delivery), Ids{3});
  Confirm(3);
  EXPECT_EQ(SentAt(delivery, absl::Hours(24) - absl::Seconds(1)), Ids());
  EXPECT_EQ(delivery.NextDue(), kMonday + absl::Hours(24));
  EXPECT_EQ(SentAt(delivery, absl::Hours(24)), Ids{1});
  EXPECT_EQ(SentAt(delivery, absl::Hours(24) + absl::Minutes(1)), Ids{1});
  EXPECT_EQ(SentAt(delivery, absl::Hours(25)), (Ids{2, 1})) << "a new one first";
}

TEST_F(OrderDeliveryTest, OnlyTheCategoriesThatWereAskedFor) {
  OrderDelivery recordings = Watch(0, {v1::DATA_CATEGORY_RECORDING});
  OrderDelivery files = Watch(0, {v1::DATA_CATEGORY_FILE_SHARE, v1::DATA_CATEGORY_PDF_SHARE});
  Issue(3);
  EXPECT_EQ(Sent(recordings), Ids());
  EXPECT_EQ(recordings.NextDue(), absl::InfiniteFuture());
  EXPECT_EQ(Sent(files), (Ids{1, 2, 3}));
}

// Against a model that keeps a list of all orders, under random issues, confirmations and steps of time.
TEST_F(OrderDeliveryTest, EveryOrderComesWhenItShouldWhateverHappensBetween) {
  constexpr int kTimes[] = {0, 60, 300, 1800};  // seconds before the second, third and fourth time
  constexpr int kStepMax = 240;
  std::mt19937 random(20260302);
  OrderDelivery delivery = Watch();
  struct Seen {
    int times = 0;
    absl::Time last;
  };
  std::map<uint64_t, Seen> held;
  size_t redelivered = 0;
  for (int step = 0; step < 600; ++step) {
    harness_.now += absl::Seconds(static_cast<int>(random() % kStepMax));
    if (random() % 3 == 0) {
      const int count = 1 + static_cast<int>(random() % 3);
      for (int i = 0; i < count; ++i) held.try_emplace(static_cast<uint64_t>(issued_ + i + 1));
      Issue(count);
    }
    while (!held.empty() && random() % 3 == 0) {
      const auto gone = std::next(held.begin(), static_cast<int>(random() % held.size()));
      Confirm(gone->first);
      held.erase(gone);
    }
    for (const uint64_t id : Sent(delivery)) {
      const auto it = held.find(id);
      ASSERT_NE(it, held.end()) << "order " << id << " was confirmed";
      Seen& seen = it->second;
      if (seen.times >= 1 && seen.times <= 3) {
        ASSERT_GE(harness_.now - seen.last, absl::Seconds(kTimes[seen.times])) << "order " << id << " came early";
      }
      if (seen.times > 0) ++redelivered;
      ++seen.times;
      seen.last = harness_.now;
    }
    for (const auto& [id, seen] : held) {
      ASSERT_GE(seen.times, 1) << "order " << id << " did not come";
      const absl::Duration bound = seen.times <= 3 ? absl::Seconds(kTimes[seen.times]) * 65 / 64
                                                   : OrderDelivery::kRoundInterval + absl::Seconds(kStepMax);
      ASSERT_LT(harness_.now - seen.last, bound) << "order " << id << " did not come again, " << seen.times;
    }
    ASSERT_LE(delivery.remembered(), 6 * OrderTrack::kMaxSent);
  }
  EXPECT_GT(redelivered, 500u);
}

TEST_F(OrderDeliveryTest, WhatIsRememberedIsBoundedHoweverManyOrdersWait) {
  OrderDelivery delivery = Watch();
  size_t most = 0;
  for (int i = 0; i < 3000; ++i) {
    harness_.now += absl::Milliseconds(100);
    Issue(1);
    // One message at a time: a caller so slow that new orders always go before those that come again.
    const auto message = delivery.Next(harness_.now);
    ASSERT_TRUE(message.ok()) << message.status();
    ASSERT_EQ(message->orders.size(), 1u);
    most = std::max(most, delivery.remembered());
  }
  EXPECT_LE(most, OrderTrack::kMaxSent);
  EXPECT_GT(most, 60u);
  harness_.now += absl::Hours(1);
  const Ids again = Sent(delivery);
  EXPECT_EQ(std::set<uint64_t>(again.begin(), again.end()).size(), 3000u) << "none is forgotten";
}

}  // namespace
}  // namespace retention
