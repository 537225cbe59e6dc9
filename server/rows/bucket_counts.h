// How many rows and values every bucket holds, always exact: written in the batch that changes them.
#ifndef RETENTION_SERVER_ROWS_BUCKET_COUNTS_H_
#define RETENTION_SERVER_ROWS_BUCKET_COUNTS_H_

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace retention {

// What one bucket (due day and category) holds.
struct BucketCount {
  uint64_t rows = 0;
  uint64_t values = 0;
};
using DayCount = std::array<BucketCount, kCategories>;

// What a change does to the counts: differences by bucket.
class CountChanges {
 public:
  void Add(DueDay day, CategoryNumber category, uint64_t rows, uint64_t values) {
    Difference& difference = changes_[{day, category}];
    difference.rows += static_cast<int64_t>(rows);
    difference.values += static_cast<int64_t>(values);
  }
  void Remove(DueDay day, CategoryNumber category, uint64_t rows, uint64_t values) {
    Difference& difference = changes_[{day, category}];
    difference.rows -= static_cast<int64_t>(rows);
    difference.values -= static_cast<int64_t>(values);
  }
  // Rows of a category that are added, less those that are removed.
  int64_t RowsAdded(CategoryNumber category) const;
  // What `day` holds from then on counts for nothing: it has ended.
  void EndDay(DueDay day) { ended_.insert(day); }

  bool empty() const { return changes_.empty() && ended_.empty(); }

 private:
  friend class BucketCounts;
  struct Difference {
    int64_t rows = 0;
    int64_t values = 0;
  };
  absl::flat_hash_map<std::pair<DueDay, CategoryNumber>, Difference> changes_;
  std::set<DueDay> ended_;
};

// Changed by the writer's thread only; what is const is thread-safe.
class BucketCounts {
 public:
  using Days = std::map<DueDay, DayCount>;

  // Replaces what is counted with what `store` says.
  absl::Status Load(const StoreView& store);

  // The days that `changes` touch, as they will be; all zero: nothing is left there.
  Days After(const CountChanges& changes) const;
  // The rows that say so.
  static void Put(const Days& after, Batch& batch);
  // Those rows are durable.
  void Set(const Days& after);

  // A copy of everything.
  Days Read() const;
  // What `day` holds.
  DayCount Of(DueDay day) const;
  // The same once `changes` are made.
  BucketCount Of(DueDay day, CategoryNumber category, const CountChanges& changes) const;
  // All rows.
  uint64_t TotalRows() const;
  // All rows of a category, and in how many buckets they lie.
  struct Spread {
    uint64_t rows = 0;
    uint64_t buckets = 0;
  };
  Spread SpreadOf(CategoryNumber category) const;

 private:
  mutable Mutex mutex_;
  Days days_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_BUCKET_COUNTS_H_
