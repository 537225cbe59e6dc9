// The portal: which erasure orders it has been given, and which it has confirmed.
#ifndef RETENTION_TESTS_SIMULATION_PORTAL_H_
#define RETENTION_TESTS_SIMULATION_PORTAL_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/model.h"
#include "tests/simulation/random.h"

namespace retention::simulation {

class Portal {
 public:
  // Takes in what is held, and adds a gtest failure for an order that was lost, changed, came back, or has a number
  // that was given before (I8).
  void Look(TestEngine& engine, absl::Time now);
  // A stream that is opened now delivers exactly what is held.
  void Watch(TestEngine& engine, absl::Time now) const;

  // Confirmations: of orders that are held, some twice, of some that failed, and of some that never were or are no
  // more.
  v1::ConfirmErasureOrdersRequest NextConfirmations(Dice& dice) const;
  // What they must be answered with.
  v1::ConfirmErasureOrdersResponse Confirm(const v1::ConfirmErasureOrdersRequest& request);

  // How often the erasure of an object was ordered.
  const std::map<PlantedObject, uint64_t>& ordered() const { return ordered_; }
  // Objects with orders that are held.
  std::set<PlantedObject> held() const;
  // Orders that were confirmed, by the ledger's word and category.
  using Confirmed = std::map<std::pair<std::string, v1::DataCategory>, uint64_t>;
  const Confirmed& confirmed() const { return confirmed_; }
  size_t orders() const { return known_.size(); }

 private:
  struct Known {
    v1::ErasureOrder order;
    bool done = false;
  };
  std::map<uint64_t, Known> known_;
  std::map<PlantedObject, uint64_t> ordered_;
  Confirmed confirmed_;
  uint64_t last_issued_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_PORTAL_H_
