// Policies that cut rooms otherwise, at random.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_POLICIES_H_
#define RETENTION_TESTS_SIMULATION_ROOM_POLICIES_H_

#include <cstdint>
#include <vector>

#include "retention/v1/policy.pb.h"
#include "tests/simulation/random.h"

namespace retention::simulation {

// Much of it shorter than people are away, or longer.
inline v1::CutRules AnyCutRules(Dice& dice) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  v1::CutRules rules;
  rules.mutable_reopen_within()->set_seconds(dice.Pick(std::vector<int64_t>{kMinute, 10 * kMinute, kHour, 5 * kHour}));
  rules.mutable_early_within()->set_seconds(dice.Pick(std::vector<int64_t>{kMinute, 2 * kHour, 12 * kHour, kDay}));
  rules.mutable_late_within()->set_seconds(dice.Pick(std::vector<int64_t>{kMinute, kHour, kDay, 2 * kDay}));
  rules.mutable_presumed_end_after()->set_seconds(dice.Pick(std::vector<int64_t>{kHour, 3 * kHour, kDay, 7 * kDay}));
  rules.mutable_longest_sitting()->set_seconds(dice.Pick(std::vector<int64_t>{kDay, 2 * kDay, 7 * kDay}));
  rules.mutable_refresh_within()->set_seconds(dice.Pick(std::vector<int64_t>{1, 30, kMinute}));
  return rules;
}

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_POLICIES_H_
