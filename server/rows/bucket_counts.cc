#include "server/rows/bucket_counts.h"

#include <algorithm>

#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"

namespace retention {

absl::Status BucketCounts::Load(const StoreView& store) {
  std::map<DueDay, DayCount> days;
  auto cursor = store.ScanPrefix(Family::kState, DayCountsPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto day = DecodeDayKey(cursor->key());
    stored::v1::DayCounts counts;
    if (!day.has_value() || !counts.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("a row of bucket counts does not parse");
    }
    DayCount& count = days[*day];
    for (int i = 0; i < std::min<int>(counts.rows_size(), kCategories); ++i) count[i].rows = counts.rows(i);
    for (int i = 0; i < std::min<int>(counts.values_size(), kCategories); ++i) count[i].values = counts.values(i);
  }
  std::lock_guard lock(mutex_);
  days_ = std::move(days);
  changed_.clear();
  return cursor->status();
}

void BucketCounts::Add(DueDay day, CategoryNumber category, uint64_t rows, uint64_t values) {
  std::lock_guard lock(mutex_);
  BucketCount& count = days_[day][category];
  count.rows += rows;
  count.values += values;
  changed_.insert(day);
}

void BucketCounts::Remove(DueDay day, CategoryNumber category, uint64_t rows, uint64_t values) {
  std::lock_guard lock(mutex_);
  BucketCount& count = days_[day][category];
  count.rows -= std::min(count.rows, rows);
  count.values -= std::min(count.values, values);
  changed_.insert(day);
}

void BucketCounts::EraseDay(DueDay day) {
  std::lock_guard lock(mutex_);
  days_.erase(day);
  changed_.insert(day);
}

void BucketCounts::Flush(Batch& batch) {
  std::lock_guard lock(mutex_);
  for (const DueDay day : changed_) {
    const auto it = days_.find(day);
    stored::v1::DayCounts counts;
    bool empty = true;
    if (it != days_.end()) {
      for (const BucketCount& count : it->second) {
        counts.add_rows(count.rows);
        counts.add_values(count.values);
        empty &= count.rows == 0;
      }
    }
    if (empty) {
      if (it != days_.end()) days_.erase(it);
      batch.Delete(Family::kState, DayCountsKey(day));
    } else {
      batch.Put(Family::kState, DayCountsKey(day), counts.SerializeAsString());
    }
  }
  changed_.clear();
}

std::map<DueDay, DayCount> BucketCounts::Read() const {
  std::lock_guard lock(mutex_);
  return days_;
}

DayCount BucketCounts::Of(DueDay day) const {
  std::lock_guard lock(mutex_);
  const auto it = days_.find(day);
  return it == days_.end() ? DayCount{} : it->second;
}

uint64_t BucketCounts::TotalRows() const {
  std::lock_guard lock(mutex_);
  uint64_t total = 0;
  for (const auto& [day, counts] : days_) {
    for (const BucketCount& count : counts) total += count.rows;
  }
  return total;
}

}  // namespace retention
