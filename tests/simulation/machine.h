// The machine under test: store, key ring and engine on one disk, which can fail and lose power at any write.
#ifndef RETENTION_TESTS_SIMULATION_MACHINE_H_
#define RETENTION_TESTS_SIMULATION_MACHINE_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/guarded_clock.h"
#include "server/ledger/store_witness.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/random.h"
#include "tests/testing/fault_file_system.h"

namespace retention::simulation {

class Machine {
 public:
  // A fresh machine. REQUIRES: `policy_text` is valid.
  Machine(const std::filesystem::path& directory, Policy policy, uint64_t seed);
  ~Machine();

  // From now on its clock is the engine's over `time`, and goes on from what the ring's volume remembers. REQUIRES: not
  // running; `time` outlives it.
  void GuardClockOver(const TimeSource& time) { time_ = &time; }
  // REQUIRES: that, and running.
  GuardedClock& clock() { return *clock_; }

  absl::Status Start(absl::Time now);
  void Stop();

  // The `nth` write of the store, or step of the ring, from now on is the last.
  void CrashAtWrite(uint64_t nth) { disk_.CrashAt(nth); }
  void CrashAtRingStep(uint64_t nth) { ring_crash_at_ = ring_steps_ + nth; }
  // A crash that was planned and has not come does not come.
  void CallOffCrash();
  bool crashed() const { return disk_.crashed() || ring_crashed_; }
  // What is left after the process died, and the power with it if `power`.
  absl::Status Restart(absl::Time now, bool power, uint64_t torn_bytes);

  // From the `nth` write, or step of the ring, everything fails with `fault` until Heal.
  void FailFromWrite(uint64_t nth, FaultFileSystem::Fault fault) { disk_.FailAfter(nth, fault); }
  void FailFromRingStep(uint64_t nth, absl::Status failure);
  void Heal();

  v1::RecordResult Record(const std::vector<v1::Event>& events, absl::Time now, absl::Status& status);
  // `between` is called after every command of the sweeper: what comes between two of them.
  absl::StatusOr<SweepOutcome> Sweep(absl::Time now, bool scrub, const std::function<void()>& between = nullptr);
  absl::Status Append(const std::vector<v1::LogLine>& lines, absl::Time now, v1::AppendLogsResponse& response);
  absl::Status LetGo(absl::Time now);
  absl::Status EndPbx(const std::string& pbx_id, const std::string& reason, absl::Time now);

  // What a server does each second: what is acknowledged by now, no crash may take.
  void Remember(absl::Time now);

  TestEngine& engine() { return *engine_; }
  bool running() const { return engine_ != nullptr; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  absl::Status OnRingStep();

  const std::filesystem::path directory_;
  const Policy policy_;
  SeededRandom random_;
  SeededRandom ring_random_;
  const bool rooted_;  // half of the machines have a root above the ring
  FaultFileSystem disk_;
  uint64_t ring_steps_ = 0;
  uint64_t ring_crash_at_ = UINT64_MAX;
  bool ring_crashed_ = false;
  uint64_t ring_fail_from_ = UINT64_MAX;
  absl::Status ring_failure_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreWitness> witness_;
  std::unique_ptr<TestEngine> engine_;
  const TimeSource* time_ = nullptr;
  std::optional<GuardedClock> clock_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_MACHINE_H_
