#include "storage/rocksdb/rocksdb_view.h"

#include <utility>

#include "storage/rocksdb/rocksdb_status.h"

namespace retention {
namespace {

std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksCursor : public RowCursor {
 public:
  RocksCursor(std::shared_ptr<const RocksEngine> engine, const rocksdb::Snapshot* snapshot, const KeyRange& range)
      : engine_(std::move(engine)),
        begin_(range.begin),
        end_(range.end),
        begin_slice_(SliceOf(begin_)),
        end_slice_(SliceOf(end_)) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    options.iterate_lower_bound = &begin_slice_;
    rows_.reset(engine_->db().NewIterator(options, engine_->family(range.family)));
    rows_->Seek(SliceOf(begin_));
  }

  bool Valid() const override { return rows_->Valid(); }
  void Next() override { rows_->Next(); }
  void Seek(std::string_view key) override { rows_->Seek(SliceOf(key < begin_ ? std::string_view(begin_) : key)); }
  void SeekBefore(std::string_view key) override {
    if (key.empty() || (!end_.empty() && key >= end_)) return rows_->SeekToLast();
    // The bound is the iterator's: it goes to the last key at or before.
    rows_->SeekForPrev(SliceOf(key));
    if (rows_->Valid() && ViewOf(rows_->key()) == key) rows_->Prev();
  }
  void Previous() override { rows_->Prev(); }
  std::string_view key() const override { return ViewOf(rows_->key()); }
  std::string_view value() const override { return ViewOf(rows_->value()); }
  absl::Status status() const override { return StatusFromRocksDb(rows_->status()); }

 private:
  const std::shared_ptr<const RocksEngine> engine_;
  const std::string begin_;
  const std::string end_;
  const rocksdb::Slice begin_slice_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

class FailedCursor : public RowCursor {
 public:
  explicit FailedCursor(absl::Status status) : status_(std::move(status)) {}
  bool Valid() const override { return false; }
  void Next() override {}
  void Seek(std::string_view key) override {}
  void SeekBefore(std::string_view key) override {}
  void Previous() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  absl::Status status() const override { return status_; }

 private:
  const absl::Status status_;
};

class RocksSnapshot : public StoreView {
 public:
  explicit RocksSnapshot(std::shared_ptr<const RocksEngine> engine)
      : engine_(std::move(engine)), snapshot_(engine_->db().GetSnapshot()) {}
  ~RocksSnapshot() override { engine_->db().ReleaseSnapshot(snapshot_); }
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    return GetRow(*engine_, snapshot_, family, key);
  }
  std::unique_ptr<RowCursor> Scan(Family family, std::string_view begin, std::string_view end) const override {
    return ScanRows(engine_, snapshot_, {family, std::string(begin), std::string(end)});
  }

 private:
  const std::shared_ptr<const RocksEngine> engine_;
  const rocksdb::Snapshot* const snapshot_;
};

class FailedStoreView : public StoreView {
 public:
  explicit FailedStoreView(absl::Status status) : status_(std::move(status)) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override { return status_; }
  std::unique_ptr<RowCursor> Scan(Family family, std::string_view begin, std::string_view end) const override {
    return FailedScan(status_);
  }

 private:
  const absl::Status status_;
};

}  // namespace

absl::StatusOr<std::optional<std::string>> GetRow(const RocksEngine& engine, const rocksdb::Snapshot* snapshot,
                                                  Family family, std::string_view key) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status found = engine.db().Get(options, engine.family(family), SliceOf(key), &value);
  if (found.IsNotFound()) return std::optional<std::string>();
  if (!found.ok()) return StatusFromRocksDb(found);
  return std::optional<std::string>(std::move(value));
}

std::unique_ptr<RowCursor> ScanRows(std::shared_ptr<const RocksEngine> engine, const rocksdb::Snapshot* snapshot,
                                    const KeyRange& range) {
  if (!range.end.empty() && range.end <= range.begin) return FailedScan(absl::OkStatus());
  return std::make_unique<RocksCursor>(std::move(engine), snapshot, range);
}

std::unique_ptr<RowCursor> FailedScan(absl::Status status) { return std::make_unique<FailedCursor>(std::move(status)); }

std::unique_ptr<StoreView> MakeSnapshot(std::shared_ptr<const RocksEngine> engine) {
  return std::make_unique<RocksSnapshot>(std::move(engine));
}

std::unique_ptr<StoreView> FailedView(absl::Status status) {
  return std::make_unique<FailedStoreView>(std::move(status));
}

}  // namespace retention
