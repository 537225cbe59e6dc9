// What the store on RocksDB must do to its files.
#include "storage/rocksdb/rocksdb_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/keys.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr char kCanary[] = "canary.Erika.Mustermann@example.org";
using Files = std::vector<std::string>;

std::string RowKey(DueDay day, uint32_t number) {
  FiledKey key = SomeKey(day);
  for (int i = 0; i < 4; ++i) key.item.bytes[i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  return key.Encode();
}

class RocksDbStoreTest : public ::testing::Test {
 protected:
  RocksDbStoreTest() { Reopen(); }
  void Reopen(const RocksDbOptions& options = {}) {
    store_.reset();
    auto store = OpenRocksDbStore(path_, options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Put(Family family, const std::string& key, const std::string& value) {
    Batch batch;
    batch.Put(family, key, value);
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  void Delete(Family family, const std::string& key) {
    Batch batch;
    batch.Delete(family, key);
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  // Rows of `day` with `text` in every value.
  void Fill(DueDay day, uint32_t rows, const std::string& text) {
    Batch batch;
    for (uint32_t i = 0; i < rows; ++i) batch.Put(Family::kFiled, RowKey(day, i), text + std::to_string(i));
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  size_t Count(std::string_view prefix) const {
    size_t rows = 0;
    for (auto cursor = store_->ScanPrefix(Family::kFiled, prefix); cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }
  Files Holding(std::string_view text) const { return FilesHolding(path_, text); }
  Files LogFiles() const {
    Files logs;
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().extension() == ".log") logs.push_back(entry.path().filename().string());
    }
    return logs;
  }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "store";
  std::unique_ptr<Store> store_;
};

TEST_F(RocksDbStoreTest, TheCanaryIsInTheLogAtFirst) {
  Fill(kDay, 10, kCanary);
  EXPECT_FALSE(Holding(kCanary).empty());
}

TEST_F(RocksDbStoreTest, DropOfAnUnsettledDay_LeavesNoByte) {
  Fill(kDay, 100, kCanary);
  Fill(kDay.Next(), 100, "kept");
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(Count(FiledPrefix(kDay.Next())), 100u);
  EXPECT_FALSE(Holding("kept").empty());
}

TEST_F(RocksDbStoreTest, DropOfASettledDay_LeavesNoByteAndFlushesNothing) {
  Fill(kDay, 100, kCanary);
  Fill(kDay.Next(), 100, "kept");
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  EXPECT_EQ(Holding(kCanary).size(), 1u);  // one table file
  EXPECT_EQ(store_->FilesOf(kDay), 1u);
  Fill(kDay.Next().Next(), 100, "later");
  const Files logs = LogFiles();
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(LogFiles(), logs);  // no flush: the same log goes on
  EXPECT_EQ(store_->FilesOf(kDay), 0u);
  EXPECT_EQ(Holding("later"), logs);
  EXPECT_EQ(Count(FiledPrefix(kDay.Next())), 100u);
  EXPECT_EQ(Count(FiledPrefix(kDay.Next().Next())), 100u);
}

TEST_F(RocksDbStoreTest, DropAfterARestart_LeavesNoByte) {
  Fill(kDay, 100, kCanary);
  Reopen();
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
}

TEST_F(RocksDbStoreTest, DropCoversOverwrittenDeletedAndEarlierRows) {
  Fill(DueDay::FromNumber(3), 10, kCanary);
  ASSERT_TRUE(store_->SettleDay(DueDay::FromNumber(3)).ok());
  Fill(kDay, 10, kCanary);
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  Fill(kDay, 10, std::string(kCanary) + "again");
  for (uint32_t i = 0; i < 10; ++i) Delete(Family::kFiled, RowKey(kDay, i));
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(Count(""), 0u);
}

TEST_F(RocksDbStoreTest, DropOfDeletedRowsThatOnlyTheLogStillHolds) {
  Put(Family::kFiled, RowKey(kDay, 1), kCanary);
  Delete(Family::kFiled, RowKey(kDay, 1));
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
}

TEST_F(RocksDbStoreTest, DropRange_LeavesNoByte) {
  for (const Family family : {Family::kStatistics, Family::kState, Family::kLedger}) {
    Put(family, "a", "kept");
    Put(family, "b", kCanary);
    Put(family, "c", "kept");
    ASSERT_TRUE(store_->DropRange(family, "b", "c").ok());
    EXPECT_EQ(Holding(kCanary), Files());
    EXPECT_EQ(*store_->Get(family, "a"), "kept");
    EXPECT_EQ(*store_->Get(family, "c"), "kept");
  }
}

// Where the last row went into the memtable is remembered for the next; a range is no row.
TEST_F(RocksDbStoreTest, ARangeMayBeginWithTheKeyOfARow) {
  const auto state_key = [](uint32_t number) { return LocatorKey(PbxId(), OccurrenceOwner(RoomId(), number)); };
  for (const Family family : {Family::kFiled, Family::kState}) {
    const auto key = [&](uint32_t number) {
      return family == Family::kFiled ? RowKey(kDay, number) : state_key(number);
    };
    const auto held = [&](uint32_t number) { return (*store_->Get(family, key(number))).has_value(); };
    for (uint32_t i = 0; i < 20; ++i) Put(family, key(i), "row");
    for (uint32_t i = 0; i < 18; i += 3) {
      Batch batch;
      batch.DeleteRange(family, key(i), key(i + 2));             // two rows
      batch.DeleteRange(family, key(i + 2), key(i + 2) + '\0');  // one
      ASSERT_TRUE(store_->Commit(batch).ok());
      EXPECT_FALSE(held(i) || held(i + 1) || held(i + 2)) << i;
      EXPECT_TRUE(held(i + 3)) << i;
      Put(family, key(i + 1), "again");
    }
    for (uint32_t i = 0; i < 18; ++i) EXPECT_EQ(held(i), i % 3 == 1) << i;
    ASSERT_TRUE(store_->DropRange(family, key(18), key(19)).ok());
    EXPECT_FALSE(held(18));
    EXPECT_TRUE(held(19));
  }
}

TEST_F(RocksDbStoreTest, Scrub_LeavesNoByteOfDeletedRows) {
  for (const DueDay day : {kDay, DueDay::Open()}) {
    Fill(day, 100, "kept");
    Put(Family::kFiled, RowKey(day, 1000), kCanary);
    ASSERT_TRUE(store_->SettleDay(day).ok());
    Put(Family::kFiled, RowKey(day, 1001), kCanary);
    Delete(Family::kFiled, RowKey(day, 1000));
    Delete(Family::kFiled, RowKey(day, 1001));
  }
  Put(Family::kState, "a", kCanary);
  Put(Family::kState, "a", "replaced");
  EXPECT_FALSE(Holding(kCanary).empty());
  ASSERT_TRUE(store_->Scrub(WholeOf({kDay, DueDay::Open()}, true)).ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(Count(FiledPrefix(kDay)), 100u);
  EXPECT_EQ(Count(FiledPrefix(DueDay::Open())), 100u);
  EXPECT_EQ(*store_->Get(Family::kState, "a"), "replaced");
}

TEST_F(RocksDbStoreTest, Scrub_OfSettledAndReopenedDays) {
  Put(Family::kFiled, RowKey(kDay, 1), kCanary);
  Put(Family::kFiled, RowKey(kDay, 2), "kept");
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  ASSERT_TRUE(store_->Scrub(WholeOf({kDay}, false)).ok());
  Reopen();
  Delete(Family::kFiled, RowKey(kDay, 1));
  Reopen();
  ASSERT_TRUE(store_->Scrub(WholeOf({kDay}, false)).ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(Count(FiledPrefix(kDay)), 1u);
}

// RocksDB writes a row and its deletion into one file while somebody reads the row; that file is in one level, and no
// other has a key of it.
TEST_F(RocksDbStoreTest, Scrub_OfRowsThatLieInOneFileWithTheirDeletions) {
  for (const bool settled : {false, true}) {
    for (const std::string& key : {RowKey(kDay, 1), RowKey(kDay, 2)}) Put(Family::kFiled, key, kCanary);
    {
      const auto reader = store_->Snapshot();
      Delete(Family::kFiled, RowKey(kDay, 1));
      Put(Family::kFiled, RowKey(kDay, 2), "replaced");
      if (settled) {
        ASSERT_TRUE(store_->SettleDay(kDay).ok());
      } else {
        ASSERT_TRUE(store_->Checkpoint(directory_ / "flushed").ok());
      }
      // While somebody reads: afterwards RocksDB may compact it by itself.
      EXPECT_EQ(Holding(kCanary).size(), 1u);
    }
    ASSERT_TRUE(store_->Scrub({{Family::kFiled, {RowKey(kDay, 1), RowKey(kDay, 3)}}}).ok());
    EXPECT_EQ(Holding(kCanary), Files()) << settled;
    EXPECT_EQ(*store_->Get(Family::kFiled, RowKey(kDay, 2)), "replaced");
  }
}

// What a scrub costs follows from what was deleted, not from what lies beside it.
TEST_F(RocksDbStoreTest, Scrub_RewritesTheFilesOfDeletedRowsAlone) {
  constexpr uint32_t kRows = 400;
  for (uint32_t i = 0; i < kRows; ++i) Put(Family::kFiled, RowKey(kDay, i), std::string(100'000, 'x'));
  Put(Family::kFiled, RowKey(kDay, 5), kCanary);
  Put(Family::kFiled, RowKey(kDay.Next(), 5), "of another day");  // a file of one day would be moved as it is
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  const auto tables = [this] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().extension() == ".sst") names.insert(entry.path().filename().string());
    }
    return names;
  };
  const size_t files = store_->FilesOf(kDay);
  EXPECT_GE(files, 4u);
  Delete(Family::kFiled, RowKey(kDay, 5));
  const std::set<std::string> before = tables();
  const std::vector<FamilySpan> place = {{Family::kFiled, {RowKey(kDay, 5), RowKey(kDay, 6)}}};
  ASSERT_TRUE(store_->Scrub(place).ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(Count(FiledPrefix(kDay)), kRows - 1);
  const std::set<std::string> after = tables();
  size_t rewritten = 0;
  for (const std::string& name : before) rewritten += after.contains(name) ? 0 : 1;
  EXPECT_EQ(rewritten, 1u);
  ASSERT_TRUE(store_->Scrub(place).ok());
  for (const std::string& name : after) EXPECT_TRUE(tables().contains(name)) << "there is nothing to do any more";
}

// RocksDB keeps what a snapshot sees, also one that is younger than the last row of the day.
TEST_F(RocksDbStoreTest, Drop_WaitsForWhoReadsWhatItDeletes) {
  Reopen({.erasure_wait = absl::Milliseconds(20)});
  Fill(kDay, 10, kCanary);
  Fill(kDay.Next(), 10, "kept");
  auto reader = store_->Snapshot();
  EXPECT_EQ(store_->DropDaysThrough(kDay).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Count(FiledPrefix(kDay)), 0u);
  reader.reset();
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
}

// Where the deletion went into one file with the rows, nothing shows them any more.
TEST_F(RocksDbStoreTest, Drop_OfRowsThatLieInOneFileWithTheirDeletion) {
  for (uint32_t row = 0; row < 10; ++row) Put(Family::kStatistics, "b" + std::to_string(row), kCanary);
  Put(Family::kStatistics, "a", "kept");
  Put(Family::kStatistics, "z", "kept");
  {
    const auto reader = store_->Snapshot();
    Batch deletion;
    deletion.DeleteRange(Family::kStatistics, "b", "c");
    ASSERT_TRUE(store_->Commit(deletion).ok());
    ASSERT_TRUE(store_->Checkpoint(directory_ / "flushed").ok());
  }
  EXPECT_EQ(Holding(kCanary).size(), 1u);
  ASSERT_TRUE(store_->DropRange(Family::kStatistics, "b", "c").ok());
  EXPECT_EQ(Holding(kCanary), Files());
  EXPECT_EQ(*store_->Get(Family::kStatistics, "z"), "kept");
}

// A reader that is in the middle of a dropped day must not keep its bytes in the directory.
TEST_F(RocksDbStoreTest, DropWithAnOpenCursor_LeavesNoByte) {
  Fill(kDay, 100, kCanary);
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  auto cursor = store_->ScanPrefix(Family::kFiled, FiledPrefix(kDay));
  ASSERT_TRUE(cursor->Valid());
  ASSERT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Holding(kCanary), Files());
}

TEST_F(RocksDbStoreTest, ASettledDayHasFilesOfItsOwn) {
  for (int day = 0; day < 5; ++day) Fill(DueDay::FromNumber(100 + day), 50, "day" + std::to_string(day) + ".");
  for (int day = 0; day < 5; ++day) ASSERT_TRUE(store_->SettleDay(DueDay::FromNumber(100 + day)).ok());
  for (int day = 0; day < 5; ++day) {
    const Files files = Holding("day" + std::to_string(day) + ".");
    EXPECT_EQ(files.size(), 1u);
    for (int other = 0; other < 5; ++other) {
      if (other != day) {
        EXPECT_NE(Holding("day" + std::to_string(other) + "."), files);
      }
    }
  }
}

TEST_F(RocksDbStoreTest, DropWhileOthersWrite) {
  std::atomic<bool> stop{false};
  Fill(kDay, 5000, kCanary);
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  std::thread writer([this, &stop] {
    for (uint32_t i = 0; !stop; ++i) {
      Batch batch;
      for (uint32_t row = 0; row < 100; ++row) {
        batch.Put(Family::kFiled, RowKey(kDay.Next(), i * 100 + row), std::string(200, 'x'));
      }
      ASSERT_TRUE(store_->Commit(batch).ok());
    }
  });
  EXPECT_TRUE(store_->DropDaysThrough(kDay).ok());
  EXPECT_EQ(Count(FiledPrefix(kDay)), 0u);
  EXPECT_TRUE(store_->Scrub(WholeOf({kDay.Next()}, true)).ok());
  stop = true;
  writer.join();
  EXPECT_EQ(Holding(kCanary), Files());
}

TEST_F(RocksDbStoreTest, KnowsHowFarItHasCome) {
  EXPECT_EQ(store_->Found(), StoreProgress());
  for (uint32_t rows = 1; rows < 6; ++rows) {
    const StoreProgress before = store_->Acknowledged();
    Fill(kDay, rows, "row");
    const StoreProgress after = store_->Acknowledged();
    EXPECT_EQ(after.sequence, before.sequence + rows);
    EXPECT_EQ(after.log, before.log);
    if (rows % 2 == 0) {
      ASSERT_TRUE(store_->SettleDay(kDay).ok());  // leaves the log behind, without a batch of its own
      EXPECT_EQ(store_->Acknowledged().sequence, after.sequence);
      EXPECT_GT(store_->Acknowledged().log, after.log);
    }
    const uint64_t log = store_->Acknowledged().log;
    Reopen();
    EXPECT_GE(store_->Found().sequence, after.sequence);
    EXPECT_EQ(store_->Found().log, log);
    EXPECT_EQ(store_->Acknowledged().sequence, store_->Found().sequence);
    EXPECT_GT(store_->Acknowledged().log, log) << "an opening makes a new one";
  }
}

TEST_F(RocksDbStoreTest, RowsSurviveReopening) {
  Fill(kDay, 10, "kept");
  Put(Family::kLedger, LedgerKey(1), "entry");
  Reopen();
  EXPECT_EQ(Count(FiledPrefix(kDay)), 10u);
  EXPECT_EQ(*store_->Get(Family::kLedger, LedgerKey(1)), "entry");
}

TEST_F(RocksDbStoreTest, Checkpoint_IsAConsistentCopy) {
  Fill(kDay, 10, "kept");
  ASSERT_TRUE(store_->Checkpoint(directory_ / "copy").ok());
  EXPECT_EQ(store_->Checkpoint(directory_ / "copy").code(), absl::StatusCode::kAlreadyExists);
  Fill(kDay.Next(), 10, "later");
  const auto copy = OpenRocksDbStore(directory_ / "copy", {});
  ASSERT_TRUE(copy.ok()) << copy.status();
  size_t rows = 0;
  for (auto cursor = (*copy)->Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) ++rows;
  EXPECT_EQ(rows, 10u);
}

TEST_F(RocksDbStoreTest, OneProcessAtATime) {
  EXPECT_EQ(OpenRocksDbStore(path_, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RocksDbStoreTest, IsForItsOwnerOnly) {
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(RocksDbStoreTest, LiveBytes_CountsWhatIsThere) {
  const uint64_t before = store_->LiveBytes();
  Fill(kDay, 1000, std::string(1000, 'x'));
  EXPECT_GT(store_->LiveBytes(), before + 1'000'000);
}

TEST_F(RocksDbStoreTest, ALostCurrentFile_IsDataLoss) {
  Fill(kDay, 10, "kept");
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  store_.reset();
  fs::remove(path_ + "/CURRENT");
  EXPECT_EQ(OpenRocksDbStore(path_, {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RocksDbStoreTest, DamageInTheMiddleOfTheLog_IsDataLoss) {
  for (uint32_t i = 0; i < 100; ++i) Put(Family::kFiled, RowKey(kDay, i), std::string(100, 'x'));
  const Files logs = LogFiles();
  ASSERT_EQ(logs.size(), 1u);
  store_.reset();
  std::string bytes = ReadBytes(path_ + "/" + logs[0]);
  bytes[bytes.size() / 2] ^= 1;
  WriteBytes(path_ + "/" + logs[0], bytes);
  EXPECT_EQ(OpenRocksDbStore(path_, {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RocksDbStoreTest, ADamagedTableFile_IsDataLossWhenRead) {
  Fill(kDay, 100, std::string(1000, 'x'));
  ASSERT_TRUE(store_->SettleDay(kDay).ok());
  const Files files = Holding("xxxxxxxx");
  ASSERT_EQ(files.size(), 1u);
  store_.reset();
  std::string bytes = ReadBytes(path_ + "/" + files[0]);
  bytes[500] ^= 1;
  WriteBytes(path_ + "/" + files[0], bytes);
  Reopen();
  auto cursor = store_->Scan(Family::kFiled, "", "");
  while (cursor->Valid()) cursor->Next();
  EXPECT_EQ(cursor->status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->Get(Family::kFiled, RowKey(kDay, 0)).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace retention
