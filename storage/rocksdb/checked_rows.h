// Rows in order, none of which is passed over because it cannot be read.
#ifndef RETENTION_STORAGE_ROCKSDB_CHECKED_ROWS_H_
#define RETENTION_STORAGE_ROCKSDB_CHECKED_ROWS_H_

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace retention {

// RocksDB 7.8 drops the error of a table whose first block (last, on the way back) cannot be read, when it comes from
// the table next to it: the rest of the level is passed over, and the status is OK (its pull requests 11782, 11783 and
// 11785). That happens where it looks for deleted ranges. So an iterator that does not look for them goes along, which
// reads the same tables and keeps the error; what lies in deleted ranges it alone sees.
class CheckedRows {
 public:
  // `options` as for RocksDB; the bounds must outlive this. Without a snapshot the two may see different states: then
  // nothing may be deleted meanwhile of what is walked, or less is looked at. (It takes none itself: whenever one is
  // released, RocksDB looks for tables to rewrite.)
  CheckedRows(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, rocksdb::ReadOptions options);

  bool Valid() const { return !failed_ && rows_->Valid(); }
  rocksdb::Slice key() const { return rows_->key(); }
  rocksdb::Slice value() const { return rows_->value(); }
  // Of what cannot be read: an error, and Valid is false.
  rocksdb::Status status() const { return failed_ ? along_->status() : rows_->status(); }

  void Seek(const rocksdb::Slice& key);
  void SeekForPrev(const rocksdb::Slice& key);
  void SeekToLast();
  // REQUIRES: Valid.
  void Next();
  void Prev();

 private:
  // Where tables begin and end.
  struct Bounds {
    std::set<std::string> begins;
    std::set<std::string, std::greater<>> ends;
  };
  void FollowForward();
  void FollowBack();
  // Instead of row by row: to each table on the way, and on.
  void LeapForward();
  void LeapBack();
  void Look() { failed_ = !along_->Valid() && !along_->status().ok(); }
  const Bounds& TableBounds();

  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* const family_;
  std::optional<Bounds> bounds_;
  std::unique_ptr<rocksdb::Iterator> rows_;
  std::unique_ptr<rocksdb::Iterator> along_;
  bool failed_ = false;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_CHECKED_ROWS_H_
