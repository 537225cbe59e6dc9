#include "server/rows/deleted_rooms.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"

namespace retention {
namespace {

std::string KeyOf(const PbxId& pbx, const RoomId& room) { return DeletedObjectKey(pbx, OccurrenceOwner(room, 0)); }

}  // namespace

absl::StatusOr<std::vector<RoomDeletion>> ReadRoomDeletions(const StoreView& store, const PbxId& pbx,
                                                            const RoomId& room) {
  std::vector<RoomDeletion> all;
  const auto row = store.Get(Family::kState, KeyOf(pbx, room));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return all;
  stored::v1::DeletedRoom proto;
  if (!proto.ParseFromString(**row)) return absl::DataLossError("the mark of a deleted room does not parse");
  for (const auto& deletion : proto.deletions()) {
    all.push_back({.time_us = deletion.time_us(), .with_recordings = deletion.with_recordings()});
  }
  return all;
}

void AddRoomDeletion(const RoomDeletion& deletion, const PbxId& pbx, const RoomId& room, std::vector<RoomDeletion>& all,
                     Change& change) {
  all.insert(std::upper_bound(all.begin(), all.end(), deletion), deletion);
  while (all.size() > kMaxRoomDeletions) {
    const bool other_with_recordings =
        std::any_of(all.begin() + 1, all.end(), [](const RoomDeletion& later) { return later.with_recordings; });
    all.erase(all.front().with_recordings && !other_with_recordings ? all.begin() + 1 : all.begin());
  }
  stored::v1::DeletedRoom proto;
  for (const RoomDeletion& each : all) {
    auto& put = *proto.add_deletions();
    put.set_time_us(each.time_us);
    put.set_with_recordings(each.with_recordings);
  }
  change.batch().Put(Family::kState, KeyOf(pbx, room), proto.SerializeAsString());
}

}  // namespace retention
