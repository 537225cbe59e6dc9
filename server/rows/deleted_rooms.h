// When rooms were deleted: what happened in one by then is deleted for ever, whenever it is told, and whatever is still
// held of the event that deleted it.
//
// Rows of family `state`: instants, which go with their PBX.
#ifndef RETENTION_SERVER_ROWS_DELETED_ROOMS_H_
#define RETENTION_SERVER_ROWS_DELETED_ROOMS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rows/change.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace retention {

// Of a room that is deleted again and again the latest are known, and the latest with its recordings: one that came
// before says nothing else but which of what is deleted were meetings of their own.
inline constexpr size_t kMaxRoomDeletions = 16;

struct RoomDeletion {
  int64_t time_us = 0;
  bool with_recordings = false;

  friend auto operator<=>(const RoomDeletion&, const RoomDeletion&) = default;
};

// In order of time; empty for a room that was never deleted.
absl::StatusOr<std::vector<RoomDeletion>> ReadRoomDeletions(const StoreView& store, const PbxId& pbx,
                                                            const RoomId& room);
// Adds one to `all` that are known, and has the room remember them.
void AddRoomDeletion(const RoomDeletion& deletion, const PbxId& pbx, const RoomId& room, std::vector<RoomDeletion>& all,
                     Change& change);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_DELETED_ROOMS_H_
