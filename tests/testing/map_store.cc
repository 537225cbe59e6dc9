#include "tests/testing/map_store.h"

#include <utility>

#include "storage/keys.h"

namespace retention {
namespace {

using Map = std::map<std::string, std::string, std::less<>>;

class MapCursor : public RowCursor {
 public:
  MapCursor(std::shared_ptr<const MapStore::Rows> rows, Family family, std::string_view begin, std::string_view end)
      : rows_(std::move(rows)), map_((*rows_)[static_cast<size_t>(family)]), begin_(begin), end_(end) {
    at_ = map_.lower_bound(begin_);
  }
  bool Valid() const override { return at_ != map_.end() && (end_.empty() || at_->first < end_); }
  void Next() override { ++at_; }
  void Seek(std::string_view key) override { at_ = map_.lower_bound(key < begin_ ? std::string_view(begin_) : key); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const std::shared_ptr<const MapStore::Rows> rows_;
  const Map& map_;
  const std::string begin_;
  const std::string end_;
  Map::const_iterator at_;
};

std::optional<std::string> Find(const MapStore::Rows& rows, Family family, std::string_view key) {
  const Map& map = rows[static_cast<size_t>(family)];
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

class MapSnapshot : public StoreView {
 public:
  explicit MapSnapshot(std::shared_ptr<const MapStore::Rows> rows) : rows_(std::move(rows)) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    return Find(*rows_, family, key);
  }
  std::unique_ptr<RowCursor> Scan(Family family, std::string_view begin, std::string_view end) const override {
    return std::make_unique<MapCursor>(rows_, family, begin, end);
  }

 private:
  const std::shared_ptr<const MapStore::Rows> rows_;
};

void EraseRange(Map& map, std::string_view begin, std::string_view end) {
  if (!end.empty() && end <= begin) return;
  map.erase(map.lower_bound(begin), end.empty() ? map.end() : map.lower_bound(end));
}

}  // namespace

MapStore::MapStore() : rows_(std::make_shared<Rows>()) {}

MapStore::MapStore(Rows rows) : rows_(std::make_shared<Rows>(std::move(rows))) {}

MapStore::Rows& MapStore::MutableRows() {
  if (shared_) rows_ = std::make_shared<Rows>(*rows_);
  shared_ = false;
  return *rows_;
}

absl::StatusOr<std::optional<std::string>> MapStore::Get(Family family, std::string_view key) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Find(*rows_, family, key);
}

std::unique_ptr<RowCursor> MapStore::Scan(Family family, std::string_view begin, std::string_view end) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  shared_ = true;
  return std::make_unique<MapCursor>(rows_, family, begin, end);
}

absl::Status MapStore::Commit(const Batch& batch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) return failure_;
  Rows& rows = MutableRows();
  for (const Batch::Change& change : batch.changes()) {
    Map& map = rows[static_cast<size_t>(change.family)];
    switch (change.verb) {
      case Batch::Verb::kPut:
        map[change.key] = change.value;
        break;
      case Batch::Verb::kDelete:
        map.erase(change.key);
        break;
      case Batch::Verb::kDeleteRange:
        EraseRange(map, change.key, change.value);
        break;
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<StoreView> MapStore::Snapshot() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  shared_ = true;
  return std::make_unique<MapSnapshot>(rows_);
}

absl::Status MapStore::SettleDay(DueDay day) { return Health(); }

absl::Status MapStore::DropDaysThrough(DueDay last) {
  if (!last.is_civil()) return absl::InvalidArgumentError("store: not a civil day");
  return DropRange(Family::kFiled, FiledPrefix(DueDay()), PrefixEnd(FiledPrefix(last)));
}

absl::Status MapStore::DropRange(Family family, std::string_view begin, std::string_view end) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) return failure_;
  EraseRange(MutableRows()[static_cast<size_t>(family)], begin, end);
  return absl::OkStatus();
}

absl::Status MapStore::Scrub(const std::vector<DueDay>& days, bool state) { return Health(); }

absl::Status MapStore::Resume() {
  const std::lock_guard<std::mutex> lock(mutex_);
  failure_ = absl::OkStatus();
  return absl::OkStatus();
}

absl::Status MapStore::Health() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

absl::Status MapStore::Checkpoint(const std::string& path) {
  return absl::UnimplementedError("store: it has no files");
}

uint64_t MapStore::LiveBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t bytes = 0;
  for (const Map& map : *rows_) {
    for (const auto& [key, value] : map) bytes += key.size() + value.size();
  }
  return bytes;
}

void MapStore::FailWrites(absl::Status failure) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failure_ = std::move(failure);
}

MapStore::Rows MapStore::RowsOf(const StoreView& view) {
  Rows rows;
  for (size_t family = 0; family < kFamilies; ++family) {
    for (auto cursor = view.Scan(static_cast<Family>(family), "", ""); cursor->Valid(); cursor->Next()) {
      rows[family].emplace(cursor->key(), cursor->value());
    }
  }
  return rows;
}

MapStore::Rows MapStore::rows() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return *rows_;
}

}  // namespace retention
