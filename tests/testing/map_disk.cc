#include "tests/testing/map_disk.h"

#include <algorithm>
#include <utility>

namespace retention {
namespace {

// The part of `map` between two keys: [first, second).
template <typename SomeMap>
std::pair<typename SomeMap::iterator, typename SomeMap::iterator> Between(SomeMap& map, std::string_view begin,
                                                                          std::string_view end) {
  if (!end.empty() && end <= begin) return {map.end(), map.end()};
  return {map.lower_bound(begin), end.empty() ? map.end() : map.lower_bound(end)};
}

template <typename SomeMap>
bool AnyValueHolds(const SomeMap& map, std::string_view text) {
  return std::any_of(map.begin(), map.end(),
                     [text](const auto& row) { return row.second.find(text) != std::string::npos; });
}

template <typename SomeMap>
uint64_t BytesOf(const SomeMap& map) {
  uint64_t bytes = 0;
  for (const auto& [key, value] : map) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace

MapDisk::MapDisk(Rows rows) : rows_(std::make_shared<Rows>(std::move(rows))) {}

std::optional<std::string> MapDisk::Get(Family family, std::string_view key) const {
  const MutexLock lock(mutex_);
  const Map& map = (*rows_)[static_cast<size_t>(family)];
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

std::shared_ptr<const MapDisk::Rows> MapDisk::View() const {
  const MutexLock lock(mutex_);
  return rows_;
}

MapDisk::Rows& MapDisk::MutableRows() {
  // Views are taken under the lock alone. Counted by a copy, since that waits for what views that are gone have read.
  constexpr int64_t kUnshared = 2;
  if (std::shared_ptr<Rows>(rows_).use_count() > kUnshared) rows_ = std::make_shared<Rows>(*rows_);
  return *rows_;
}

absl::Status MapDisk::Admit() {
  if (failures_left_ == 0) return absl::OkStatus();
  --failures_left_;
  return failure_;
}

void MapDisk::Bury(Family family, Map& map, Map::iterator first, Map::iterator last) {
  Remnants& remnants = remnants_[static_cast<size_t>(family)];
  while (first != last) {
    auto row = map.extract(first++);
    remnants.emplace(std::move(row.key()), std::move(row.mapped()));
  }
}

void MapDisk::Apply(const Batch& batch) {
  ++batches_;
  Rows& rows = MutableRows();
  for (const Batch::Change& change : batch.changes()) {
    Map& map = rows[static_cast<size_t>(change.family)];
    if (change.verb == Batch::Verb::kDeleteRange) {
      const auto [first, last] = Between(map, change.key, change.value);
      Bury(change.family, map, first, last);
      continue;
    }
    if (const auto found = map.find(change.key); found != map.end()) {
      Bury(change.family, map, found, std::next(found));
    }
    if (change.verb == Batch::Verb::kPut) map.emplace(change.key, change.value);
  }
}

absl::Status MapDisk::Write(const Batch& batch) {
  const MutexLock lock(mutex_);
  if (absl::Status status = Admit(); !status.ok()) {
    if (left_ == FailedBatch::kLogged) logged_ = batch;
    return status;
  }
  Apply(batch);
  return absl::OkStatus();
}

absl::Status MapDisk::Erase(const MapRange& range) {
  const MutexLock lock(mutex_);
  if (absl::Status status = Admit(); !status.ok()) return status;
  const size_t family = static_cast<size_t>(range.family);
  Map& map = MutableRows()[family];
  const auto [first, last] = Between(map, range.begin, range.end);
  map.erase(first, last);
  const auto [first_remnant, last_remnant] = Between(remnants_[family], range.begin, range.end);
  remnants_[family].erase(first_remnant, last_remnant);
  return absl::OkStatus();
}

absl::Status MapDisk::Scrub(const MapRange& range) {
  const MutexLock lock(mutex_);
  if (absl::Status status = Admit(); !status.ok()) return status;
  Remnants& remnants = remnants_[static_cast<size_t>(range.family)];
  const auto [first, last] = Between(remnants, range.begin, range.end);
  remnants.erase(first, last);
  return absl::OkStatus();
}

absl::Status MapDisk::Probe() {
  const MutexLock lock(mutex_);
  return Admit();
}

void MapDisk::Recover() {
  const MutexLock lock(mutex_);
  if (logged_) Apply(*logged_);
  logged_.reset();
}

void MapDisk::LeaveOutFailed() {
  const MutexLock lock(mutex_);
  logged_.reset();
}

void MapDisk::FailWrites(absl::Status failure, uint64_t count, FailedBatch left) {
  const MutexLock lock(mutex_);
  failure_ = std::move(failure);
  failures_left_ = count;
  left_ = left;
}

void MapDisk::FailReads(absl::Status failure) {
  const MutexLock lock(mutex_);
  read_failure_ = std::move(failure);
}

absl::Status MapDisk::Readable() const {
  const MutexLock lock(mutex_);
  return read_failure_;
}

void MapDisk::Heal() {
  const MutexLock lock(mutex_);
  failures_left_ = 0;
  read_failure_ = absl::OkStatus();
}

bool MapDisk::Holds(std::string_view text) const {
  const MutexLock lock(mutex_);
  const auto holds = [text](const auto& map) { return AnyValueHolds(map, text); };
  if (std::any_of(rows_->begin(), rows_->end(), holds)) return true;
  if (std::any_of(remnants_.begin(), remnants_.end(), holds)) return true;
  if (!logged_) return false;
  const std::vector<Batch::Change>& changes = logged_->changes();
  return std::any_of(changes.begin(), changes.end(),
                     [text](const Batch::Change& change) { return change.value.find(text) != std::string::npos; });
}

uint64_t MapDisk::batches() const {
  const MutexLock lock(mutex_);
  return batches_;
}

uint64_t MapDisk::bytes() const {
  const MutexLock lock(mutex_);
  uint64_t bytes = 0;
  for (const Map& map : *rows_) bytes += BytesOf(map);
  for (const Remnants& remnants : remnants_) bytes += BytesOf(remnants);
  return bytes;
}

}  // namespace retention
