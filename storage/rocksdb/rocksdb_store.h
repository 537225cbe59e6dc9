// The store on RocksDB.
//
// Family `filed` is cut into files by its keys' first four bytes, the due day, so that ending a day drops whole files.
// The write-ahead log is fsynced with every batch and never recycled. No compression: sealed values do not compress.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/rocksdb/rocksdb_options.h"
#include "storage/store.h"

namespace retention {

// Opens, or creates, the store in `directory`. Errors: as Store; FAILED_PRECONDITION if another process has it open.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksDbStore(const std::string& directory, const RocksDbOptions& options);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
