#include "tests/testing/map_store.h"

#include <iterator>
#include <utility>

#include "storage/keys.h"

namespace retention {
namespace {

class MapCursor : public RowCursor {
 public:
  MapCursor(std::shared_ptr<const MapDisk> disk, std::shared_ptr<const MapStore::Rows> rows, Family family,
            std::string_view begin, std::string_view end)
      : disk_(std::move(disk)),
        rows_(std::move(rows)),
        map_((*rows_)[static_cast<size_t>(family)]),
        begin_(begin),
        end_(end) {
    at_ = map_.lower_bound(begin_);
  }
  bool Valid() const override {
    return status().ok() && at_ != map_.end() && at_->first >= begin_ && (end_.empty() || at_->first < end_);
  }
  void Next() override { ++at_; }
  void Seek(std::string_view key) override { at_ = map_.lower_bound(key < begin_ ? std::string_view(begin_) : key); }
  void SeekBefore(std::string_view key) override {
    const bool last = key.empty() || (!end_.empty() && key >= end_);
    at_ = !last ? map_.lower_bound(key) : end_.empty() ? map_.end() : map_.lower_bound(end_);
    Previous();
  }
  void Previous() override { at_ = at_ == map_.begin() ? map_.end() : std::prev(at_); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  absl::Status status() const override { return disk_->Readable(); }

 private:
  const std::shared_ptr<const MapDisk> disk_;
  const std::shared_ptr<const MapStore::Rows> rows_;
  const MapDisk::Map& map_;
  const std::string begin_;
  const std::string end_;
  MapDisk::Map::const_iterator at_;
};

class MapSnapshot : public StoreView {
 public:
  explicit MapSnapshot(std::shared_ptr<const MapDisk> disk) : disk_(std::move(disk)), rows_(disk_->View()) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    if (absl::Status s = disk_->Readable(); !s.ok()) return s;
    const MapDisk::Map& map = (*rows_)[static_cast<size_t>(family)];
    const auto found = map.find(key);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    return std::make_unique<MapCursor>(disk_, rows_, family, span.begin, span.end);
  }

  const std::shared_ptr<const MapDisk> disk_;
  const std::shared_ptr<const MapStore::Rows> rows_;
};

}  // namespace

MapStore::MapStore() : MapStore(std::make_shared<MapDisk>()) {}

MapStore::MapStore(Rows rows) : MapStore(std::make_shared<MapDisk>(std::move(rows))) {}

MapStore::MapStore(std::shared_ptr<MapDisk> disk)
    : disk_(std::move(disk)), found_([this] {
        disk_->Recover();
        return Acknowledged();
      }()) {}

absl::Status MapStore::Keep(absl::Status written) {
  const MutexLock lock(mutex_);
  if (failure_.ok()) failure_ = written;
  return written;
}

absl::StatusOr<std::optional<std::string>> MapStore::Get(Family family, std::string_view key) const {
  if (absl::Status s = disk_->Readable(); !s.ok()) return s;
  return disk_->Get(family, key);
}

std::unique_ptr<RowCursor> MapStore::Walk(Family family, KeySpan span, AtLoss at_loss) const {
  return std::make_unique<MapCursor>(disk_, disk_->View(), family, span.begin, span.end);
}

std::unique_ptr<StoreView> MapStore::Snapshot() const { return std::make_unique<MapSnapshot>(disk_); }

absl::Status MapStore::Commit(const Batch& batch) {
  if (absl::Status failure = Health(); !failure.ok()) return failure;
  if (batch.empty()) return absl::OkStatus();
  return Keep(disk_->Write(batch));
}

absl::Status MapStore::SettleDay(DueDay day) {
  if (absl::Status failure = Health(); !failure.ok()) return failure;
  return Keep(disk_->Probe());
}

absl::Status MapStore::DropDaysThrough(DueDay last) {
  if (!last.is_civil()) return absl::InvalidArgumentError("store: not a civil day");
  return DropRange(Family::kFiled, FiledPrefix(DueDay::None()), PrefixEnd(FiledPrefix(last)));
}

absl::Status MapStore::DropRange(Family family, std::string_view begin, std::string_view end) {
  if (absl::Status failure = Health(); !failure.ok()) return failure;
  return Keep(disk_->Erase({family, std::string(begin), std::string(end)}));
}

absl::Status MapStore::Scrub(const std::vector<FamilySpan>& spans) {
  if (absl::Status failure = Health(); !failure.ok()) return failure;
  for (const auto& [family, span] : spans) {
    if (absl::Status status = Keep(disk_->Scrub({family, span.begin, span.end})); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MapStore::Resume() {
  if (Health().ok()) return absl::OkStatus();
  if (absl::Status status = disk_->Probe(); !status.ok()) return status;
  disk_->LeaveOutFailed();
  const MutexLock lock(mutex_);
  failure_ = absl::OkStatus();
  return absl::OkStatus();
}

absl::Status MapStore::Health() const {
  const MutexLock lock(mutex_);
  return failure_;
}

absl::Status MapStore::Checkpoint(const std::string& path) {
  return absl::UnimplementedError("store: it has no files");
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

}  // namespace retention
