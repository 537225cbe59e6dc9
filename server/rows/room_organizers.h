// Who scheduled in a room, or else started it, the last time that anybody did.
//
// A PDF lives until its room is deleted, or the extension that scheduled in it is removed: this tells which that is,
// also when the history of what it scheduled is over. A row of family `state`, a keyed hash; it goes with the room's
// deletion, with its PBX, and when nothing takes place in the room any more (room_renamer.h in days).
#ifndef RETENTION_SERVER_ROWS_ROOM_ORGANIZERS_H_
#define RETENTION_SERVER_ROWS_ROOM_ORGANIZERS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/rows/change.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace retention {

struct RoomOrganizer {
  std::string holder;   // as rows name an extension; empty for nobody known
  int64_t time_us = 0;  // when it did

  friend bool operator==(const RoomOrganizer&, const RoomOrganizer&) = default;
};

absl::StatusOr<RoomOrganizer> ReadRoomOrganizer(const StoreView& store, const PbxId& pbx, const RoomId& room);
// Nobody: forgets it.
void PutRoomOrganizer(const RoomOrganizer& organizer, const PbxId& pbx, const RoomId& room, Change& change);

// Says of a PDF whose it is.
void Label(const RoomOrganizer& organizer, stored::v1::Value& value);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_ROOM_ORGANIZERS_H_
