// Which room a meeting id names.
//
// All that is held of a room lies under a number of its own, which says nothing. The meeting id leads to it by a keyed
// hash under a key of the ring that is changed every month: living rooms are named anew under the next (room_renamer.h
// in days), and then the former is destroyed. So weeks later no copy of the store tells, not even whoever has the ring,
// whether a meeting of an id that they know or guess was held.
#ifndef RETENTION_SERVER_ROWS_ROOM_NAMES_H_
#define RETENTION_SERVER_ROWS_ROOM_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Thread-safe.
class RoomNames {
 public:
  // REQUIRES: both outlive it.
  RoomNames(const KeyRing& ring, const Vault& vault) : ring_(ring), vault_(vault) {}

  // The row of a name, which lies under a key of names.
  struct Row {
    RoomNameParts parts;
    std::string value;
  };
  struct Named {
    RoomId room;             // that it names, or will
    std::optional<Row> row;  // has it do so, if nothing does yet

    bool stored() const { return !row.has_value(); }
  };
  // FAILED_PRECONDITION before there is a key of names.
  absl::StatusOr<Named> Find(const StoreView& view, const PbxId& pbx, std::string_view meeting_id) const;
  // Has a meeting id name its room, as long as anything is held of the room.
  static void Put(const Row& row, Batch& batch);
  absl::Status Put(const PbxId& pbx, std::string_view meeting_id, const RoomId& room, Batch& batch) const;
  // The room it names, as long as its PBX is there: something that is held knows it by its meeting id alone.
  absl::StatusOr<RoomId> Keep(const StoreView& view, const PbxId& pbx, std::string_view meeting_id, Batch& batch) const;

  static std::optional<RoomId> RoomOfRow(std::string_view value);
  // The row of a name, which lies under `key`, under the next key. nullopt if it is not of that key.
  static std::optional<Row> Renamed(const Row& row, const NamesKey& key, const NamesKey& next);

 private:
  absl::StatusOr<NamesKey> LastKey() const;

  const KeyRing& ring_;
  const Vault& vault_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_ROOM_NAMES_H_
