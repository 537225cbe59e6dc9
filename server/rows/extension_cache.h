// Whom extensions' names mean, and under which addresses these can be reached, as the writer's thread has looked up
// before.
#ifndef RETENTION_SERVER_ROWS_EXTENSION_CACHE_H_
#define RETENTION_SERVER_ROWS_EXTENSION_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/rows/extension_names.h"
#include "server/rows/holdings.h"
#include "storage/ids.h"
#include "storage/secrets/personal.h"

namespace retention {

// Belongs to the writer's thread.
class ExtensionCache {
 public:
  // Names, and addresses, that are remembered.
  static constexpr size_t kMaxEntries = 20000;

  // REQUIRES: outlives it.
  explicit ExtensionCache(const Holdings& holdings) : holdings_(holdings) {}

  // As FindHolder.
  absl::StatusOr<std::optional<OwnerId>> Find(const PbxId& pbx, const ExtensionName& name, int64_t time_us);
  // The address of an extension in normal form; empty if it has none, or is not held.
  absl::StatusOr<std::string> AddressOf(const PbxId& pbx, const OwnerId& holder);
  // PBXs or extensions have changed, which is seldom: everything is wiped and looked up anew.
  void Forget();

  size_t addresses() const { return addresses_.size(); }

 private:
  const Holdings& holdings_;
  absl::flat_hash_map<std::pair<PbxId, std::string>, Tenures> numbers_;
  absl::flat_hash_map<std::pair<PbxId, OwnerId>, Personal> addresses_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_EXTENSION_CACHE_H_
