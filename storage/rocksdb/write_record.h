// Which rows a log may still hold: for every day and family, when it was last written.
#ifndef RETENTION_STORAGE_ROCKSDB_WRITE_RECORD_H_
#define RETENTION_STORAGE_ROCKSDB_WRITE_RECORD_H_

#include <array>
#include <cstdint>
#include <map>

#include "storage/due_day.h"
#include "storage/store.h"

namespace retention {

// Sequence numbers order all writes of a store. What was written before a restart counts as written at its very moment,
// for every day. Not thread-safe.
class WriteRecord {
 public:
  // `sequence`: of the last write before the restart.
  explicit WriteRecord(uint64_t sequence = 0);

  // `sequence`: of the last row of `batch`.
  void Note(const Batch& batch, uint64_t sequence);

  // The last write to any row of family `filed` filed under `last` or before.
  uint64_t DaysThrough(DueDay last) const;
  uint64_t Day(DueDay day) const;
  uint64_t OfFamily(Family family) const { return families_[static_cast<size_t>(family)]; }
  // The last write of all; what a reopened store must not go beyond.
  uint64_t latest() const { return latest_; }

  // Keeps the map small. REQUIRES: no row of these days is in a log any more.
  void ForgetDaysThrough(DueDay last);

 private:
  uint64_t before_restart_;
  uint64_t latest_;
  std::array<uint64_t, kFamilies> families_{};
  std::map<DueDay, uint64_t> days_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_WRITE_RECORD_H_
