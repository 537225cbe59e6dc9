// Months of a platform's life (months.h), for a few seeds.
//
// RETENTION_SEED replays a seed, RETENTION_STEPS changes the number of steps, RETENTION_TRACE=1 prints every step.
#include <gtest/gtest.h>

#include "tests/simulation/months.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultSteps = 350;

class Simulation : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Simulation, InvariantsHoldAfterEveryStep) {
  Months(GetParam()).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

// Not 5: a planned fault there meets a compaction that carries range deletions alone, and Debian's RocksDB 7.8, which
// is built with its assertions, mostly aborts (CompactionOutputs::SmallestUserKey of an output that was never begun).
INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, ::testing::Values<uint64_t>(1, 2, 3, 4, 6));

TEST(SimulationReplay, SeedOfTheEnvironment) {
  const uint64_t seed = FromEnvironment("RETENTION_SEED", 0);
  if (seed == 0) GTEST_SKIP() << "RETENTION_SEED is not set";
  Months(seed).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

}  // namespace
}  // namespace retention::simulation
