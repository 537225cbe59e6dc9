// Months of rooms (room_months.h), for a few seeds.
//
// RETENTION_SEED replays a seed, RETENTION_SEEDS so many from it on; RETENTION_STEPS changes the number of steps,
// RETENTION_TRACE=1 prints every step.
#include "tests/simulation/room_months.h"

#include <gtest/gtest.h>

#include "tests/simulation/environment.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultRoomSteps = 350;

class RoomSimulation : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RoomSimulation, InvariantsHoldAfterEveryStep) {
  RoomMonths(GetParam(), FromEnvironment("RETENTION_STEPS", kDefaultRoomSteps)).Go();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoomSimulation, ::testing::Range<uint64_t>(1, 3));

TEST(RoomSimulationReplay, SeedsOfTheEnvironment) {
  const uint64_t first = FromEnvironment("RETENTION_SEED", 0);
  if (first == 0) GTEST_SKIP() << "RETENTION_SEED is not set";
  const uint64_t seeds = FromEnvironment("RETENTION_SEEDS", 1);
  for (uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
    RoomMonths(seed, FromEnvironment("RETENTION_STEPS", kDefaultRoomSteps)).Go();
  }
}

}  // namespace
}  // namespace retention::simulation
