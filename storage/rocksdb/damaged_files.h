// Which table files are damaged, as far as anybody noticed.
#ifndef RETENTION_STORAGE_ROCKSDB_DAMAGED_FILES_H_
#define RETENTION_STORAGE_ROCKSDB_DAMAGED_FILES_H_

#include <cstdint>
#include <set>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace retention {

// Table files that a read or a compaction found damaged. Thread-safe.
class DamagedFiles {
 public:
  // What RocksDB said: it names the file, or else any may be meant.
  void Note(std::string_view corruption);
  void Note(uint64_t number);
  void Forget(uint64_t number);
  void ForgetUnnamed();
  std::set<uint64_t> numbers() const;
  bool unnamed() const;

 private:
  mutable Mutex mutex_;
  std::set<uint64_t> numbers_ ABSL_GUARDED_BY(mutex_);
  bool unnamed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_DAMAGED_FILES_H_
