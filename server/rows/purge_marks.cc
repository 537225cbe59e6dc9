#include "server/rows/purge_marks.h"

#include <utility>

#include "storage/keys.h"

namespace retention {

absl::Status PurgeMarks::Load(const StoreView& store) {
  Marks marks;
  auto cursor = store.ScanPrefix(Family::kState, PurgeMarkPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto day = DecodeDayKey(cursor->key());
    stored::v1::PurgeMark mark;
    if (!day.has_value() || !mark.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("a purge mark does not parse");
    }
    marks.emplace(*day, mark);
  }
  if (!cursor->status().ok()) return cursor->status();
  Set(std::move(marks));
  return absl::OkStatus();
}

PurgeMarks::Marks PurgeMarks::Read() const {
  const MutexLock lock(mutex_);
  return marks_;
}

PurgeMarks::Marks PurgeMarks::After(const Changes& changes, absl::Time now) const {
  Marks after = Read();
  for (const auto& [day, mark] : changes.scrubbed) {
    const auto it = after.find(day);
    if (it == after.end()) continue;
    if (it->second.deletions() <= mark.deletions()) {
      after.erase(it);
    } else {
      it->second.set_deletions(it->second.deletions() - mark.deletions());
      it->second.set_first_us(absl::ToUnixMicros(now));
    }
  }
  for (const auto& [day, deletions] : changes.deletions) {
    stored::v1::PurgeMark& mark = after[day];
    if (mark.deletions() == 0) mark.set_first_us(absl::ToUnixMicros(now));
    mark.set_deletions(mark.deletions() + deletions);
  }
  return after;
}

void PurgeMarks::Put(const Marks& after, const Changes& changes, Batch& batch) {
  const auto put = [&](DueDay day) {
    const auto it = after.find(day);
    if (it == after.end()) {
      batch.Delete(Family::kState, PurgeMarkKey(day));
    } else {
      batch.Put(Family::kState, PurgeMarkKey(day), it->second.SerializeAsString());
    }
  };
  for (const auto& [day, mark] : changes.scrubbed) put(day);
  for (const auto& [day, deletions] : changes.deletions) put(day);
}

void PurgeMarks::Set(Marks after) {
  const MutexLock lock(mutex_);
  marks_ = std::move(after);
}

}  // namespace retention
