// A look at a store that leaves it as it lies: nothing in its directory is written, made or deleted.
//
// An opening begins a log and gives up those before it; so whether a store is to be opened at all is judged by this.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_LOOK_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_LOOK_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/rocksdb/rocksdb_options.h"
#include "storage/rocksdb/wal_filters.h"
#include "storage/store.h"

namespace retention {

// Thread-safe.
class StoreLook : public StoreView {
 public:
  // What an opening would find.
  virtual StoreProgress Found() const = 0;
};

// Of the rows that are in the log alone it shows those that `needs` is true for, and others as they were before: to
// take all of them in would cost a start as much as the opening does. A directory in which no store was made holds
// nothing. Errors: as OpenRocksDbStore. No other process opens the store meanwhile.
absl::StatusOr<std::unique_ptr<StoreLook>> LookIntoRocksDbStore(const std::string& directory,
                                                                const RocksDbOptions& options, RowNeeded needs);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_LOOK_H_
