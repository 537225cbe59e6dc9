// An event of a room, as far as the law looks at it.
#ifndef RETENTION_SERVER_LAW_ROOM_EVENT_H_
#define RETENTION_SERVER_LAW_ROOM_EVENT_H_

#include <cstdint>
#include <tuple>

namespace retention {

// In the order in which events of one instant are walked.
enum class RoomEventKind : uint8_t {
  kScheduled,
  kRescheduled,
  kStarted,
  kJoined,
  kReconnected,
  kQuality,
  kLeft,
  kEnded,
  kPlanned,     // what belongs to a plan: invitations, dial-in
  kUninvited,   // an invitation was withdrawn
  kShared,      // what is said or shown in a sitting: chat, PDFs, polls
  kFile,        // a file that is shared in a sitting
  kRecorded,    // a recording of a sitting
  kJoinFailed,  // no sign of life
  kDeleted,     // lies with what it deletes
  kWall,        // the room was deleted then, of which no event is held any more; belongs to nothing
};

// Whether it speaks of somebody who is there, and opens nothing.
inline bool Speaks(RoomEventKind kind) {
  return kind == RoomEventKind::kQuality || kind == RoomEventKind::kLeft || kind == RoomEventKind::kEnded;
}

// Whether it brings somebody there.
inline bool Enters(RoomEventKind kind) {
  return kind == RoomEventKind::kStarted || kind == RoomEventKind::kJoined || kind == RoomEventKind::kReconnected;
}

// Whether it plans a meeting.
inline bool Plans(RoomEventKind kind) {
  return kind == RoomEventKind::kScheduled || kind == RoomEventKind::kRescheduled;
}

// Of an event, what the cut looks at.
struct RoomEvent {
  uint64_t id = 0;  // tells events apart
  int64_t time_us = 0;
  RoomEventKind kind = RoomEventKind::kShared;
  bool protocolled = false;      // of scheduled and started: announced as protocolled
  bool with_recordings = false;  // of deleted: an operator's, which recordings do not survive
  uint32_t organizer = 0;        // of scheduled and started: by which extension; the caller's number, 0 for none
  // Fingerprints of the portal's identifiers.
  uint64_t participant = 0;
  uint64_t connection = 0;  // 0: the participant's connections are counted
  uint64_t sitting = 0;     // the name that the platform gave to the sitting; 0: none
  int64_t planned_start_us = 0;
  int64_t planned_end_us = 0;

  // The order of the walk.
  friend bool operator<(const RoomEvent& a, const RoomEvent& b) {
    return std::tie(a.time_us, a.kind, a.id) < std::tie(b.time_us, b.kind, b.id);
  }
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_ROOM_EVENT_H_
