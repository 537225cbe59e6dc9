// What an engine holds and shows of a room, held against the oracle of rooms.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_COMPARISON_H_
#define RETENTION_TESTS_SIMULATION_ROOM_COMPARISON_H_

#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/engine/harness.h"
#include "tests/simulation/policy_model.h"
#include "tests/simulation/room_model.h"
#include "tests/simulation/room_sight.h"

namespace retention::simulation {

struct RoomScope {
  // The events came in the order in which they happened: no file was ended by what was known too early.
  bool in_order = true;
};

// Adds a failure for whatever differs in rows: cut, days, what is held, what was ordered away (`ordered`).
void CompareRoomRows(const RoomModel& model, const SeenRoom& seen, const std::multiset<std::string>& ordered,
                     const PolicyModel& policy, absl::Time now, RoomScope scope);

// The same for what readers are shown.
void CompareRoomReads(Harness& harness, const std::string& meeting_id, const RoomModel& model, const SeenRoom& seen,
                      const PolicyModel& policy);

// The same for the inputs of statistics. `late`: the events that came after the release of the cohort of their day.
void CompareCohorts(const std::map<std::string, RoomModel>& rooms, const std::map<std::string, SeenRoom>& seen,
                    const CohortsSeen& found, const PolicyModel& policy, absl::Time now,
                    const std::set<std::pair<std::string, std::string>>& late);

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_COMPARISON_H_
