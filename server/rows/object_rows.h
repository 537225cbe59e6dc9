// Rows of objects: recordings, PDFs and shared files have one each.
#ifndef RETENTION_SERVER_ROWS_OBJECT_ROWS_H_
#define RETENTION_SERVER_ROWS_OBJECT_ROWS_H_

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/law/filing.h"
#include "server/law/policy.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Whether values of `category` are objects in the portal's store.
constexpr bool IsObject(CategoryNumber category) {
  return category == kRecording || category == kPdfShare || category == kFileShare;
}

// REQUIRES: of a shared file.
inline SharedFile FileOf(const stored::v1::Value& value) {
  return {.time_us = value.time_us(), .sitting = value.sitting()};
}

// How an object is named across meetings, PBXs and categories, whoever has it by now: a keyed hash of where the portal
// keeps it.
OwnerId ObjectName(const Vault& vault, std::string_view pbx_id, const stored::v1::StoredObjectRef& object);

// Opens the objects' rows under `prefix`, in the order of their keys; ends with the first error, its own or `visit`'s.
// A row that nobody can read (IsUnreadable) is visited as a value without an object: it keeps nothing from ending, and
// there is nobody to order what it named from.
absl::Status VisitObjects(
    const StoreView& store, Vault& vault, std::string_view prefix,
    absl::FunctionRef<absl::Status(const FiledKey& key, std::string_view envelope, stored::v1::Value& value)> visit);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_OBJECT_ROWS_H_
