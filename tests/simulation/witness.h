// Remembers what was seen of the ledger and the statistics, and what must never change of it.
#ifndef RETENTION_TESTS_SIMULATION_WITNESS_H_
#define RETENTION_TESTS_SIMULATION_WITNESS_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/cohort_model.h"
#include "tests/simulation/model.h"
#include "tests/simulation/portal.h"

namespace retention::simulation {

// Values by category.
using Totals = std::map<v1::DataCategory, uint64_t>;

class Witness {
 public:
  // The ledger only grows, its chain holds (I7), and every entry names the policy that it was made under; a cube never
  // changes, nor goes before its day (I6), nor is shown beyond it. `refiling`: a new policy has not come to all of
  // them.
  void Look(TestEngine& engine, const CohortModel& cohorts, bool refiling, absl::Time now);
  // The ledger tells as many ends of PBXs as there were, and why; as many confirmations; and every extension of logs.
  void ExpectActs(const Model& model, const Portal& portal, uint64_t logs_extended) const;
  // No PBX that ended by the ledger has a key.
  void ExpectKeysGone(const KeyRing& ring) const;
  // Every day in `days` has ended by the ledger, once.
  void ExpectEnded(const std::set<absl::CivilDay>& days) const;
  // Every cohort that must have been drawn was, and none that may not be.
  void ExpectReleased(const CohortModel& cohorts) const;
  size_t cohorts() const { return released_.size(); }
  size_t pbxs_ended() const;

 private:
  std::vector<std::string> ledger_;  // leaves
  void LookAtCubes(TestEngine& engine, const CohortModel& cohorts, bool refiling, absl::Time now);

  using CubeTable = std::pair<absl::CivilDay, uint8_t>;
  std::map<CubeTable, std::string> cubes_;
  std::map<absl::CivilDay, int> days_ended_;
  std::map<absl::CivilDay, int> released_;
  std::map<std::string, uint64_t> pbx_ends_;  // by reason
  std::vector<PbxId> ended_pbxs_;
  Portal::Confirmed confirmed_;
  uint64_t logs_extended_ = 0;
};

// The values that are held by an engine's counts, and those that have ended by its ledger: what an act takes from the
// one it must add to the other.
struct Account {
  static Account Of(TestEngine& engine);
  // Adds a gtest failure unless all that was held in `before`, and what was filed since, is held or has ended by the
  // ledger. What was filed may be unknown: nothing may have ended without an entry all the same.
  void ExpectFollows(const Account& before, const std::optional<Totals>& filed) const;
  // What the ledger says was kept and not let go is what is kept.
  void ExpectKeptBalances() const;

  Totals held;
  Totals ended;                             // purged, or with their day
  std::map<std::string, Totals> by_reason;  // of what was purged, or kept instead
  Totals kept;                              // in the bucket of what is kept
  Totals taken_in;                          // into it, by the ledger
  Totals let_go;                            // out of it
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_WITNESS_H_
