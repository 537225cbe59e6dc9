// What the rules say of the values of a room: where each lies, until when. Knows the rules and room_model.h alone.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_VALUES_H_
#define RETENTION_TESTS_SIMULATION_ROOM_VALUES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/simulation/policy_model.h"
#include "tests/simulation/room_model.h"
#include "tests/simulation/room_sight.h"

namespace retention::simulation {

// The last day of what is filed with an occurrence. Of a meeting that still runs on the day on which it was to end, by
// that day.
absl::CivilDay LastDayOf(v1::DataCategory category, const OccurrenceModel& of, const PolicyModel& policy,
                         absl::Time now);

bool IsHistoryDue(const OccurrenceModel& of, const PolicyModel& policy, absl::Time now);
// The occurrence under which the engine has it; empty if it has none of it.
std::string OccurrenceOf(const OccurrenceModel& of, const SeenRoom& seen);
// Its events, a line each.
std::string TextOf(const OccurrenceModel& of);

struct RoomValue {
  SeenValue what;
  absl::CivilDay due;   // CivilDay::max() for none
  int64_t time_us = 0;  // of its event
  bool ended = false;   // of a file: before its day
  absl::Time ends;      // of a file
};

// What the events of an occurrence brought that nothing took back, PDFs too; deleted or not.
std::vector<RoomValue> ValuesOf(const OccurrenceModel& of, const PolicyModel& policy, absl::Time now);

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_VALUES_H_
