// The store on RocksDB.
//
// Family `filed` is cut into files by its keys' first four bytes, the due day, so that ending a day drops whole files.
// The write-ahead log is fsynced with every batch and never recycled. No compression: sealed values do not compress.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace rocksdb {
class FileSystem;
}

namespace retention {

// Effects on memory are stated with each.
struct RocksDbOptions {
  // Data blocks, indexes and filters; the bulk of the process's memory. Bytes.
  uint64_t block_cache_bytes = 256ull << 20;
  // All memtables together. Bytes.
  uint64_t memtable_bytes = 192ull << 20;
  // How long an erasure waits for readers, and for obsolete files to be deleted, before it says UNAVAILABLE.
  absl::Duration erasure_wait = absl::Seconds(30);
  // For tests: all I/O goes through it. Default: the operating system.
  std::shared_ptr<rocksdb::FileSystem> file_system;
};

// Opens, or creates, the store in `directory`. Errors: as Store; FAILED_PRECONDITION if another process has it open.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksDbStore(const std::string& directory, const RocksDbOptions& options);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
