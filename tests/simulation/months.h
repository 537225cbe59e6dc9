// Months of a platform's life, drawn from one seed: events, time, sweeps and faults, judged by the oracles after every
// step.
#ifndef RETENTION_TESTS_SIMULATION_MONTHS_H_
#define RETENTION_TESTS_SIMULATION_MONTHS_H_

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/simulation/cohort_model.h"
#include "tests/simulation/comparison.h"
#include "tests/simulation/log_model.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/model.h"
#include "tests/simulation/portal.h"
#include "tests/simulation/witness.h"
#include "tests/simulation/workload.h"
#include "tests/testing/fake_time.h"
#include "tests/testing/fresh_directory.h"

namespace retention::simulation {

class Months {
 public:
  explicit Months(uint64_t seed, bool clock_goes_wrong = false);
  ~Months();

  // Adds a gtest failure, with the line that replays it, for whatever does not hold.
  void Go(uint64_t steps);

  // A kind of step, and how often it is drawn. All of them are listed in months.cc.
  struct Act {
    uint64_t weight;
    void (Months::*run)();
  };

 private:
  // How often the machine fails under a command.
  static constexpr int kFaults = 20;
  static constexpr int kManyFaults = 55;
  // Where everything is held nothing ends.
  static constexpr size_t kHoldsMax = 4;

  // Acts of the platform (acts_record.cc).
  void RecordBatch();
  void SyncAny();
  void RemoveAnyExtension();
  void PassTime();
  void Sweep();
  void SweepAmongOthers();
  void Restart();
  // Acts on the lives of PBXs (acts_pbx.cc).
  void EndAnyPbx();
  void ReportAnyLicence();
  void Probe();
  void VainDays();
  void LicenceRunsOut();
  void Silence();
  void Hail();
  // What turns at the last moment (acts_turn.cc).
  void RescheduleToAndFro();
  void RenewAnyLicence();
  void RemoveExtensionOfTheDying();
  // The machine's clock goes wrong (acts_clock.cc).
  void ClockJumps();
  void ClockIsSlewed();
  void MachineIsOff();
  // Changes of policy (acts_policy.cc).
  void ChangeAnyPolicy();
  void RefileSome();
  // Deletions by operators (acts_deletion.cc).
  void DeleteAnyMeeting();
  void DeleteAnyObject();
  void DeleteAnyPoll();
  // Holds (acts_hold.cc).
  void PlaceAnyHold();
  void ChangeAnyHold();
  void ReleaseAnyHold();
  // The portal and its servers (acts_portal.cc).
  void Confirm();
  void AppendLogs();
  void ExtendLogs();
  void RefileLogs();

  static const std::vector<Act>& Acts();
  static const std::vector<Act>& ActsOfAClockThatGoesWrong();
  void Step();
  void Judge();
  void MoveTo(absl::Time time);
  // The engine's clock after a look at the machine's: never back, and never later than it may be.
  void FollowClock(absl::Time latest);
  void SweepWhateverTheClock();
  void Record(const std::vector<v1::Event>& batch);
  void RecordLate(const std::vector<v1::Event>& batch, const v1::RecordResult& result, const Prediction& expected);
  void Sync(const std::string& pbx_id);
  void RemoveExtension(const std::string& pbx_id, const std::string& number);
  void EndPbx(const std::string& pbx_id, const std::string& reason);
  void ReportLicence(const std::string& key, absl::Time valid_until, bool registered, bool active);
  void CountProbes(int vain_percent, const std::string& silent_pbx);
  void OnTheBrink(const std::string& pbx_id);
  // `meeting` or `object`, as the target says.
  void Delete(const Workload::Target& target);
  void JudgeDeletion(const Ruling& expected, bool first, const absl::Status& outcome) const;
  std::string AnyOperatorReason();
  void Place(v1::Hold hold, absl::CivilDay end);
  void HoldPbx(const std::string& pbx_id);
  void LetGoOfAll();
  void ChangePolicy(v1::Policy next);
  void ApplyPolicy(const v1::Policy& next, const std::string& token);
  void TryPolicyWhileRefiling(const v1::Policy& next);
  void Refile(uint64_t steps);
  // Steps that come before a refile, or within it.
  void ComeBetween();
  // The policy that was asked for is in force, though nobody said so.
  void NoticePolicy();
  // The refile of the last one is done.
  void NoticeRefile();
  // Learns how the engine calls the PBXs that there are.
  void NamePbxs();
  void BeginEndOf(const std::string& pbx_id, const std::string& reason);
  void FinishLate();
  void FollowLines();
  absl::Status TrySweep(bool scrub);

  // Runs a command, now and then on a machine that fails. True if it took only one attempt. `one_write`: it is durable
  // as a whole or not at all.
  bool Execute(bool one_write, const std::function<absl::Status()>& command, int fault_percent = kFaults);
  void Compare();

  std::string Where() const;
  void Trace(const std::string& text) const;

  const uint64_t seed_;
  const std::vector<Act>& acts_;
  const bool tracing_;
  Dice dice_;
  const FreshDirectory directory_;
  FakeTime time_;
  Machine machine_;
  Model model_;
  LogModel logs_;
  Portal portal_;
  Workload workload_;
  absl::Time now_;
  CohortModel cohorts_;
  Witness witness_;
  std::optional<PolicyModel> asked_policy_;   // perhaps it is in force
  Account account_;                           // as the last step left it
  std::optional<Totals> filed_;               // by this step; nullopt if that is not known exactly
  std::map<std::string, Totals> erased_min_;  // by this step, by the ledger's word
  std::deque<std::function<void()>> agenda_;  // steps that follow without being drawn
  // Ends that somebody has begun, with the rows that there were then.
  std::deque<std::pair<PbxId, std::vector<RowRun>>> begun_ends_;
  bool sweeping_ = false;  // no crash: the sweeper must live on
  PbxNumbers pbxs_;
  uint64_t holds_ = 0;
  uint64_t policies_ = 0;
  std::vector<PbxId> former_pbxs_;  // may be probed yet
  std::string last_;
  uint64_t step_ = 0;
  uint64_t events_ = 0;
  uint64_t sweeps_ = 0;
  uint64_t restarts_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_MONTHS_H_
