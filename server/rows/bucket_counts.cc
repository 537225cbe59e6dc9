#include "server/rows/bucket_counts.h"

#include <algorithm>

#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"

namespace retention {
namespace {

bool IsEmpty(const DayCount& counts) {
  return std::all_of(counts.begin(), counts.end(), [](const BucketCount& count) { return count.rows == 0; });
}

}  // namespace

int64_t CountChanges::RowsAdded(CategoryNumber category) const {
  int64_t rows = 0;
  for (const auto& [bucket, difference] : changes_) rows += bucket.second == category ? difference.rows : 0;
  return rows;
}

BucketCounts::Spread BucketCounts::SpreadOf(CategoryNumber category) const {
  Spread spread;
  const MutexLock lock(mutex_);
  for (const auto& [day, counts] : days_) {
    spread.rows += counts[category].rows;
    spread.buckets += counts[category].rows > 0 ? 1 : 0;
  }
  return spread;
}

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
  const MutexLock lock(mutex_);
  days_ = std::move(days);
  return cursor->status();
}

BucketCounts::Days BucketCounts::After(const CountChanges& changes) const {
  const auto plus = [](uint64_t count, int64_t difference) {
    // Never below zero: what was damaged may have been counted wrong.
    return difference < 0 ? count - std::min(count, static_cast<uint64_t>(-difference))
                          : count + static_cast<uint64_t>(difference);
  };
  Days after;
  const MutexLock lock(mutex_);
  for (const auto& [bucket, difference] : changes.changes_) {
    const auto [it, inserted] = after.try_emplace(bucket.first);
    if (const auto now = days_.find(bucket.first); inserted && now != days_.end()) it->second = now->second;
    BucketCount& count = it->second[bucket.second];
    count.rows = plus(count.rows, difference.rows);
    count.values = plus(count.values, difference.values);
  }
  for (const DueDay day : changes.ended_) after[day] = DayCount{};
  return after;
}

void BucketCounts::Put(const Days& after, Batch& batch) {
  for (const auto& [day, day_count] : after) {
    if (IsEmpty(day_count)) {
      batch.Delete(Family::kState, DayCountsKey(day));
      continue;
    }
    stored::v1::DayCounts counts;
    for (const BucketCount& count : day_count) {
      counts.add_rows(count.rows);
      counts.add_values(count.values);
    }
    batch.Put(Family::kState, DayCountsKey(day), counts.SerializeAsString());
  }
}

void BucketCounts::Set(const Days& after) {
  const MutexLock lock(mutex_);
  for (const auto& [day, count] : after) {
    if (IsEmpty(count)) {
      days_.erase(day);
    } else {
      days_[day] = count;
    }
  }
}

BucketCounts::Days BucketCounts::Read() const {
  const MutexLock lock(mutex_);
  return days_;
}

DayCount BucketCounts::Of(DueDay day) const {
  const MutexLock lock(mutex_);
  const auto it = days_.find(day);
  return it == days_.end() ? DayCount{} : it->second;
}

BucketCount BucketCounts::Of(DueDay day, CategoryNumber category, const CountChanges& changes) const {
  BucketCount count = Of(day)[category];
  if (changes.ended_.contains(day)) return {};
  const auto it = changes.changes_.find({day, category});
  if (it == changes.changes_.end()) return count;
  const int64_t rows = static_cast<int64_t>(count.rows) + it->second.rows;
  const int64_t values = static_cast<int64_t>(count.values) + it->second.values;
  return {.rows = static_cast<uint64_t>(std::max<int64_t>(rows, 0)),
          .values = static_cast<uint64_t>(std::max<int64_t>(values, 0))};
}

uint64_t BucketCounts::TotalRows() const {
  const MutexLock lock(mutex_);
  uint64_t total = 0;
  for (const auto& [day, counts] : days_) {
    for (const BucketCount& count : counts) total += count.rows;
  }
  return total;
}

}  // namespace retention
