// One opened RocksDB with its families, and the questions that erasure asks of it.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/wal_filter.h>

#include <array>
#include <atomic>
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
#include "storage/rocksdb/damaged_files.h"
#include "storage/rocksdb/kept_list.h"
#include "storage/rocksdb/lost_spans.h"
#include "storage/rocksdb/rocksdb_options.h"
#include "storage/rocksdb/wal_filters.h"
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
// What becomes of a table file that cannot be opened: nothing is opened, or all the others. Then failures of writes may
// go unnoticed, so that is for mending alone.
enum class TableDamage { kRefused, kPassed };

// Thread-safe. Closes the database when it dies.
class RocksEngine {
 public:
  // Opens, or creates, the database. Failures in the background go to `failure`. Batches in the log after the sequence
  // number `acknowledged`, if given, are left out: their Commit failed.
  static absl::StatusOr<std::shared_ptr<RocksEngine>> Open(const std::string& directory, const RocksDbOptions& options,
                                                           std::optional<rocksdb::SequenceNumber> acknowledged,
                                                           std::shared_ptr<FailureLatch> failure,
                                                           LogDamage log_damage = LogDamage::kRefused,
                                                           TableDamage table_damage = TableDamage::kRefused);
  // Opens it for reading alone, and writes nothing. Of rows in the log it takes in those of batches in which `needs`
  // wants one. Null if there is no database, or its creation was not finished.
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
  // All, with those that no Store knows: the default one, which holds nothing that matters, and that of what was lost.
  const std::vector<rocksdb::ColumnFamilyHandle*>& families() const { return families_; }

  // In files and memtables.
  uint64_t LiveBytes() const;
  // Live table files whose key range touches `range`, from the metadata.
  std::vector<RangeFile> FilesTouching(const KeyRange& range) const;
  // The range at `next` of `ranges`, which are sorted by family and begin, with those behind it in whose files, below
  // level 0, it lies as well: to compact each by itself would rewrite these again and again. `next` becomes that of the
  // first which is left.
  KeyRange JoinedByFiles(const std::vector<KeyRange>& ranges, size_t& next) const;
  // Whether a compaction of files of `keys` runs.
  bool CompactsAt(rocksdb::ColumnFamilyHandle* family, const KeySpan& keys) const;
  absl::StatusOr<bool> HasRows(const KeyRange& range) const;
  // Whether a log on disk reaches back to `sequence`, so that it may hold rows written at or before it.
  absl::StatusOr<bool> LogReachesBackTo(rocksdb::SequenceNumber sequence) const;

  // Of the last row, be it one that was left out of what was taken in.
  rocksdb::SequenceNumber LastSequence() const;
  // What was lost with damaged files; null if nothing was.
  std::shared_ptr<const LostSpans> Lost(Family family) const;
  std::vector<LostRows> AllLost() const;
  // Has `rows` make `spans` what is lost of `family`; once they are written, SetLost.
  absl::Status WriteLost(Family family, const LostSpans& spans, rocksdb::WriteBatch& rows) const;
  void SetLost(Family family, LostSpans spans) const;

  // The status of a read. If it tells of damage, the file is remembered.
  absl::Status Noted(const rocksdb::Status& read) const;
  DamagedFiles& damaged() const { return *damaged_; }

  // Of the log that takes what is written now.
  uint64_t LogNumber() const;

  // Writes all memtables to files, so that every log of before becomes obsolete, and waits until they are gone.
  absl::Status FlushAll() const;
  // Rewrites the files of `range`; `force`: down to and including the last level in which keys of it lie. CANCELLED: it
  // was `abandoned`, by then or meanwhile.
  absl::Status Compact(const KeyRange& range, bool force, std::atomic<bool>& abandoned) const;
  // Rewrites files of `range` so that, after OK, nothing is left in any live one that was deleted or replaced before.
  // Costs those which hold keys of it, down to the deepest of them. REQUIRES: all that was deleted or replaced is
  // flushed, and no snapshot sees it. UNAVAILABLE: a compaction holds it back. CANCELLED: as Compact.
  absl::Status ScrubRange(const KeyRange& range, std::atomic<bool>& abandoned) const;
  // Drops whole files that hold nothing but `keys`; not those of level 0.
  absl::Status DropFiles(rocksdb::ColumnFamilyHandle* family, const KeySpan& keys) const;
  // Whether RocksDB compacts `family` when it thinks fit, which it does at first.
  absl::Status CompactByItself(rocksdb::ColumnFamilyHandle* family, bool does) const;
  // Waits until no compaction of files of `keys` runs.
  absl::Status AwaitCompactions(rocksdb::ColumnFamilyHandle* family, const KeySpan& keys) const;
  // Drops the oldest file of level 0. REQUIRES: the other levels are empty.
  absl::Status DropOldest(rocksdb::ColumnFamilyHandle* family) const;
  // Puts back what somebody removed or damaged of the files that lead to all others. If it `is_writable`, it writes
  // down its options anew where that file is gone: no copy can be made without. The paths of what was put back.
  // UNAVAILABLE: it cannot be read or made now.
  absl::StatusOr<std::vector<std::string>> PutBackFiles(bool is_writable) const;
  // For reading table files beside the database.
  rocksdb::Options TableOptions() const;
  // Opens the table `name`, of which the list of the tables says that it has `bytes`: one of another length is another.
  rocksdb::Status OpenTable(const std::string& name, uint64_t bytes, rocksdb::SstFileReader& reader) const;
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }
  // Waits until no snapshot sees the state of `sequence` or before.
  absl::Status AwaitReaders(rocksdb::SequenceNumber sequence) const;
  // Waits until the files of `files` that are no longer live, and the inputs of compactions of before, are gone from
  // the directory. Files inside a dropped range are removed if RocksDB is slow to do it (a running compaction holds
  // them back).
  absl::Status AwaitDeletion(const std::vector<RangeFile>& files) const;

 private:
  class Listener;
  RocksEngine() = default;
  rocksdb::DBOptions Prepare(const std::string& directory, const RocksDbOptions& options, LogDamage damage);
  std::vector<std::string> LivePaths() const;
  rocksdb::ColumnFamilyHandle* lost_family() const { return families_.back(); }
  absl::Status LoadLost();
  // For a database with damaged tables: whether its logs are whole, and the list of its tables knows the last of them.
  // One that was cut, or is damaged, names tables that were replaced, so it looks like that; whoever went on with it
  // would delete those that it does not name.
  static absl::Status CheckLogs(rocksdb::DBOptions database, const std::string& directory,
                                const RocksDbOptions& options);
  // Notes those that do not open. Their paths.
  std::vector<std::string> NoteDamagedTables() const;

  std::string directory_;
  std::chrono::milliseconds wait_{0};
  std::shared_ptr<KeptListDisk> file_system_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<rocksdb::WalFilter> filter_;
  rocksdb::SequenceNumber last_logged_ = 0;  // by Look
  const std::shared_ptr<DamagedFiles> damaged_ = std::make_shared<DamagedFiles>();
  mutable Mutex lost_mutex_;
  mutable std::array<std::shared_ptr<const LostSpans>, kFamilies> lost_ ABSL_GUARDED_BY(lost_mutex_);
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_
