// The list of a database's tables (MANIFEST), which is there as long as the database is open, whoever removes it.
#ifndef RETENTION_STORAGE_ROCKSDB_KEPT_LIST_H_
#define RETENTION_STORAGE_ROCKSDB_KEPT_LIST_H_

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "storage/mutex.h"

namespace retention {

// `disk`, but for one thing: what is written of a list of tables is remembered, at most
// DBOptions::max_manifest_file_size and one change. Where the file is not what was written when it is synced, it is
// made anew first. Without it, the next start would find none of the tables, or fewer than there are, and have no log
// of what those hold. Thread-safe.
class KeptListDisk : public rocksdb::FileSystemWrapper {
 public:
  explicit KeptListDisk(std::shared_ptr<rocksdb::FileSystem> disk);
  const char* Name() const override { return "retention.KeptList"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;

  // What a crash left of making one anew in `directory`. REQUIRES: no database is open there.
  void Tidy(const std::string& directory);
  // Reads the file of the list that is written now, and makes it anew if it is not what was written and synced. Its
  // path if it did, else empty. UNAVAILABLE, RESOURCE_EXHAUSTED: it could not be read, or made.
  absl::StatusOr<std::string> PutBack();

 private:
  class List;
  struct Shared {
    Mutex mutex;
    List* current ABSL_GUARDED_BY(mutex) = nullptr;  // the newest
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_KEPT_LIST_H_
