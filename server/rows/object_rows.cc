#include "server/rows/object_rows.h"

#include <string>

#include "server/rows/row_walk.h"

namespace retention {

OwnerId ObjectName(const Vault& vault, std::string_view pbx_id, const stored::v1::StoredObjectRef& object) {
  return OwnerId{vault.Hash("object", "", std::string(pbx_id).append("\n").append(object.object_ref()))};
}

absl::Status VisitObjects(
    const StoreView& store, Vault& vault, std::string_view prefix,
    absl::FunctionRef<absl::Status(const FiledKey& key, std::string_view envelope, stored::v1::Value& value)> visit) {
  return VisitRows(store, std::string(prefix), [&](const FiledKey& key, std::string_view envelope) {
    auto plaintext = vault.Open(key, envelope);
    if (!plaintext.ok() && !IsUnreadable(plaintext.status())) return plaintext.status();
    stored::v1::Value value;
    if (plaintext.ok() && !value.ParseFromString(plaintext->Reveal())) value.Clear();
    return visit(key, envelope, value);
  });
}

}  // namespace retention
