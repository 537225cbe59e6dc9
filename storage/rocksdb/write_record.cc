#include "storage/rocksdb/write_record.h"

#include <algorithm>
#include <optional>

#include "storage/keys.h"

namespace retention {

WriteRecord::WriteRecord(uint64_t sequence) : before_restart_(sequence), latest_(sequence) { families_.fill(sequence); }

void WriteRecord::Note(const Batch& batch, uint64_t sequence) {
  latest_ = sequence;
  std::optional<DueDay> last;  // consecutive rows often share their day
  for (const Batch::Change& change : batch.changes()) {
    families_[static_cast<size_t>(change.family)] = sequence;
    if (change.family != Family::kFiled || change.verb == Batch::Verb::kDeleteRange) continue;
    const std::optional<DueDay> day = DayOfFiled(change.key);
    if (!day || day == last) continue;
    days_[*day] = sequence;
    last = day;
  }
}

uint64_t WriteRecord::DaysThrough(DueDay last) const {
  uint64_t newest = before_restart_;
  for (auto day = days_.begin(); day != days_.end() && day->first <= last; ++day) {
    newest = std::max(newest, day->second);
  }
  return newest;
}

uint64_t WriteRecord::Day(DueDay day) const {
  const auto found = days_.find(day);
  return found == days_.end() ? before_restart_ : std::max(before_restart_, found->second);
}

void WriteRecord::ForgetDaysThrough(DueDay last) { days_.erase(days_.begin(), days_.upper_bound(last)); }

}  // namespace retention
