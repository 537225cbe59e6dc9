// The one place where RocksDB's errors become ours, and our bytes its own.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace retention {

// A file says what was not written, or is missing.
inline bool IsDamage(const rocksdb::Status& status) { return status.IsCorruption() || status.IsPathNotFound(); }

// What RocksDB says. A table that is missing has its own name in it, not the former one (.ldb) under which it was
// looked for at last.
std::string TextOf(const rocksdb::Status& status);

inline rocksdb::Slice SliceOf(std::string_view text) { return {text.data(), text.size()}; }

// Disk full: RESOURCE_EXHAUSTED. Corruption: DATA_LOSS. I/O error, busy, shutting down: UNAVAILABLE. Bad call:
// INVALID_ARGUMENT.
absl::Status StatusFromRocksDb(const rocksdb::Status& status);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
