#include "storage/rocksdb/checked_rows.h"

#include <rocksdb/metadata.h>

namespace retention {
namespace {

// Rows of deleted ranges that are walked over one by one; then a seek to each table on the way costs less.
constexpr int kStepsMax = 32;

}  // namespace

CheckedRows::CheckedRows(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, rocksdb::ReadOptions options)
    : db_(db), family_(family), rows_(db.NewIterator(options, family)) {
  options.ignore_range_deletions = true;
  along_.reset(db.NewIterator(options, family));
}

void CheckedRows::Seek(const rocksdb::Slice& key) {
  rows_->Seek(key);
  along_->Seek(key);
  FollowForward();
}

void CheckedRows::SeekForPrev(const rocksdb::Slice& key) {
  rows_->SeekForPrev(key);
  along_->SeekForPrev(key);
  FollowBack();
}

void CheckedRows::SeekToLast() {
  rows_->SeekToLast();
  along_->SeekToLast();
  FollowBack();
}

void CheckedRows::Next() {
  rows_->Next();
  FollowForward();
}

void CheckedRows::Prev() {
  rows_->Prev();
  FollowBack();
}

void CheckedRows::FollowForward() {
  const auto is_behind = [this] {
    return along_->Valid() && (!rows_->Valid() || along_->key().compare(rows_->key()) < 0);
  };
  int steps = 0;
  for (; is_behind() && steps < kStepsMax; ++steps) along_->Next();
  if (is_behind()) LeapForward();
  Look();
}

void CheckedRows::FollowBack() {
  const auto is_ahead = [this] {
    return along_->Valid() && (!rows_->Valid() || along_->key().compare(rows_->key()) > 0);
  };
  int steps = 0;
  for (; is_ahead() && steps < kStepsMax; ++steps) along_->Prev();
  if (is_ahead()) LeapBack();
  Look();
}

// Those of the first leap: a table that is newer was written from tables that were read whole.
const CheckedRows::Bounds& CheckedRows::TableBounds() {
  if (bounds_) return *bounds_;
  bounds_.emplace();
  rocksdb::ColumnFamilyMetaData tables;
  db_.GetColumnFamilyMetaData(family_, &tables);
  for (const rocksdb::LevelMetaData& level : tables.levels) {
    for (const rocksdb::SstFileMetaData& table : level.files) {
      bounds_->begins.insert(table.smallestkey);
      bounds_->ends.insert(table.largestkey);
    }
  }
  return *bounds_;
}

void CheckedRows::LeapForward() {
  const std::set<std::string>& begins = TableBounds().begins;
  for (auto begin = begins.upper_bound(along_->key().ToString()); begin != begins.end(); ++begin) {
    if (rows_->Valid() && rows_->key().compare(*begin) <= 0) break;
    along_->Seek(*begin);
    if (!along_->Valid()) return;  // behind the last, or unreadable
  }
  // At the end of what may be seen there is nothing to follow.
  if (rows_->Valid()) along_->Seek(rows_->key());
}

void CheckedRows::LeapBack() {
  const std::set<std::string, std::greater<>>& ends = TableBounds().ends;
  for (auto end = ends.upper_bound(along_->key().ToString()); end != ends.end(); ++end) {
    if (rows_->Valid() && rows_->key().compare(*end) >= 0) break;
    along_->SeekForPrev(*end);
    if (!along_->Valid()) return;
  }
  if (rows_->Valid()) along_->SeekForPrev(rows_->key());
}

}  // namespace retention
