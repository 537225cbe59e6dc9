// No row is passed over because it cannot be read: not by RocksDB's own iterator either, which drops errors.
#include "storage/rocksdb/checked_rows.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr int kTables = 4;
constexpr int kRowsATable = 3000;
constexpr int kRows = kTables * kRowsATable;

std::string KeyOf(int row) { return absl::StrFormat("%06d", row); }

// Tables that follow each other in one level.
class CheckedRowsTest : public ::testing::Test {
 protected:
  CheckedRowsTest() {
    Open();
    rocksdb::CompactionOptions compaction;
    compaction.compression = rocksdb::kNoCompression;
    for (int table = 0; table < kTables; ++table) {
      for (int row = 0; row < kRowsATable; ++row) {
        EXPECT_TRUE(db_->Put({}, KeyOf(table * kRowsATable + row), std::string(50, 'v')).ok());
      }
      EXPECT_TRUE(db_->Flush({}).ok());
      rocksdb::ColumnFamilyMetaData metadata;
      db_->GetColumnFamilyMetaData(&metadata);
      for (const auto& file : metadata.levels[0].files) {
        EXPECT_TRUE(db_->CompactFiles(compaction, {file.relative_filename}, 2).ok());
      }
    }
  }
  void Open() {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.disable_auto_compactions = true;
    options.compression = rocksdb::kNoCompression;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, (directory_ / "store").string(), &opened).ok());
    db_.reset(opened);
  }
  // In the first block of a table, or in the last.
  void Damage(int table, bool first) {
    std::vector<rocksdb::LiveFileMetaData> files;
    db_->GetLiveFilesMetaData(&files);
    std::string path;
    for (const auto& file : files) {
      if (file.level > 0 && file.smallestkey == KeyOf(table * kRowsATable))
        path = (directory_ / "store").string() + file.name;
    }
    ASSERT_FALSE(path.empty());
    db_.reset();
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const size_t of_last = bytes.rfind(std::string(50, 'v'));
    file.clear();
    file.seekp(static_cast<std::streamoff>(first ? 30 : of_last));
    file.put('#');
    file.close();
    Open();
  }
  CheckedRows Rows() { return CheckedRows(*db_, db_->DefaultColumnFamily(), {}); }
  int Forward(CheckedRows& rows) {
    int count = 0;
    for (rows.Seek(""); rows.Valid(); rows.Next()) ++count;
    return count;
  }
  int Back(CheckedRows& rows) {
    int count = 0;
    for (rows.SeekToLast(); rows.Valid(); rows.Prev()) ++count;
    return count;
  }

  FreshDirectory directory_;
  std::unique_ptr<rocksdb::DB> db_;
};

TEST_F(CheckedRowsTest, AllAreThere) {
  ASSERT_TRUE(db_->Put({}, KeyOf(5) + "x", "young").ok());
  CheckedRows rows = Rows();
  EXPECT_EQ(Forward(rows), kRows + 1);
  EXPECT_TRUE(rows.status().ok());
  EXPECT_EQ(Back(rows), kRows + 1);
  EXPECT_TRUE(rows.status().ok());
  rows.Seek(KeyOf(7));
  ASSERT_TRUE(rows.Valid());
  rows.Prev();
  EXPECT_EQ(rows.key(), KeyOf(6));
  rows.Prev();
  rows.Prev();
  EXPECT_EQ(rows.key(), KeyOf(5));
  rows.Next();
  EXPECT_EQ(rows.key(), KeyOf(5) + "x");
  rows.SeekForPrev(KeyOf(5));
  rows.Next();
  EXPECT_EQ(rows.key(), KeyOf(5) + "x");
}

TEST_F(CheckedRowsTest, ATableThatCannotBeReadEndsThem) {
  Damage(2, /*first=*/true);
  CheckedRows rows = Rows();
  EXPECT_EQ(Forward(rows), 2 * kRowsATable);
  EXPECT_TRUE(rows.status().IsCorruption()) << rows.status().ToString();
  rows.Seek(KeyOf(2 * kRowsATable - 1));
  ASSERT_TRUE(rows.Valid());
  rows.Next();
  EXPECT_TRUE(!rows.Valid() && rows.status().IsCorruption()) << rows.status().ToString();
  rows.Seek(KeyOf(3 * kRowsATable));  // what lies behind is there
  EXPECT_TRUE(rows.Valid() && rows.status().ok());
}

TEST_F(CheckedRowsTest, ATableThatCannotBeReadEndsThemOnTheWayBack) {
  Damage(1, /*first=*/false);
  CheckedRows rows = Rows();
  EXPECT_EQ(Back(rows), 2 * kRowsATable - 1);  // to say what the last was, RocksDB looks behind it
  EXPECT_TRUE(rows.status().IsCorruption()) << rows.status().ToString();
  rows.SeekForPrev(KeyOf(2 * kRowsATable + 1));
  ASSERT_TRUE(rows.Valid());
  rows.Prev();
  EXPECT_TRUE(!rows.Valid() && rows.status().IsCorruption()) << rows.status().ToString();
  rows.SeekForPrev(KeyOf(kRowsATable));  // what lies before it is there
  EXPECT_TRUE(rows.Valid() && rows.status().ok());
}

// More than is walked over row by row: up to behind the damage, and up to before it.
TEST_F(CheckedRowsTest, WhatWasDeletedByRangesIsNotSeen_AndHidesNoDamage) {
  const std::string begin = KeyOf(100);
  for (const int end : {2 * kRowsATable - 100, 2 * kRowsATable + 200}) {
    ASSERT_TRUE(db_->DeleteRange({}, db_->DefaultColumnFamily(), begin, KeyOf(end)).ok());
    ASSERT_TRUE(db_->Flush({}).ok());
    CheckedRows whole = Rows();
    EXPECT_EQ(Forward(whole), kRows - end + 100);
    EXPECT_TRUE(whole.status().ok());
    EXPECT_EQ(Back(whole), kRows - end + 100);
    EXPECT_TRUE(whole.status().ok());
    whole.Seek(begin);
    ASSERT_TRUE(whole.Valid());
    EXPECT_EQ(whole.key(), KeyOf(end));
    whole.Prev();
    EXPECT_EQ(whole.key(), KeyOf(99));
  }
  Damage(2, /*first=*/true);
  {
    CheckedRows rows = Rows();
    EXPECT_EQ(Forward(rows), 100);
    EXPECT_TRUE(rows.status().IsCorruption()) << rows.status().ToString();
  }
  Damage(0, /*first=*/false);
  CheckedRows back = Rows();
  EXPECT_EQ(Back(back), 2 * kRowsATable - 200);
  EXPECT_TRUE(back.status().IsCorruption()) << back.status().ToString();
}

TEST_F(CheckedRowsTest, WhatLiesBeyondTheBoundsIsNotRead) {
  Damage(2, /*first=*/true);
  const std::string lower = KeyOf(10);
  const std::string upper = KeyOf(2 * kRowsATable);
  const rocksdb::Slice from(lower);
  const rocksdb::Slice to(upper);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &from;
  options.iterate_upper_bound = &to;
  CheckedRows rows(*db_, db_->DefaultColumnFamily(), options);
  EXPECT_EQ(Forward(rows), 2 * kRowsATable - 10);
  EXPECT_TRUE(rows.status().ok()) << rows.status().ToString();
}

}  // namespace
}  // namespace retention
