// The one place where RocksDB's errors become ours.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include "absl/status/status.h"

namespace retention {

// Disk full: RESOURCE_EXHAUSTED. Corruption: DATA_LOSS. I/O error, busy, shutting down: UNAVAILABLE. Bad call:
// INVALID_ARGUMENT.
absl::Status StatusFromRocksDb(const rocksdb::Status& status);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
