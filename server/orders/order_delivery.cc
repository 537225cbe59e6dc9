#include "server/orders/order_delivery.h"

#include <algorithm>

namespace retention {
namespace {

// Instants of sending that lie within this part of a stage's delay are told apart no further.
constexpr int kInstantsPerDelay = 64;

}  // namespace

OrderTrack::OrderTrack(const ErasureOrders& orders, const Scope& scope)
    : orders_(orders),
      scope_(scope),
      new_after_(scope.after),
      too_young_until_(absl::InfinitePast()),
      regulars_through_(scope.after) {
  again_after_.fill(scope.after);
}

void OrderTrack::NoteSent(size_t stage, uint64_t through, absl::Time now) {
  std::deque<Sent>& sent = sent_[stage];
  const absl::Duration shared = OrderDelivery::kRedeliveryDelays[stage] / kInstantsPerDelay;
  if (!sent.empty() && (now - sent.back().begin < shared || sent.size() >= kMaxSent)) {
    sent.back().through = through;
    sent.back().end = std::max(sent.back().end, now);
    return;
  }
  sent.push_back({.through = through, .begin = now, .end = now});
}

absl::StatusOr<uint64_t> OrderTrack::Send(uint64_t after, uint64_t through, size_t limit,
                                          std::vector<v1::ErasureOrder>& orders) {
  return orders_.Scan(after, through, [&](v1::ErasureOrder& order) {
    if (orders.size() == limit) return false;
    if (scope_.categories.test(static_cast<size_t>(order.category()))) orders.push_back(std::move(order));
    return true;
  });
}

absl::StatusOr<bool> OrderTrack::SendNew(absl::Time now, size_t limit, std::vector<v1::ErasureOrder>& orders) {
  if (now < too_young_until_ || new_after_ >= std::min(scope_.through, orders_.last_issued())) return false;
  too_young_until_ = absl::InfinitePast();
  auto seen = orders_.Scan(new_after_, scope_.through, [&](v1::ErasureOrder& order) {
    if (orders.size() == limit) return false;
    if (now - IssueTimeOf(order) < scope_.age) {
      too_young_until_ = IssueTimeOf(order) + scope_.age;
      return false;
    }
    if (scope_.categories.test(static_cast<size_t>(order.category()))) orders.push_back(std::move(order));
    return true;
  });
  if (!seen.ok()) return seen.status();
  new_after_ = *seen;
  if (!orders.empty()) NoteSent(0, orders.back().order_id(), now);
  return true;
}

absl::StatusOr<bool> OrderTrack::SendAgain(absl::Time now, size_t limit, std::vector<v1::ErasureOrder>& orders) {
  for (size_t stage = 0; stage < kStages; ++stage) {
    std::deque<Sent>& sent = sent_[stage];
    if (sent.empty() || sent.front().end + OrderDelivery::kRedeliveryDelays[stage] > now) continue;
    const uint64_t through = sent.front().through;
    auto seen = Send(again_after_[stage], through, limit, orders);
    if (!seen.ok()) return seen.status();
    again_after_[stage] = *seen;
    if (*seen >= through) sent.pop_front();
    if (orders.empty()) return true;
    if (stage + 1 < kStages) {
      NoteSent(stage + 1, orders.back().order_id(), now);
    } else {
      regulars_through_ = orders.back().order_id();
      if (next_round_ == absl::InfiniteFuture()) next_round_ = now + OrderDelivery::kRoundInterval;
    }
    return true;
  }
  if (!in_round_) {
    if (now < next_round_) return false;
    in_round_ = true;
    round_after_ = scope_.after;
    round_through_ = regulars_through_;
    next_round_ = now + OrderDelivery::kRoundInterval;
  }
  auto seen = Send(round_after_, round_through_, limit, orders);
  if (!seen.ok()) return seen.status();
  round_after_ = *seen;
  in_round_ = round_after_ < round_through_;
  return true;
}

absl::Time OrderTrack::NextDue() const {
  if (in_round_) return absl::InfinitePast();
  absl::Time due = next_round_;
  if (too_young_until_ != absl::InfinitePast()) due = std::min(due, too_young_until_);
  for (size_t stage = 0; stage < kStages; ++stage) {
    if (sent_[stage].empty()) continue;
    due = std::min(due, sent_[stage].front().end + OrderDelivery::kRedeliveryDelays[stage]);
  }
  return due;
}

size_t OrderTrack::remembered() const {
  size_t instants = 0;
  for (const auto& sent : sent_) instants += sent.size();
  return instants;
}

OrderDelivery::OrderDelivery(const ErasureOrders& orders, uint64_t after_order_id, const CategorySet& categories)
    : known_(orders, {.after = 0, .through = after_order_id, .age = kKnownOrderPatience, .categories = categories}),
      fresh_(orders,
             {.after = after_order_id, .through = UINT64_MAX, .age = absl::ZeroDuration(), .categories = categories}) {}

absl::StatusOr<OrderDelivery::Message> OrderDelivery::Next(absl::Time now) {
  Message message;
  for (const auto send : {&OrderTrack::SendNew, &OrderTrack::SendAgain}) {
    for (OrderTrack* track : {&known_, &fresh_}) {
      auto looked = (track->*send)(now, kMaxOrdersPerMessage, message.orders);
      if (!looked.ok()) return looked.status();
      if (*looked) {
        message.more = true;
        return message;
      }
    }
  }
  return message;
}

}  // namespace retention
