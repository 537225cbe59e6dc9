// Objects that were deleted before their day: told again, by whatever event, they do not come back.
//
// Rows of family `state`: keyed hashes and an instant, which go with their PBX.
#ifndef RETENTION_SERVER_ROWS_DELETED_OBJECTS_H_
#define RETENTION_SERVER_ROWS_DELETED_OBJECTS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/rows/change.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// The objects that a change deletes. Of several with one id the latest instant counts.
class DeletedObjects {
 public:
  // REQUIRES: outlives it.
  explicit DeletedObjects(const Vault& vault) : vault_(vault) {}

  // `until_us`: what is told of it with a later instant is another object of the same id.
  void Add(const PbxId& pbx, const RoomId& room, CategoryNumber category, const stored::v1::StoredObjectRef& object,
           int64_t until_us);
  // Leaves a mark for each.
  void Mark(Change& change) const;

 private:
  const Vault& vault_;
  std::map<std::string, stored::v1::DeletedObject> marks_;  // by key
};

// What is known of an object that is told of.
enum class ObjectFate : uint8_t {
  kNew,
  kDeleted,    // by whatever id: its reference has, or will get, its order
  kElsewhere,  // deleted, under another reference
};
absl::StatusOr<ObjectFate> FateOf(const StoreView& store, const Vault& vault, const PbxId& pbx, const RoomId& room,
                                  CategoryNumber category, const stored::v1::StoredObjectRef& object, int64_t time_us);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_DELETED_OBJECTS_H_
