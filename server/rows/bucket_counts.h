// How many rows and values every bucket holds, always exact: written in the batch that changes them.
#ifndef RETENTION_SERVER_ROWS_BUCKET_COUNTS_H_
#define RETENTION_SERVER_ROWS_BUCKET_COUNTS_H_

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>

#include "absl/status/status.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/store.h"

namespace retention {

// What one bucket (due day and category) holds.
struct BucketCount {
  uint64_t rows = 0;
  uint64_t values = 0;
};
using DayCount = std::array<BucketCount, kCategories>;

// Changed by the committer's thread only; Read is thread-safe.
class BucketCounts {
 public:
  // Replaces what is held with what `store` says.
  absl::Status Load(const StoreView& store);

  void Add(DueDay day, CategoryNumber category, uint64_t rows, uint64_t values);
  void Remove(DueDay day, CategoryNumber category, uint64_t rows, uint64_t values);
  // Forgets a day that has ended.
  void EraseDay(DueDay day);
  // Writes what changed since the last flush into `batch`. If the batch is not committed, Load again.
  void Flush(Batch& batch);

  // A copy of everything.
  std::map<DueDay, DayCount> Read() const;
  // What `day` holds.
  DayCount Of(DueDay day) const;
  // All rows.
  uint64_t TotalRows() const;

 private:
  mutable std::mutex mutex_;
  std::map<DueDay, DayCount> days_;  // guarded by mutex_
  std::set<DueDay> changed_;         // guarded by mutex_
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_BUCKET_COUNTS_H_
