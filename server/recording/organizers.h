// Who scheduled what in a room: with whom its PDFs go.
#ifndef RETENTION_SERVER_RECORDING_ORGANIZERS_H_
#define RETENTION_SERVER_RECORDING_ORGANIZERS_H_

#include <cstdint>

#include "server/law/filing.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/room_organizers.h"

namespace retention {

// Who scheduled an occurrence, or else started it, and when; nobody if that is not known, or it was deleted.
RoomOrganizer OrganizerOf(const OccurrenceFacts& facts);

// Who scheduled in a room the last time, of what is held; where nobody is known to have, who did before. Of two that
// scheduled at one instant the one whose meeting begins first.
RoomOrganizer LatestOrganizer(const Room& room);

// Who scheduled the occurrence that something was shared in, or else in its room the last time by then, or else the
// first time after it. What is held decides alone, and so the order in which it came does not: who is remembered from
// before (Room.organizer) is the last of those. When whoever scheduled what this was planned anew from did so, is not
// known: 0.
RoomOrganizer OrganizerFor(const OccurrenceFacts& facts, int64_t time_us, const Room& room);

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_ORGANIZERS_H_
