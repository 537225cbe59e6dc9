#include "server/rows/room_organizers.h"

#include "absl/status/status.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"

namespace retention {

absl::StatusOr<RoomOrganizer> ReadRoomOrganizer(const StoreView& store, const PbxId& pbx, const RoomId& room) {
  const auto row = store.Get(Family::kState, RoomOrganizerKey(pbx, room));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return RoomOrganizer();
  stored::v1::RoomOrganizer proto;
  if (!proto.ParseFromString(**row)) return absl::DataLossError("who scheduled in a room does not parse");
  return RoomOrganizer{.holder = proto.holder(), .time_us = proto.time_us()};
}

void PutRoomOrganizer(const RoomOrganizer& organizer, const PbxId& pbx, const RoomId& room, Change& change) {
  const std::string key = RoomOrganizerKey(pbx, room);
  if (organizer.holder.empty()) {
    change.batch().Delete(Family::kState, key);
    return;
  }
  stored::v1::RoomOrganizer proto;
  proto.set_holder(organizer.holder);
  proto.set_time_us(organizer.time_us);
  change.batch().Put(Family::kState, key, proto.SerializeAsString());
}

void Label(const RoomOrganizer& organizer, stored::v1::Value& value) {
  value.set_extension(organizer.holder);
  value.set_scheduled_us(organizer.time_us);
}

}  // namespace retention
