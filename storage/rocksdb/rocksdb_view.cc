#include "storage/rocksdb/rocksdb_view.h"

#include <utility>

#include "storage/rocksdb/checked_rows.h"
#include "storage/rocksdb/rocksdb_status.h"

namespace retention {
namespace {

std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksCursor : public RowCursor {
 public:
  RocksCursor(std::shared_ptr<const RocksEngine> engine, const rocksdb::Snapshot* snapshot, Family family, KeySpan span,
              AtLoss at_loss)
      : engine_(std::move(engine)),
        span_(std::move(span)),
        begin_slice_(SliceOf(span_.begin)),
        end_slice_(SliceOf(span_.end)),
        lost_(engine_->Lost(family)),
        stops_(at_loss == AtLoss::kStop) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    if (!span_.end.empty()) options.iterate_upper_bound = &end_slice_;
    options.iterate_lower_bound = &begin_slice_;
    rows_ = std::make_unique<CheckedRows>(engine_->db(), engine_->family(family), options);
    rows_->Seek(SliceOf(span_.begin));
    LookForward(span_.begin);
  }

  bool Valid() const override { return !at_loss_ && rows_->Valid(); }
  void Next() override {
    const std::string from = Position();
    rows_->Next();
    LookForward(from);
  }
  void Seek(std::string_view key) override {
    const std::string_view target = key < span_.begin ? std::string_view(span_.begin) : key;
    rows_->Seek(SliceOf(target));
    LookForward(target);
  }
  void SeekBefore(std::string_view key) override {
    if (key.empty() || (!span_.end.empty() && key >= span_.end)) {
      rows_->SeekToLast();
      return LookBack(span_.end);
    }
    // The bound is the iterator's: it goes to the last key at or before.
    rows_->SeekForPrev(SliceOf(key));
    if (rows_->Valid() && ViewOf(rows_->key()) == key) rows_->Prev();
    LookBack(key);
  }
  void Previous() override {
    const std::string from = Position();
    rows_->Prev();
    LookBack(from);
  }
  std::string_view key() const override { return ViewOf(rows_->key()); }
  std::string_view value() const override { return ViewOf(rows_->value()); }
  absl::Status status() const override {
    if (!rows_->status().ok()) return engine_->Noted(rows_->status());
    return at_loss_ ? LostRowsError() : absl::OkStatus();
  }

  size_t losses() const override { return losses_; }

 private:
  // Where it stands, if that matters.
  std::string Position() const { return lost_ == nullptr ? std::string() : rows_->key().ToString(); }
  // It came from `from`: were rows lost on the way?
  void LookForward(std::string_view from) {
    if (lost_ == nullptr) return;
    const bool there = rows_->Valid() && ViewOf(rows_->key()) == from;
    Meet(!there && Overlap(*lost_, {std::string(from), rows_->Valid() ? rows_->key().ToString() : span_.end}));
  }
  void LookBack(std::string_view from) {
    if (lost_ == nullptr) return;
    const std::string to = rows_->Valid() ? rows_->key().ToString() + '\0' : span_.begin;
    Meet(to != from && Overlap(*lost_, {to, std::string(from)}));
  }
  void Meet(bool loss) {
    at_loss_ = loss && stops_;
    if (loss) ++losses_;
  }

  const std::shared_ptr<const RocksEngine> engine_;
  const KeySpan span_;
  const rocksdb::Slice begin_slice_;
  const rocksdb::Slice end_slice_;
  const std::shared_ptr<const LostSpans> lost_;  // null if there are none
  const bool stops_;
  std::unique_ptr<CheckedRows> rows_;
  bool at_loss_ = false;
  size_t losses_ = 0;
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

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    return ScanRows(engine_, snapshot_, family, std::move(span), at_loss);
  }

  const std::shared_ptr<const RocksEngine> engine_;
  const rocksdb::Snapshot* const snapshot_;
};

class FailedStoreView : public StoreView {
 public:
  explicit FailedStoreView(absl::Status status) : status_(std::move(status)) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override { return status_; }

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    return FailedScan(status_);
  }

  const absl::Status status_;
};

}  // namespace

absl::StatusOr<std::optional<std::string>> GetRow(const RocksEngine& engine, const rocksdb::Snapshot* snapshot,
                                                  Family family, std::string_view key) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status found = engine.db().Get(options, engine.family(family), SliceOf(key), &value);
  if (found.ok()) return std::optional<std::string>(std::move(value));
  if (!found.IsNotFound()) return engine.Noted(found);
  const std::shared_ptr<const LostSpans> lost = engine.Lost(family);
  if (lost != nullptr && Contains(*lost, key)) return LostRowsError();
  return std::optional<std::string>();
}

std::unique_ptr<RowCursor> ScanRows(std::shared_ptr<const RocksEngine> engine, const rocksdb::Snapshot* snapshot,
                                    Family family, KeySpan span, AtLoss at_loss) {
  if (!span.end.empty() && span.end <= span.begin) return FailedScan(absl::OkStatus());
  return std::make_unique<RocksCursor>(std::move(engine), snapshot, family, std::move(span), at_loss);
}

std::unique_ptr<RowCursor> FailedScan(absl::Status status) { return std::make_unique<FailedCursor>(std::move(status)); }

std::unique_ptr<StoreView> MakeSnapshot(std::shared_ptr<const RocksEngine> engine) {
  return std::make_unique<RocksSnapshot>(std::move(engine));
}

std::unique_ptr<StoreView> FailedView(absl::Status status) {
  return std::make_unique<FailedStoreView>(std::move(status));
}

}  // namespace retention
