// What keeps rows beyond their end: the interface that holds implement.
#ifndef RETENTION_SERVER_ROWS_KEEPER_H_
#define RETENTION_SERVER_ROWS_KEEPER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/rows/bucket_counts.h"
#include "storage/due_day.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// What is kept of a row.
struct KeptPart {
  uint32_t values = 0;  // 0: nothing
  bool whole = false;
  std::string row;  // the part, unless it is the whole row
};

// Answers about rows of one state of the store. Not thread-safe.
class KeptParts {
 public:
  virtual ~KeptParts() = default;

  // `key` tells category, PBX and owner; its day and item do not matter. `row` holds `values` values, as it was before
  // it was sealed. DATA_LOSS if it does not parse; UNAVAILABLE if the store fails to read what says whose it is, be
  // that corruption of a file: then it must wait.
  virtual absl::StatusOr<KeptPart> Match(const FiledKey& key, const std::string& row, uint32_t values) = 0;
};

// Thread-safe.
class Keeper {
 public:
  virtual ~Keeper() = default;

  // Whether anything of a PBX may be kept on the day after `last_due`. Costs nothing where nothing is kept.
  virtual bool Concerns(const PbxId& pbx, DueDay last_due) const = 0;
  // REQUIRES: view, vault and counts, which are of one state, outlive what is returned.
  virtual std::unique_ptr<KeptParts> PartsIn(const StoreView& view, Vault& vault, const BucketCounts& counts,
                                             DueDay last_due) const = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_KEEPER_H_
