// What an engine holds and shows of a room, held against the oracle of rooms.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_COMPARISON_H_
#define RETENTION_TESTS_SIMULATION_ROOM_COMPARISON_H_

#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/engine/test_engine.h"
#include "tests/simulation/policy_model.h"
#include "tests/simulation/room_model.h"
#include "tests/simulation/room_sight.h"

namespace retention::simulation {

struct RoomScope {
  // The events came in the order in which they happened: no file was ended by what was known too early.
  bool in_order = true;
  // What ended since then may lie where it was, and its object may have no order yet: no sweep has come by.
  absl::Time swept = absl::InfiniteFuture();
  // References of the objects that operators deleted one by one.
  std::set<std::string> deleted = {};
};

// Adds a failure for whatever differs in rows: cut, days, what is held, what was ordered away (`ordered`).
void CompareRoomRows(const RoomModel& model, const SeenRoom& seen, const std::multiset<std::string>& ordered,
                     const PolicyModel& policy, absl::Time now, const RoomScope& scope);

// The same for what readers are shown.
void CompareRoomReads(TestEngine& engine, const std::string& meeting_id, const RoomModel& model, const SeenRoom& seen,
                      const PolicyModel& policy, absl::Time now);

// The same for whatever is due later than its period after the later of its own event and its planned end, and the
// longest sitting, and what people may be late, or an end is presumed after (I11).
void ExpectDueInTime(const RoomModel& model, const SeenRoom& seen, const PolicyModel& policy);

// The same for the inputs of statistics. `late`: the events that came after the release of the cohort of their day.
void CompareCohorts(const std::map<std::string, RoomModel>& rooms, const std::map<std::string, SeenRoom>& seen,
                    const CohortsSeen& found, const PolicyModel& policy, absl::Time now,
                    const std::set<std::pair<std::string, std::string>>& late);

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_COMPARISON_H_
