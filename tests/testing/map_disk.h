// The disk of a MapStore: what it holds outlives the store, and so does what was deleted but not erased.
#ifndef RETENTION_TESTS_TESTING_MAP_DISK_H_
#define RETENTION_TESTS_TESTING_MAP_DISK_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace retention {

// [begin, end) of a family; an empty `end` means: to the last key.
struct MapRange {
  Family family;
  std::string begin;
  std::string end;
};

// Thread-safe. Rows that a view sees are shared with it until the next change copies them.
class MapDisk {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  using Rows = std::array<Map, kFamilies>;

  // What a power loss would find of a batch whose write failed: nothing, or all of it, in the log.
  enum class FailedBatch : uint8_t { kLost, kLogged };

  MapDisk() : MapDisk(Rows()) {}
  explicit MapDisk(Rows rows);
  MapDisk(const MapDisk&) = delete;
  MapDisk& operator=(const MapDisk&) = delete;

  std::optional<std::string> Get(Family family, std::string_view key) const;
  // The rows of this moment.
  std::shared_ptr<const Rows> View() const;

  // Each of these is a write: it fails as FailWrites says, and then changes no row.
  absl::Status Write(const Batch& batch);
  // Removes the rows of `range` and every byte of what was written there before.
  absl::Status Erase(const MapRange& range);
  // Removes every byte of what was deleted or replaced in `range`.
  absl::Status Scrub(const MapRange& range);
  absl::Status Probe();

  // What an opening finds: a failed batch that is in the log counts as written.
  void Recover();
  // Leaves a failed batch out of the log.
  void LeaveOutFailed();

  // The next `count` writes fail with `failure`.
  void FailWrites(absl::Status failure, uint64_t count = UINT64_MAX, FailedBatch left = FailedBatch::kLost);
  // Every read fails with `failure`, of views that were taken before too.
  void FailReads(absl::Status failure);
  absl::Status Readable() const;
  // Nothing fails any more.
  void Heal();

  // Whether `text` is anywhere in a value: of a row, of what was one, or of a failed batch in the log.
  bool Holds(std::string_view text) const;
  // Of keys and values, those of former rows included.
  uint64_t bytes() const;
  // That were applied.
  uint64_t batches() const;

 private:
  using Remnants = std::multimap<std::string, std::string, std::less<>>;

  absl::Status Admit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The rows, shared with no view.
  Rows& MutableRows() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Apply(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes rows away, and leaves their bytes.
  void Bury(Family family, Map& map, Map::iterator first, Map::iterator last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<Rows> rows_ ABSL_GUARDED_BY(mutex_);
  std::array<Remnants, kFamilies> remnants_ ABSL_GUARDED_BY(mutex_);
  uint64_t batches_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Batch> logged_ ABSL_GUARDED_BY(mutex_);  // a failed batch

  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_failure_ ABSL_GUARDED_BY(mutex_);
  uint64_t failures_left_ ABSL_GUARDED_BY(mutex_) = 0;
  FailedBatch left_ ABSL_GUARDED_BY(mutex_) = FailedBatch::kLost;
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_MAP_DISK_H_
