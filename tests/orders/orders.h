// Erasure orders in an engine under test.
#ifndef RETENTION_TESTS_ORDERS_ORDERS_H_
#define RETENTION_TESTS_ORDERS_ORDERS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "tests/engine/harness.h"

namespace retention {

inline constexpr v1::ErasureOutcome kErased = v1::ERASURE_OUTCOME_ERASED;

// Files shared in a meeting that has ended: each is an order at once. Two calls for one meeting must differ in `from`.
inline std::vector<v1::Event> LateFiles(const std::string& meeting, absl::Time time, int count, int from = 0) {
  const absl::Time ended = time - absl::Minutes(1);
  std::vector<v1::Event> events = {Started(meeting, "started", ended), Ended(meeting, "ended", ended)};
  for (int i = from; i < from + count; ++i) {
    events.push_back(File(meeting, absl::StrCat(i), ended, absl::StrCat("store/", meeting, "/", i)));
  }
  return events;
}

inline v1::ConfirmErasureOrdersRequest Confirmations(
    const std::vector<std::pair<uint64_t, v1::ErasureOutcome>>& outcomes) {
  v1::ConfirmErasureOrdersRequest request;
  for (const auto& [id, outcome] : outcomes) {
    v1::ErasureConfirmation& confirmation = *request.add_confirmations();
    confirmation.set_order_id(id);
    confirmation.set_outcome(outcome);
  }
  return request;
}

// The orders that are held, oldest first.
inline std::vector<v1::ErasureOrder> HeldOrders(const TestEngine& engine) {
  std::vector<v1::ErasureOrder> held;
  uint64_t after = 0;
  while (after < engine.orders().last_issued()) {
    const auto seen = engine.orders().Scan(after, UINT64_MAX, [&](v1::ErasureOrder& order) {
      held.push_back(std::move(order));
      return true;
    });
    EXPECT_TRUE(seen.ok()) << seen.status();
    if (!seen.ok()) break;
    after = *seen;
  }
  return held;
}

inline std::vector<uint64_t> HeldIds(const TestEngine& engine) {
  std::vector<uint64_t> ids;
  for (const auto& order : HeldOrders(engine)) ids.push_back(order.order_id());
  return ids;
}

}  // namespace retention

#endif  // RETENTION_TESTS_ORDERS_ORDERS_H_
