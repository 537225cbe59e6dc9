// What an engine holds of rooms, as its rows and readers show it.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_SIGHT_H_
#define RETENTION_TESTS_SIMULATION_ROOM_SIGHT_H_

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/v1/category.pb.h"
#include "tests/engine/test_engine.h"

namespace retention::simulation {

// One value that is stored. `event`: fingerprint of the event that it came with.
struct SeenValue {
  v1::DataCategory category;
  uint64_t event = 0;
  std::string participant;
  std::string text;  // reference of an object, conference number

  friend auto operator<=>(const SeenValue&, const SeenValue&) = default;
};

// Where something lies: under which day, with which occurrence (as Meeting.occurrence).
struct SeenPlace {
  absl::CivilDay day;  // CivilDay::max() for none
  std::string occurrence;
};

struct SeenRoom {
  std::map<uint64_t, SeenPlace> history;  // by fingerprint of the event
  std::map<SeenValue, SeenPlace> values;
};

// By pbx and room, as rows name them: the caller's meeting ids, each of `pbx`.
std::map<std::string, SeenRoom> LookAtRooms(TestEngine& engine, absl::Time now,
                                            const std::vector<std::string>& meeting_ids);

// A participation as statistics count it: day, hour, seconds, reconnections.
using SeenParticipation = std::tuple<absl::CivilDay, int, uint32_t, uint32_t>;
// By meeting id and occurrence.
using CohortsSeen = std::map<std::pair<std::string, std::string>, std::multiset<SeenParticipation>>;
// What would be counted of the meetings that began on these days.
CohortsSeen LookAtCohorts(TestEngine& engine, absl::Time now, const std::vector<std::string>& meeting_ids,
                          absl::CivilDay first, absl::CivilDay last);

// Adds a failure where counts are not those of the rows.
void CompareCountsWithRows(TestEngine& engine);

// References of the objects that are ordered away.
std::multiset<std::string> OrderedAway(TestEngine& engine);

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_SIGHT_H_
