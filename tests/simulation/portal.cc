#include "tests/simulation/portal.h"

#include <gtest/gtest.h>

#include "server/orders/order_delivery.h"

namespace retention::simulation {
namespace {

// Beyond what a sweep issues while a confirmation is under way.
constexpr uint64_t kNeverIssued = 100000;

PlantedObject ObjectOf(const v1::ErasureOrder& order) { return {order.category(), order.pbx_id(), order.object_ref()}; }

std::vector<v1::ErasureOrder> ListAll(TestEngine& engine, absl::Time now) {
  std::vector<v1::ErasureOrder> orders;
  v1::ListErasureOrdersRequest request;
  request.set_page_size(17);
  do {
    const auto page = engine.orders().List(request, now);
    if (!page.ok()) {
      ADD_FAILURE() << page.status();
      break;
    }
    orders.insert(orders.end(), page->orders().begin(), page->orders().end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return orders;
}

}  // namespace

void Portal::Look(TestEngine& engine, absl::Time now) {
  const std::vector<v1::ErasureOrder> listed = ListAll(engine, now);
  std::set<uint64_t> held;
  uint64_t before = 0;
  for (const v1::ErasureOrder& order : listed) {
    const uint64_t id = order.order_id();
    EXPECT_LT(before, id) << "orders out of order";
    before = id;
    held.insert(id);
    EXPECT_LE(IssueTimeOf(order), now) << "order " << id << " was issued in the future";
    const auto known = known_.find(id);
    if (known == known_.end()) {
      EXPECT_GT(id, last_issued_) << "the number of an order was given before";
      known_.emplace(id, Known{.order = order});
      ++ordered_[ObjectOf(order)];
      continue;
    }
    EXPECT_FALSE(known->second.done) << "confirmed order " << id << " came back";
    EXPECT_EQ(order.SerializeAsString(), known->second.order.SerializeAsString()) << "order " << id << " changed";
  }
  for (const auto& [id, known] : known_) {
    EXPECT_TRUE(known.done || held.contains(id)) << "order " << id << " is lost";
  }
  EXPECT_EQ(engine.orders().unconfirmed(), held.size());
  EXPECT_GE(engine.orders().last_issued(), last_issued_) << "numbers of orders went back";
  EXPECT_GE(engine.orders().last_issued(), before);
  last_issued_ = engine.orders().last_issued();
}

void Portal::Watch(TestEngine& engine, absl::Time now) const {
  CategorySet all;
  all.set();
  OrderDelivery delivery(engine.orders(), 0, all);
  std::vector<uint64_t> delivered;
  for (bool more = true; more;) {
    const auto message = delivery.Next(now);
    if (!message.ok()) {
      ADD_FAILURE() << message.status();
      return;
    }
    for (const v1::ErasureOrder& order : message->orders) delivered.push_back(order.order_id());
    more = message->more;
  }
  std::vector<uint64_t> expected;
  for (const auto& [id, known] : known_) {
    if (!known.done) expected.push_back(id);
  }
  EXPECT_EQ(delivered, expected) << "not what is unconfirmed was delivered";
}

v1::ConfirmErasureOrdersRequest Portal::NextConfirmations(Dice& dice) const {
  v1::ConfirmErasureOrdersRequest request;
  const auto add = [&](uint64_t id) {
    v1::ErasureConfirmation& confirmation = *request.add_confirmations();
    confirmation.set_order_id(id);
    confirmation.set_outcome(dice.Chance(15)   ? v1::ERASURE_OUTCOME_FAILED
                             : dice.Chance(25) ? v1::ERASURE_OUTCOME_NOT_FOUND
                                               : v1::ERASURE_OUTCOME_ERASED);
  };
  const int share = dice.Chance(20) ? 100 : 30;
  for (const auto& [id, known] : known_) {
    if (known.done ? !dice.Chance(5) : !dice.Chance(share)) continue;
    add(id);
    if (dice.Chance(15)) add(id);
    if (request.confirmations_size() > 200) break;
  }
  if (dice.Chance(20) || request.confirmations_size() == 0) add(last_issued_ + kNeverIssued);
  return request;
}

v1::ConfirmErasureOrdersResponse Portal::Confirm(const v1::ConfirmErasureOrdersRequest& request) {
  v1::ConfirmErasureOrdersResponse expected;
  for (const v1::ErasureConfirmation& confirmation : request.confirmations()) {
    const auto known = known_.find(confirmation.order_id());
    if (known == known_.end() || known->second.done) {
      expected.set_unknown(expected.unknown() + 1);
    } else if (confirmation.outcome() == v1::ERASURE_OUTCOME_FAILED) {
      expected.set_failed(expected.failed() + 1);
    } else {
      expected.set_done(expected.done() + 1);
      known->second.done = true;
      const std::string word = confirmation.outcome() == v1::ERASURE_OUTCOME_ERASED ? "ERASED" : "NOT_FOUND";
      ++confirmed_[{word, known->second.order.category()}];
    }
  }
  return expected;
}

std::set<PlantedObject> Portal::held() const {
  std::set<PlantedObject> held;
  for (const auto& [id, known] : known_) {
    if (!known.done) held.insert(ObjectOf(known.order));
  }
  return held;
}

}  // namespace retention::simulation
