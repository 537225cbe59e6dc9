#include "server/rows/deleted_objects.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace retention {
namespace {

std::string KeyOf(const Vault& vault, const PbxId& pbx, const RoomId& room, CategoryNumber category,
                  const stored::v1::StoredObjectRef& object) {
  const auto hash =
      vault.Hash("deleted object", room.view(), absl::StrCat(static_cast<int>(category), "\n", object.object_id()));
  uint64_t object_of_room = 0;
  for (size_t i = 0; i < sizeof(object_of_room); ++i) object_of_room = object_of_room << 8 | hash[i];
  return DeletedObjectKey(pbx, OccurrenceOwner(room, object_of_room));
}

std::string ReferenceOf(const Vault& vault, const PbxId& pbx, const stored::v1::StoredObjectRef& object) {
  const auto mark = vault.Mark("object reference", pbx.view(), object.object_ref());
  return std::string(mark.begin(), mark.end());
}

}  // namespace

void DeletedObjects::Add(const PbxId& pbx, const RoomId& room, CategoryNumber category,
                         const stored::v1::StoredObjectRef& object, int64_t until_us) {
  if (object.object_id().empty()) return;  // of a damaged row nobody knows what it named
  const auto [it, inserted] = marks_.try_emplace(KeyOf(vault_, pbx, room, category, object));
  if (!inserted && until_us < it->second.until_us()) return;
  it->second.set_until_us(until_us);
  it->second.set_reference(ReferenceOf(vault_, pbx, object));
}

void DeletedObjects::Mark(Change& change) const {
  for (const auto& [key, mark] : marks_) change.batch().Put(Family::kState, key, mark.SerializeAsString());
}

absl::StatusOr<ObjectFate> FateOf(const StoreView& store, const Vault& vault, const PbxId& pbx, const RoomId& room,
                                  CategoryNumber category, const stored::v1::StoredObjectRef& object, int64_t time_us) {
  const auto row = store.Get(Family::kState, KeyOf(vault, pbx, room, category, object));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return ObjectFate::kNew;
  stored::v1::DeletedObject mark;
  if (!mark.ParseFromString(**row)) return absl::DataLossError("the mark of a deleted object does not parse");
  if (time_us > mark.until_us()) return ObjectFate::kNew;
  return mark.reference() == ReferenceOf(vault, pbx, object) ? ObjectFate::kDeleted : ObjectFate::kElsewhere;
}

}  // namespace retention
