#include "server/rows/deleted_objects.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace retention {
namespace {

std::string KeyOf(const PbxId& pbx, const RoomId& room, const std::array<uint8_t, 16>& hash) {
  uint64_t object_of_room = 0;
  for (size_t i = 0; i < sizeof(object_of_room); ++i) object_of_room = object_of_room << 8 | hash[i];
  return DeletedObjectKey(pbx, OccurrenceOwner(room, object_of_room));
}

std::string KeyOfId(const Vault& vault, const PbxId& pbx, const RoomId& room, CategoryNumber category,
                    const stored::v1::StoredObjectRef& object) {
  const std::string text = absl::StrCat(static_cast<int>(category), "\n", object.object_id());
  return KeyOf(pbx, room, vault.Hash("deleted object", room.view(), text));
}

std::string KeyOfReference(const Vault& vault, const PbxId& pbx, const RoomId& room,
                           const stored::v1::StoredObjectRef& object) {
  return KeyOf(pbx, room, vault.Hash("deleted reference", room.view(), object.object_ref()));
}

// Whether a mark under `key` is of what is told of with this instant.
absl::StatusOr<bool> IsMarked(const StoreView& store, const std::string& key, int64_t time_us) {
  const auto row = store.Get(Family::kState, key);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return false;
  stored::v1::DeletedObject mark;
  if (!mark.ParseFromString(**row)) return absl::DataLossError("the mark of a deleted object does not parse");
  return time_us <= mark.until_us();
}

}  // namespace

void DeletedObjects::Add(const PbxId& pbx, const RoomId& room, CategoryNumber category,
                         const stored::v1::StoredObjectRef& object, int64_t until_us) {
  if (object.object_id().empty()) return;  // of a damaged row nobody knows what it named
  for (std::string& key :
       std::array{KeyOfId(vault_, pbx, room, category, object), KeyOfReference(vault_, pbx, room, object)}) {
    stored::v1::DeletedObject& mark = marks_[std::move(key)];
    mark.set_until_us(std::max(mark.until_us(), until_us));
  }
}

void DeletedObjects::Mark(Change& change) const {
  for (const auto& [key, mark] : marks_) change.batch().Put(Family::kState, key, mark.SerializeAsString());
}

absl::StatusOr<ObjectFate> FateOf(const StoreView& store, const Vault& vault, const PbxId& pbx, const RoomId& room,
                                  CategoryNumber category, const stored::v1::StoredObjectRef& object, int64_t time_us) {
  const auto reference = IsMarked(store, KeyOfReference(vault, pbx, room, object), time_us);
  if (!reference.ok()) return reference.status();
  if (*reference) return ObjectFate::kDeleted;
  const auto id = IsMarked(store, KeyOfId(vault, pbx, room, category, object), time_us);
  if (!id.ok()) return id.status();
  return *id ? ObjectFate::kElsewhere : ObjectFate::kNew;
}

}  // namespace retention
