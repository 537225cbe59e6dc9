// Years of rooms as people use them: what happens, and when it is delivered.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_STORIES_H_
#define RETENTION_TESTS_SIMULATION_ROOM_STORIES_H_

#include <vector>

#include "absl/time/time.h"
#include "tests/simulation/random.h"
#include "tests/simulation/room_events.h"

namespace retention::simulation {

enum class RoomUse {
  kDaily,          // a standing room
  kWeekly,         // planned every week for the next, and ended
  kWeeklyUnended,  // of those who were there some never left, for all that is known
  kTested,         // planned for weeks ahead, and tried out before
  kReopened,       // ended, and gone on with after five minutes
  kDevices,        // everybody with two devices
  kSupport,        // open for three days
  kMoved,          // planned, moved, planned again
  kNamed,          // the platform names its sittings; two at once
  kSeries,         // several planned ahead, each by the name of its sitting, moved, and deleted at last
  kAlways,         // somebody is always there, for weeks
  kAnything,       // days of anything, delivered at once in any order
};
inline constexpr RoomUse kRoomUses[] = {RoomUse::kDaily,   RoomUse::kWeekly,   RoomUse::kWeeklyUnended,
                                        RoomUse::kTested,  RoomUse::kReopened, RoomUse::kDevices,
                                        RoomUse::kSupport, RoomUse::kMoved,    RoomUse::kNamed,
                                        RoomUse::kSeries,  RoomUse::kAlways,   RoomUse::kAnything};

struct Delivery {
  absl::Time at;
  v1::Event event;
};
struct StoryOptions {
  // Clocks are minutes off, leaves are lost, and some deliveries come up to three days late or twice.
  bool disorder = true;
  // People write, whether it is protocolled or not.
  bool chat = false;
};

// In the order of delivery.
std::vector<Delivery> StoryOf(RoomUse use, RoomEvents& events, absl::Time begin, int days, StoryOptions options,
                              Dice& dice);

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_STORIES_H_
