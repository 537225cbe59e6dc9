#include "server/rows/purge_marks.h"

#include <utility>

#include "storage/keys.h"

namespace retention {
namespace {

// Enough of a key to name a file, and no person: of a row of family filed as far as the room.
constexpr size_t kPlaceBytes = 21;

bool IsAnywhere(const stored::v1::PurgeMark& mark) { return mark.anywhere() || mark.places().empty(); }

}  // namespace

void PurgeMarks::Deletions::Add(std::string_view key) {
  ++rows_;
  const std::string_view place = key.substr(0, kPlaceBytes);
  if (anywhere_ || (!places_.empty() && places_.back() == place)) return;
  places_.emplace_back(place);
  anywhere_ = places_.size() > kPlacesMax;
}

void PurgeMarks::Deletions::AddTo(stored::v1::PurgeMark& mark) const {
  const bool was_anywhere = mark.deletions() > 0 && IsAnywhere(mark);
  mark.set_deletions(mark.deletions() + rows_);
  if (was_anywhere || anywhere_ || mark.places_size() + places_.size() > kPlacesMax) {
    mark.clear_places();
    mark.set_anywhere(true);
    return;
  }
  for (const std::string& place : places_) mark.add_places(place);
}

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
  const MutexLock lock(mutex_);
  marks_ = std::move(marks);
  return absl::OkStatus();
}

PurgeMarks::Marks PurgeMarks::Read() const {
  const MutexLock lock(mutex_);
  return marks_;
}

PurgeMarks::Marks PurgeMarks::After(const Changes& changes, absl::Time now) const {
  Marks after;
  const MutexLock lock(mutex_);
  for (const auto& [day, mark] : marks_) {
    if (changes.scrubbed.contains(day) || changes.deletions.contains(day)) after.emplace(day, mark);
  }
  for (const auto& [day, scrubbed] : changes.scrubbed) {
    const auto it = after.find(day);
    if (it == after.end()) continue;
    stored::v1::PurgeMark& mark = it->second;
    if (mark.deletions() <= scrubbed.deletions()) {
      after.erase(it);
      continue;
    }
    mark.set_deletions(mark.deletions() - scrubbed.deletions());
    mark.set_first_us(absl::ToUnixMicros(now));
    if (!IsAnywhere(mark)) mark.mutable_places()->DeleteSubrange(0, scrubbed.places_size());
  }
  for (const auto& [day, deletions] : changes.deletions) {
    stored::v1::PurgeMark& mark = after[day];
    if (mark.deletions() == 0) mark.set_first_us(absl::ToUnixMicros(now));
    deletions.AddTo(mark);
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

void PurgeMarks::Set(const Marks& after, const Changes& changes) {
  const MutexLock lock(mutex_);
  for (const auto& [day, mark] : changes.scrubbed) marks_.erase(day);
  for (const auto& [day, mark] : after) marks_[day] = mark;
}

std::vector<FamilySpan> PurgeMarks::SpansOf(const Marks& marks) {
  std::vector<FamilySpan> spans;
  for (const auto& [day, mark] : marks) {
    const bool is_state = day == DueDay::None();
    const Family family = is_state ? Family::kState : Family::kFiled;
    if (IsAnywhere(mark)) {
      const std::string prefix = is_state ? "" : FiledPrefix(day);
      spans.push_back({family, {prefix, is_state ? "" : PrefixEnd(prefix)}});
      continue;
    }
    for (const std::string& place : mark.places()) spans.push_back({family, {place, PrefixEnd(place)}});
  }
  return spans;
}

}  // namespace retention
