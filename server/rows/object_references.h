// Which rows an object has: those of every object that is held, by its name (ObjectName), whoever shares it, where and
// how often, and whatever holds keep of it. An object is ordered away when the last of them has ended.
//
// Rows of family `state`: a keyed hash, the rest of a row's key, and its day.
#ifndef RETENTION_SERVER_ROWS_OBJECT_REFERENCES_H_
#define RETENTION_SERVER_ROWS_OBJECT_REFERENCES_H_

#include <map>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/rows/holdings.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace retention {

// What a change does to them.
class ObjectReferences {
 public:
  // A row of the object is filed, or comes to another day.
  void Begin(const OwnerId& object, const FiledKey& row) {
    rows_[ObjectReferenceKey(object, row)] = ObjectReferenceBucket(row);
  }
  // A row of it has ended, or had its order.
  void End(const OwnerId& object, const FiledKey& row) { rows_[ObjectReferenceKey(object, row)].reset(); }
  // Does what `later` does as well.
  void Add(const ObjectReferences& later) {
    for (const auto& [key, bucket] : later.rows_) rows_[key] = bucket;
  }

  // Whether, once this is done, a row of the object is left that can be read: one that cannot has nobody order it away.
  // UNAVAILABLE where nobody can tell yet (AreLost).
  absl::StatusOr<bool> AnyLeft(const Holdings& holdings, const OwnerId& object) const;
  void Put(Batch& batch) const;
  // The keys of those that it takes away.
  void VisitEnded(absl::FunctionRef<void(const std::string& key)> visit) const;

  // Whether some were lost with a damaged file, and what is there may not be all: then they are all taken away, and
  // found anew from the rows that have objects (days/reference_search.h).
  static absl::StatusOr<bool> AreLost(const Store& store);
  static void Forget(Batch& batch);
  static void AllFound(Batch& batch);

 private:
  std::map<std::string, std::optional<std::string>> rows_;  // their buckets, by key; nullopt if it is no more
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_OBJECT_REFERENCES_H_
