// What a reader may see, held against the oracle, and what must never change, held against what was seen before.
#ifndef RETENTION_TESTS_SIMULATION_COMPARISON_H_
#define RETENTION_TESTS_SIMULATION_COMPARISON_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/engine/engine.h"
#include "tests/simulation/model.h"

namespace retention::simulation {

// Adds a gtest failure for every difference between what the engine answers at `now` and what the oracle says (I1, I2,
// I4, I5), between its counts and its rows, and for an erasure order whose object lives.
void CompareWithModel(Engine& engine, const Model& model, absl::Time now);

// What holds after a sweep at `now`: nothing due is left in the store, and every object that is gone was ordered
// erased.
void CheckSwept(Engine& engine, const Model& model, absl::Time now);

// Remembers what was seen, and adds a gtest failure for every change of it.
class Witness {
 public:
  // The ledger only grows and its chain holds (I7); a cube never changes, nor goes before its day (I6).
  void Look(Engine& engine, absl::Time now);
  // Every day in `days` has ended by the ledger, once.
  void ExpectEnded(const std::set<absl::CivilDay>& days) const;
  // Every cohort from `first` whose time has come at `now` was drawn.
  void ExpectReleased(absl::CivilDay first, absl::Time now) const;
  uint64_t pbxs_ended() const { return pbxs_ended_; }
  size_t cohorts() const { return released_.size(); }

 private:
  std::vector<std::string> ledger_;  // hashes
  std::map<std::string, std::string> cubes_;
  std::map<absl::CivilDay, int> days_ended_;
  std::map<absl::CivilDay, int> released_;
  uint64_t pbxs_ended_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_COMPARISON_H_
