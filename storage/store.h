// The store: what the engine needs of a database, and nothing else.
//
// Rows live in four families. A batch is applied as a whole or not at all, and is durable (fsynced) when Commit
// returns. All rows of family `filed` that one batch touches for one meeting belong to one PBX, so that a backend may
// distribute by it.
#ifndef RETENTION_STORAGE_STORE_H_
#define RETENTION_STORAGE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/due_day.h"

namespace retention {

// Do not change the numbers.
enum class Family : uint8_t { kFiled = 0, kState = 1, kStatistics = 2, kLedger = 3 };
inline constexpr size_t kFamilies = 4;

// Changes that happen together, in order.
class Batch {
 public:
  enum class Verb : uint8_t { kPut, kDelete, kDeleteRange };
  struct Change {
    Verb verb;
    Family family;
    std::string key;
    std::string value;  // for kDeleteRange: the first key that stays
  };
  void Put(Family family, std::string key, std::string value) {
    changes_.push_back({Verb::kPut, family, std::move(key), std::move(value)});
  }
  void Delete(Family family, std::string key) { changes_.push_back({Verb::kDelete, family, std::move(key), {}}); }
  // Deletes [begin, end).
  void DeleteRange(Family family, std::string begin, std::string end) {
    changes_.push_back({Verb::kDeleteRange, family, std::move(begin), std::move(end)});
  }
  // Gives the value of a Put that was added without: the change at `position`.
  void Fill(size_t position, std::string value) { changes_[position].value = std::move(value); }
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }

 private:
  std::vector<Change> changes_;
};

// A walk over the keys of [begin, end). Views die with the next move. Not thread-safe.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  // Moves to the first key at or after `key`, which may lie behind or ahead, within [begin, end).
  virtual void Seek(std::string_view key) = 0;
  // Moves to the last key before `key`; an empty `key` means: to the last. Not Valid if that is before `begin`.
  virtual void SeekBefore(std::string_view key) = 0;
  // Moves to the key before. REQUIRES: Valid.
  virtual void Previous() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Not OK if the walk ended early because of an error. Check it when Valid() turns false.
  virtual absl::Status status() const = 0;
  // How many times it passed what was lost.
  virtual size_t losses() const { return 0; }
};

// [begin, end) of a family's keys; an empty `end` means: to the last key.
struct KeySpan {
  std::string begin;
  std::string end;

  friend bool operator==(const KeySpan&, const KeySpan&) = default;
};

// The same, and the family.
struct FamilySpan {
  Family family;
  KeySpan span;

  friend bool operator==(const FamilySpan&, const FamilySpan&) = default;
};

// What was lost with a damaged file. A row that is found there was written afterwards.
using LostRows = FamilySpan;

// What a walk does where rows were lost: it ends with DATA_LOSS, or goes on behind.
enum class AtLoss { kStop, kPass };

// DATA_LOSS because of that: nothing mends it.
absl::Status LostRowsError();
bool IsOfLostRows(const absl::Status& status);

// A consistent view of all families. Thread-safe. REQUIRES: does not outlive its store.
class StoreView {
 public:
  virtual ~StoreView() = default;
  // The value, or nullopt. DATA_LOSS if nobody can tell any more.
  virtual absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const = 0;
  // Walks [begin, end); an empty `end` means: to the last key.
  std::unique_ptr<RowCursor> Scan(Family family, std::string_view begin, std::string_view end,
                                  AtLoss at_loss = AtLoss::kStop) const {
    return Walk(family, {std::string(begin), std::string(end)}, at_loss);
  }
  std::unique_ptr<RowCursor> ScanPrefix(Family family, std::string_view prefix, AtLoss at_loss = AtLoss::kStop) const;

 protected:
  virtual std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const = 0;
};

// How far a store has come. One that has gone back is known by what others remember of it.
struct StoreProgress {
  uint64_t sequence = 0;  // grows with every row that is written
  uint64_t log = 0;       // number of the log that takes them; grows with every new one

  friend bool operator==(const StoreProgress&, const StoreProgress&) = default;
};

// Thread-safe; Commit is called by one thread at a time, and so are SettleDay, DropDaysThrough, DropRange, Scrub and
// Mend, next to it.
//
// Errors: RESOURCE_EXHAUSTED (disk full), UNAVAILABLE (I/O error; the store refuses writes until Resume succeeds),
// DATA_LOSS (corruption). After an error from Commit nothing of the batch is visible, nor after Resume. Only if the
// process ends before Resume succeeded may it be found after the next opening, and then as a whole.
class Store : public StoreView {
 public:
  // Applies `batch` atomically and durably.
  virtual absl::Status Commit(const Batch& batch) = 0;

  // A consistent view of this moment. Cheap; holds back the erasure of what it sees, so keep it for one call only.
  virtual std::unique_ptr<StoreView> Snapshot() const = 0;

  // Moves every row of `day` into files of its own, so that DropDaysThrough need not rewrite anything. Call it when the
  // day takes no more rows, before it is due.
  virtual absl::Status SettleDay(DueDay day) = 0;

  // Live files that hold rows of `day`, or of neighbours too.
  virtual size_t FilesOf(DueDay day) const = 0;

  // Removes all rows of all of family `filed`'s days up to and including `last`, from memory, log and files. After OK
  // no byte of them is in any live file. Idempotent.
  virtual absl::Status DropDaysThrough(DueDay last) = 0;

  // Removes all rows of `family` whose key lies in [begin, end), with their bytes. Idempotent.
  virtual absl::Status DropRange(Family family, std::string_view begin, std::string_view end) = 0;

  // Rewrites the files in which `spans` lie, so that no byte of a row of them that was deleted, or replaced, before
  // this call is left in any live file. Idempotent. Costs a flush of everything, and the files that hold keys of the
  // spans, down to the deepest of them. UNAVAILABLE: a reader, or a compaction, holds it back.
  virtual absl::Status Scrub(const std::vector<FamilySpan>& spans) = 0;

  // Tries to leave a failed state (after space was freed, say). OK if the store takes writes again. Waits for readers:
  // no view or cursor may be held by the caller. If it fails halfway, reads fail too until a later Resume succeeds.
  virtual absl::Status Resume() = 0;
  // OK while the store takes writes.
  virtual absl::Status Health() const = 0;

  // Files that were found damaged, by a read or while they were rewritten, and are still in use: what is read of them
  // fails with DATA_LOSS, all else goes on.
  virtual size_t DamagedFiles() const = 0;
  // Takes them out: writes what is readable of their ranges anew, in steps between which Commit goes on, and remembers
  // the rest as lost. UNAVAILABLE: try again later. DATA_LOSS: one remains, since nobody can tell what it replaced.
  virtual absl::Status Mend() = 0;
  // All that was lost, and has not been erased since.
  virtual std::vector<LostRows> Lost() const = 0;

  // Copies a consistent state into the new directory `path`.
  virtual absl::Status Checkpoint(const std::string& path) = 0;

  // What of it is durable for certain: the last batch that was acknowledged, and all before it.
  virtual StoreProgress Acknowledged() const = 0;
  // What the opening found, and in which log at last; what it lacks was not in there any more.
  virtual StoreProgress Found() const = 0;

  // Bytes held in live files, for metrics.
  virtual uint64_t LiveBytes() const = 0;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_STORE_H_
