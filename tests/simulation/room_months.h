// Months of rooms with many occurrences, on a machine that fails: what people do in them and when it is told, sweeps,
// deletions, restarts and kills, drawn from one seed and judged by the oracle of rooms after every step.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_MONTHS_H_
#define RETENTION_TESTS_SIMULATION_ROOM_MONTHS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/simulation/cohort_model.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/policy_model.h"
#include "tests/simulation/portal.h"
#include "tests/simulation/room_comparison.h"
#include "tests/simulation/room_events.h"
#include "tests/simulation/room_model.h"
#include "tests/simulation/room_sight.h"
#include "tests/simulation/room_stories.h"
#include "tests/simulation/witness.h"
#include "tests/testing/fresh_directory.h"

namespace retention::simulation {

class RoomMonths {
 public:
  RoomMonths(uint64_t seed, uint64_t steps);
  ~RoomMonths();

  // Adds a gtest failure, with the line that replays it, for whatever does not hold.
  void Go();

  // A kind of step, and how often it is drawn.
  struct Act {
    uint64_t weight;
    void (RoomMonths::*run)();
  };

 private:
  static const std::vector<Act>& Acts();
  void TellStories(int days);

  // Acts (room_acts.cc).
  void Deliver();
  void SendAgain();
  void SendTooEarly();
  void PassTime();
  void Sweep();
  void Restart();
  void DeleteByPortal();
  void DeleteByOperator();
  void DeleteAnyObject();
  void Confirm();

  void Step();
  // In the hour before a day is over it takes no more values.
  bool IsClosing() const;
  void MoveTo(absl::Time time);
  void Record(std::vector<v1::Event> batch);
  void NoteDeletion(const std::string& meeting_id, int64_t time_us, bool lives);
  absl::Status TrySweep(bool scrub);
  // Runs a command, now and then on a machine that fails. `one_write`: it is durable as a whole or not at all.
  void Execute(bool one_write, const std::function<absl::Status()>& command);

  std::map<std::string, SeenRoom> Look();
  void Judge();
  void CompareRooms(bool reads);
  std::string Where() const;

  const uint64_t seed_;
  const uint64_t steps_;
  const bool tracing_;
  Dice dice_;
  const FreshDirectory directory_;
  Machine machine_;
  const PolicyModel policy_;
  absl::Time now_;
  const absl::CivilDay first_day_;
  CohortModel cohorts_;
  Witness witness_;
  Portal portal_;
  std::vector<std::unique_ptr<RoomEvents>> rooms_;
  std::vector<std::string> ids_;
  std::map<std::string, RoomModel> models_;
  std::deque<Delivery> left_;  // in order of time
  std::deque<std::pair<absl::Time, std::vector<v1::Event>>> sent_;
  std::set<std::pair<std::string, std::string>> late_;  // by meeting and event: its cohort had been released
  std::set<std::string> deleted_;                       // references of objects
  // Deletions by operators have ids that nobody knows: as history tells them, and as the oracle does.
  std::map<uint64_t, uint64_t> known_as_;
  absl::Time swept_;
  Account account_;
  bool restarted_ = false;  // by the command that runs
  std::string last_;
  uint64_t step_ = 0;
  uint64_t events_ = 0;
  uint64_t sweeps_ = 0;
  uint64_t restarts_ = 0;
  uint64_t failures_ = 0;
  uint64_t deletions_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_MONTHS_H_
