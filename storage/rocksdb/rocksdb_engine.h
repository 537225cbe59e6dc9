// One opened RocksDB with its families, and the questions that erasure asks of it.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/wal_filter.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mutex.h"
#include "storage/rocksdb/rocksdb_options.h"
#include "storage/store.h"

namespace retention {

// Keeps the first failure until it is cleared. Thread-safe.
class FailureLatch {
 public:
  absl::Status Get() const;
  void Set(const absl::Status& failure);
  void Clear();

 private:
  mutable Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

// [begin, end) of a family; an empty `end` means: to the last key.
struct KeyRange {
  Family family;
  std::string begin;
  std::string end;
};

// A table file that may hold rows of a range.
struct RangeFile {
  std::string path;
  int level = 0;
  bool inside = false;           // holds nothing but the range
  bool being_compacted = false;  // input of a running compaction
};

// What becomes of a log that is damaged before its end: nothing is opened, or what lies before the damage.
enum class LogDamage { kRefused, kEndsThere };

// Thread-safe. Closes the database when it dies.
class RocksEngine {
 public:
  // Opens, or creates, the database. Failures in the background go to `failure`. Batches in the log after the sequence
  // number `acknowledged`, if given, are left out: their Commit failed.
  static absl::StatusOr<std::shared_ptr<RocksEngine>> Open(const std::string& directory, const RocksDbOptions& options,
                                                           std::optional<rocksdb::SequenceNumber> acknowledged,
                                                           std::shared_ptr<FailureLatch> failure,
                                                           LogDamage damage = LogDamage::kRefused);
  // Opens it for reading alone, and writes nothing. Of rows in the log it takes in those of batches in which `needs`
  // wants one. Null if there is no database, or its creation was not finished.
  using RowNeeded = bool (*)(Family family, std::string_view key);
  static absl::StatusOr<std::shared_ptr<RocksEngine>> Look(const std::string& directory, const RocksDbOptions& options,
                                                           RowNeeded needs, LogDamage damage);
  RocksEngine(const RocksEngine&) = delete;
  RocksEngine& operator=(const RocksEngine&) = delete;
  ~RocksEngine();

  // Its counters of the calling thread, which nobody reads, are off from then on: they cost more than the comparisons
  // of keys that they count.
  rocksdb::DB& db() const {
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
    return *db_;
  }
  rocksdb::FileSystem& file_system() const { return *file_system_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const { return families_[static_cast<size_t>(family) + 1]; }

  // Live table files whose key range touches `range`, from the metadata.
  std::vector<RangeFile> FilesTouching(const KeyRange& range) const;
  absl::StatusOr<bool> HasRows(const KeyRange& range) const;
  // Whether a log on disk reaches back to `sequence`, so that it may hold rows written at or before it.
  absl::StatusOr<bool> LogReachesBackTo(rocksdb::SequenceNumber sequence) const;

  // Of the last row, be it one that was left out of what was taken in.
  rocksdb::SequenceNumber LastSequence() const;
  // Of the log that takes what is written now.
  uint64_t LogNumber() const;

  // Writes all memtables to files, so that every log of before becomes obsolete, and waits until they are gone.
  absl::Status FlushAll() const;
  // Rewrites the files of `range`; `force`: down to and including the last level.
  absl::Status Compact(const KeyRange& range, bool force) const;
  // Drops whole files that hold nothing but `range`.
  absl::Status DropFiles(const KeyRange& range) const;
  // Waits until no snapshot sees the state of `sequence` or before.
  absl::Status AwaitReaders(rocksdb::SequenceNumber sequence) const;
  // Waits until the files of `files` that are no longer live, and the inputs of compactions of before, are gone from
  // the directory. Files inside a dropped range are removed if RocksDB is slow to do it (a running compaction holds
  // them back).
  absl::Status AwaitDeletion(const std::vector<RangeFile>& files) const;

 private:
  class Listener;
  class UnacknowledgedFilter;
  class NeededFilter;
  RocksEngine() = default;
  rocksdb::DBOptions Prepare(const std::string& directory, const RocksDbOptions& options, LogDamage damage);
  std::vector<std::string> LivePaths() const;

  std::string directory_;
  std::chrono::milliseconds wait_{0};
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<rocksdb::WalFilter> filter_;
  rocksdb::SequenceNumber last_logged_ = 0;  // by Look
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_
