// What a reader may see, held against the oracle.
#ifndef RETENTION_TESTS_SIMULATION_COMPARISON_H_
#define RETENTION_TESTS_SIMULATION_COMPARISON_H_

#include <map>
#include <string>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/cohort_model.h"
#include "tests/simulation/log_model.h"
#include "tests/simulation/model.h"
#include "tests/simulation/portal.h"

namespace retention::simulation {

// Adds a gtest failure for every difference between what the engine answers at `now` and what the oracles say (I1, I2,
// I4, I5, I8), between its counts and its rows, and for an erasure order whose object lives.
void CompareWithModel(TestEngine& engine, const Model& model, const LogModel& logs, Portal& portal, absl::Time now);

// Parts of it.
void CompareMeetings(TestEngine& engine, const Model& model, const std::string& pbx_id, absl::Time now);
void ComparePbxs(TestEngine& engine, const Model& model, absl::Time now);
void CompareLogs(TestEngine& engine, const LogModel& logs, absl::Time now);
void CompareCounts(TestEngine& engine, const Model& model, const LogModel& logs, absl::Time now);

// The last day that has its entry in the ledger; its key may not have been destroyed yet.
absl::CivilDay LastEndedDay(TestEngine& engine);

// A plan that is made right after a sweep says what will become of what is held, and what is lost with it.
void ComparePlan(const v1::PlanPolicyResponse& plan, const PolicyModel& next, const Model& model, const LogModel& logs,
                 const CohortModel& cohorts, absl::Time now);

// What is kept beyond its end is what holds cover, no more and no less, and the portal was not told to erase it.
// `pbxs`: all that there ever were.
using PbxNumbers = std::map<PbxId, PbxNumber>;
void CompareHolds(TestEngine& engine, const Model& model, const PbxNumbers& pbxs, const Portal& portal);

// What holds after a sweep at `now`: nothing due is left in the store, no end is left half done, and every object that
// is gone was ordered erased.
void CheckSwept(TestEngine& engine, const Model& model, const Portal& portal, absl::Time now);

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_COMPARISON_H_
