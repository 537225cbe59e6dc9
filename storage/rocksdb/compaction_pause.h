// While it lives RocksDB compacts nothing of a family by itself.
#ifndef RETENTION_STORAGE_ROCKSDB_COMPACTION_PAUSE_H_
#define RETENTION_STORAGE_ROCKSDB_COMPACTION_PAUSE_H_

#include <utility>

#include "absl/status/status.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/store.h"

namespace retention {

class CompactionPause {
 public:
  CompactionPause(const RocksEngine& engine, rocksdb::ColumnFamilyHandle* family, KeySpan keys)
      : engine_(engine), family_(family), keys_(std::move(keys)) {}
  ~CompactionPause() {
    if (begun_) engine_.CompactByItself(family_, true).IgnoreError();
  }
  CompactionPause(const CompactionPause&) = delete;
  CompactionPause& operator=(const CompactionPause&) = delete;
  // Once it is OK, no compaction that began before has files of `keys`. UNAVAILABLE: one does for too long.
  absl::Status Begin() {
    begun_ = true;
    if (absl::Status paused = engine_.CompactByItself(family_, false); !paused.ok()) return paused;
    return engine_.AwaitCompactions(family_, keys_);
  }

 private:
  const RocksEngine& engine_;
  rocksdb::ColumnFamilyHandle* const family_;
  const KeySpan keys_;
  bool begun_ = false;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_COMPACTION_PAUSE_H_
