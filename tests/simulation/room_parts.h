// What the oracle of rooms (room_model.h) knows: plans, connections, sittings.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_PARTS_H_
#define RETENTION_TESTS_SIMULATION_ROOM_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "retention/v1/event.pb.h"

namespace retention::simulation {

// The constants of the cut.
inline constexpr int64_t kHourUs = int64_t{3600} * 1000000;
inline constexpr int64_t kDayUs = 24 * kHourUs;
inline constexpr int64_t kReopenWithinUs = kHourUs;
inline constexpr int64_t kEarlyWithinUs = 12 * kHourUs;
inline constexpr int64_t kLateWithinUs = 24 * kHourUs;
inline constexpr int64_t kPresumedEndAfterUs = 24 * kHourUs;
inline constexpr int64_t kLongestSittingUs = 7 * kDayUs;
inline constexpr int64_t kRefreshWithinUs = 30 * 1000000;

// A plan of the room. Invitations that come before any date make one without.
struct PlanModel {
  int64_t first_us = 0;
  bool dated = false;
  int64_t start_us = 0;
  int64_t end_us = 0;
  bool took_place = false;
  int64_t took_place_us = 0;  // since when
  std::string name;           // of the sitting that it is for
  bool copied = false;        // from the one that it follows
  bool deleted = false;
};

// One device of one participant.
struct ConnectionModel {
  std::string id;           // empty where connections are counted
  int64_t reopened_us = 0;  // it was open, and was opened again
};

using OpenModel = std::map<std::string, std::vector<ConnectionModel>>;  // by participant

// A stay of people in the room.
struct SittingModel {
  int64_t start_us = 0;
  int64_t last_us = 0;
  std::optional<int64_t> emptied_us;
  std::string name;
  std::optional<size_t> plan;
  bool deleted = false;
  bool carried = false;  // some were there when the one before came to its limit
  OpenModel open;
  std::vector<v1::Event> events;                      // signs of life, in order
  std::vector<std::pair<int64_t, int64_t>> occupied;  // from, to; while somebody is there, to its last sign of life
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_PARTS_H_
