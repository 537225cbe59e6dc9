// What the oracle of rooms (room_model.h) knows: plans, connections, sittings.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_PARTS_H_
#define RETENTION_TESTS_SIMULATION_ROOM_PARTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "retention/v1/event.pb.h"
#include "retention/v1/policy.pb.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {

inline constexpr int64_t kHourUs = int64_t{3600} * 1000000;
inline constexpr int64_t kDayUs = 24 * kHourUs;

// What a policy says of the cut, in microseconds.
struct CutModel {
  int64_t reopen_us = 0;
  int64_t early_us = 0;
  int64_t late_us = 0;
  int64_t presumed_us = 0;
  int64_t longest_us = 0;
  int64_t refresh_us = 0;
};

// All policies so far: what begins is cut by the last that was in force.
class CutsModel {
 public:
  CutsModel() = default;
  explicit CutsModel(const v1::CutRules& first) { cuts_.emplace(INT64_MIN, Read(first)); }
  // Clocks are ahead by so much at most: a policy holds for what begins later than that.
  void Apply(const v1::CutRules& next, int64_t applied_us) { cuts_[applied_us + kAheadUs + 1] = Read(next); }
  const CutModel& At(int64_t begin_us) const { return std::prev(cuts_.upper_bound(begin_us))->second; }
  // No value is due later than its period after its own event, or its planned end, and this.
  int64_t LongestUs() const {
    int64_t stay_us = 0;
    int64_t wait_us = 0;
    for (const auto& [from_us, cut] : cuts_) {
      stay_us = std::max(stay_us, cut.longest_us);
      wait_us = std::max({wait_us, cut.late_us, cut.presumed_us});
    }
    return stay_us + wait_us;
  }

 private:
  static constexpr int64_t kAheadUs = int64_t{300} * 1000000;

  static CutModel Read(const v1::CutRules& rules) {
    return {.reopen_us = Us(rules.reopen_within()),
            .early_us = Us(rules.early_within()),
            .late_us = Us(rules.late_within()),
            .presumed_us = Us(rules.presumed_end_after()),
            .longest_us = Us(rules.longest_sitting()),
            .refresh_us = Us(rules.refresh_within())};
  }

  std::map<int64_t, CutModel> cuts_;  // by the first instant
};

// A plan of the room. Invitations that come before any date make one without.
struct PlanModel {
  CutModel cut;  // of the time at which it was first spoken of
  int64_t first_us = 0;
  int64_t said_us = 0;  // last, while it had no date
  bool dated = false;
  int64_t start_us = 0;
  int64_t end_us = 0;
  bool took_place = false;
  int64_t took_place_us = 0;      // since when
  size_t took_place_by = 0;       // sitting
  std::string name;               // of the sitting that it is for
  bool copied = false;            // from the one that it follows
  bool bare = false;              // and nothing else was ever said of it
  std::optional<size_t> back_to;  // it was moved back to that one
  std::optional<size_t> follows;
  std::string scheduler;  // number of who scheduled it, or the one that it was copied from
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
  CutModel cut;  // of its begin
  int64_t start_us = 0;
  int64_t last_us = 0;
  std::optional<int64_t> emptied_us;
  std::string name;
  std::optional<size_t> plan;
  bool deleted = false;
  std::optional<int64_t> visited_us;  // since when anybody has been there
  std::optional<size_t> said_in;      // the sitting whose people were there when `started` was said again
  std::string begun_as;               // its name when it began
  size_t deletions = 0;               // before it
  bool goes_on = false;               // who was there at its limit is in another
  bool carried = false;               // some were there when the one before came to its limit
  OpenModel came_over;                // they
  OpenModel open;
  std::vector<v1::Event> events;                      // signs of life, in order
  std::vector<std::pair<int64_t, int64_t>> occupied;  // from, to; while somebody is there, to its last sign of life
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_PARTS_H_
