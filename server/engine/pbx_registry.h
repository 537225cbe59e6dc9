// Which PBXs are known, and under which internal id.
#ifndef RETENTION_SERVER_ENGINE_PBX_REGISTRY_H_
#define RETENTION_SERVER_ENGINE_PBX_REGISTRY_H_

#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "storage/ids.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace retention {

// Row keys of PBX data: both live in the open bucket of category PBX_SYNC.
FiledKey PbxRecordKey(const PbxId& pbx);
FiledKey ExtensionKey(const Vault& vault, const PbxId& pbx, std::string_view number);
// How rows that outlive an extension name it: the owner id of its row. Empty for an empty number.
std::string ExtensionName(const Vault& vault, const PbxId& pbx, std::string_view number);

// Thread-safe; changed by the committer's thread only.
class PbxRegistry {
 public:
  // Reads the registry. DATA_LOSS if a row does not parse or open.
  absl::Status Load(const StoreView& store, Vault& vault);

  // The internal id of a PBX that is held.
  std::optional<PbxId> Find(std::string_view pbx_id) const;
  // The external id; empty if it is not held.
  std::string ExternalId(const PbxId& pbx) const;
  // External and internal ids of up to `limit` PBXs after `after`, by external id.
  std::vector<std::pair<std::string, PbxId>> List(std::string_view after, size_t limit) const;
  // PBXs whose end was begun before a crash and is to be finished.
  std::vector<PbxId> Ending() const;
  size_t size() const;

  void Insert(std::string_view pbx_id, const PbxId& pbx);
  void Erase(std::string_view pbx_id);
  void FinishEnding(const PbxId& pbx);

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, PbxId, std::less<>> known_;  // by external id; guarded by mutex_
  absl::flat_hash_map<std::string, PbxId> index_;    // the same, for the hot path; guarded by mutex_
  absl::flat_hash_map<PbxId, std::string> names_;    // guarded by mutex_
  std::vector<PbxId> ending_;                        // guarded by mutex_
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_PBX_REGISTRY_H_
