// Takes a damaged table file out of a database that goes on being used.
#ifndef RETENTION_STORAGE_ROCKSDB_TABLE_MENDER_H_
#define RETENTION_STORAGE_ROCKSDB_TABLE_MENDER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/rocksdb/compaction_pause.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/store.h"

namespace retention {

// A live table file.
struct Table {
  uint64_t number = 0;
  std::string name;  // within the directory
  rocksdb::ColumnFamilyHandle* family = nullptr;
  int level = 0;
  uint64_t bytes = 0;
  KeySpan keys;  // from its first to its last
};

// RocksDB offers no way to take one file out of its levels: rows of older files, that the lost ones had replaced or
// deleted, would come back. So all rows of the file's range are written once more, over a deletion of the range; then
// nothing of before is needed there, and whole files go. A file of level 0, among whose siblings the order counts,
// takes the whole family with it.
//
// One after the other: Begin, Next until it is done, each written before the following one and before any other change
// of the family, Finish.
class TableMender {
 public:
  TableMender(const RocksEngine& engine, Table table, Family family);
  TableMender(const TableMender&) = delete;
  TableMender& operator=(const TableMender&) = delete;

  // DATA_LOSS: a file of level 0 does not even open, so nobody can tell what it replaced.
  absl::Status Begin();
  struct Step {
    Batch batch;
    std::optional<LostRows> lost;
    bool done = false;
  };
  absl::StatusOr<Step> Next();
  // What these steps would lose. Writes nothing. DATA_LOSS: as Begin.
  absl::StatusOr<std::vector<LostRows>> Foresee() const;
  // REQUIRES: the last step is durable. UNAVAILABLE: readers see what was before. Then Finish again, or all anew.
  absl::Status Finish();

 private:
  // What is found from a key on, up to where a step ends.
  struct Part {
    Batch rows;
    std::string end;
    std::optional<KeySpan> unreadable;  // up to `end`
    std::optional<LostRows> lost;
    bool done = false;
  };
  absl::Status CheckKnown() const;
  absl::StatusOr<Part> Read(const std::string& from) const;
  std::optional<KeySpan> WithinDamaged(const KeySpan& unreadable) const;
  bool IsReadable(const std::string& key) const;
  std::string FirstReadableAfter(const std::string& unreadable) const;
  absl::StatusOr<std::set<std::string>> KeysElsewhere(const KeySpan& lost) const;
  absl::Status Rescue(const KeySpan& lost, Batch& batch) const;

  const RocksEngine& engine_;
  const Table table_;
  const Family family_;
  const KeySpan range_;
  std::string from_;
  CompactionPause pause_;
};

// Takes a step of the mender and makes it durable, while nobody else writes. True: it was the last.
using TakeStep = std::function<absl::StatusOr<bool>(TableMender& mender)>;

// Whether what would be lost may be. Empty: all may.
using MayLose = std::function<bool(const LostRows& lost)>;

// Takes all files out that were found damaged, and are. If nobody knows in which one a damage was found, all are read.
// DATA_LOSS: a file cannot be taken out, or would cost what may not be lost; it is named, and left.
absl::Status MendTables(const RocksEngine& engine, const MayLose& may_lose, const TakeStep& take_step);

// Of an engine that was opened for reading alone: whether an opening may take those of its tables out that do not open,
// if there are any. DATA_LOSS, which names the files: some are missing, or it would fail as MendTables.
absl::Status JudgeTables(const RocksEngine& engine, const RocksDbOptions& options);

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_TABLE_MENDER_H_
