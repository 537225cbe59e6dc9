// Months of a platform's life (months.h), for a few seeds.
//
// RETENTION_SEED replays a seed, RETENTION_STEPS changes the number of steps, RETENTION_TRACE=1 prints every step,
// RETENTION_CLOCK=1 lets the machine's clock go wrong.
#include <gtest/gtest.h>

#include "tests/simulation/environment.h"
#include "tests/simulation/months.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultSteps = 350;

class Simulation : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Simulation, InvariantsHoldAfterEveryStep) {
  Months(GetParam()).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, ::testing::Range<uint64_t>(1, 5));

class SimulationOfAClockThatGoesWrong : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SimulationOfAClockThatGoesWrong, NothingEndsBeforeItsTimeOrLaterThanTheEnginesClockAllows) {
  Months(GetParam(), /*clock_goes_wrong=*/true).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulationOfAClockThatGoesWrong, ::testing::Values(1, 2, 3));

TEST(SimulationReplay, SeedOfTheEnvironment) {
  const uint64_t seed = FromEnvironment("RETENTION_SEED", 0);
  if (seed == 0) GTEST_SKIP() << "RETENTION_SEED is not set";
  const bool clock_goes_wrong = FromEnvironment("RETENTION_CLOCK", 0) != 0;
  Months(seed, clock_goes_wrong).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

}  // namespace
}  // namespace retention::simulation
