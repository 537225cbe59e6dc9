// Ways in which a machine fails under a command.
#ifndef RETENTION_TESTS_SIMULATION_FAULTS_H_
#define RETENTION_TESTS_SIMULATION_FAULTS_H_

#include "absl/status/status.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/random.h"

namespace retention::simulation {

// At one of its next writes or steps of the ring it crashes, or fails from then on.
inline void FailAnyhow(Machine& machine, Dice& dice) {
  const uint64_t nth = 1 + dice.Below(dice.Chance(50) ? 6 : 80);
  const bool full = dice.Chance(50);
  switch (dice.Below(4)) {
    case 0:
      machine.CrashAtWrite(nth);
      break;
    case 1:
      machine.CrashAtRingStep(1 + dice.Below(5));
      break;
    case 2:
      machine.FailFromWrite(nth, full ? FaultFileSystem::Fault::kDiskFull : FaultFileSystem::Fault::kIoError);
      break;
    default:
      machine.FailFromRingStep(
          1 + dice.Below(3), full ? absl::ResourceExhaustedError("disk full") : absl::UnavailableError("disk failed"));
  }
}

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_FAULTS_H_
