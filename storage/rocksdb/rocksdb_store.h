// The store on RocksDB.
//
// Family `filed` is cut into files by its keys' first four bytes, the due day, so that ending a day drops whole files.
// The write-ahead log is fsynced with every batch and never recycled. No compression: sealed values do not compress.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/rocksdb/rocksdb_options.h"
#include "storage/store.h"

namespace retention {

// A store in files, which others can remove or write.
class FileStore : public Store {
 public:
  // Looks whether the files are there that lead to all others, and are what was written, and puts back what is not; so
  // that neither the next start nor a copy lacks it. The paths of what was put back. UNAVAILABLE: it cannot be read or
  // made now. Cheap while all are there. Thread-safe.
  virtual absl::StatusOr<std::vector<std::string>> PutBackFiles() = 0;

  // For a process that ends: what rewrites files (Scrub, SettleDay, what a drop cannot drop whole) ends with CANCELLED,
  // wherever it is and for ever, instead of after minutes. The next process does it. Thread-safe.
  virtual void AbandonRewriting() = 0;
};

// Opens, or creates, the store in `directory`. Errors: as Store; FAILED_PRECONDITION if another process has it open.
absl::StatusOr<std::unique_ptr<FileStore>> OpenRocksDbStore(const std::string& directory,
                                                            const RocksDbOptions& options);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
