// Backups by RocksDB's backup engine.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_BACKUPS_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_BACKUPS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/backups.h"

namespace rocksdb {
class FileSystem;
}

namespace retention {

struct RocksDbBackupOptions {
  // How fast backups are made, and put back; 0: as fast as can be.
  uint64_t bytes_per_second = 0;
  // For tests: all I/O in the directory of backups goes through it. Default: the operating system.
  std::shared_ptr<rocksdb::FileSystem> file_system;
};

enum class BackupAccess : uint8_t { kRead, kWrite };

// Opens the backups in `directory`. For writing it is made, but not what it lies in, and belongs to one process:
// FAILED_PRECONDITION if another one has it. Else errors as Backups.
absl::StatusOr<std::unique_ptr<Backups>> OpenRocksDbBackups(const std::string& directory, BackupAccess access,
                                                            const RocksDbBackupOptions& options);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_BACKUPS_H_
