// In which order the events of a part are taken in.
#ifndef RETENTION_SERVER_RECORDING_ARRIVALS_H_
#define RETENTION_SERVER_RECORDING_ARRIVALS_H_

#include <cstddef>
#include <vector>

#include "retention/v1/event.pb.h"
#include "server/recording/event_intake.h"

namespace retention {

// Events of one batch that follow each other.
struct EventRun {
  EventBatch* batch;
  int begin;
  int end;
};
// Events that are recorded by one change.
using RecordPart = std::vector<EventRun>;

// What events are about: a PBX and its extensions, or a poll; all others are about a meeting id.
bool IsOfPbx(v1::Event::PayloadCase payload);
// Those that are recorded by themselves: they read more than what they name.
bool ReadsAtLarge(v1::Event::PayloadCase payload);
bool IsOfPoll(v1::Event::PayloadCase payload);

// An event of a part: which run it is in, and which of its batch it is.
struct Arrival {
  size_t run;
  int index;
};

// The events of a part in the order in which they are taken in: those of polls, then room by room, as the first of each
// came, then what was refused before; each as they came. So what is known of a room is looked at once, however many
// rooms' events come mixed.
struct Arrivals {
  std::vector<Arrival> of_polls;
  std::vector<std::vector<Arrival>> of_rooms;
  std::vector<Arrival> refused;  // last: what of its objects others bring is known by then
};

Arrivals InOrderOfRooms(const RecordPart& part);

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_ARRIVALS_H_
