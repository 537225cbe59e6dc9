// A table file is damaged: what it says is lost, and nothing else; what was deleted stays deleted; and the store goes
// on, is written, settled, scrubbed and dropped.
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "storage/keys.h"
#include "storage/rocksdb/lost_spans.h"
#include "storage/rocksdb/rocksdb_look.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/rocksdb/rocksdb_tuning.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

constexpr int kDays = 3;
constexpr int kRowsADay = 400;

DueDay DayOf(int number) {
  DueDay day = kDay;
  for (int i = 0; i < number; ++i) day = day.Next();
  return day;
}

std::string KeyOf(int day, int row) {
  FiledKey key = SomeKey(DayOf(day));
  key.owner.bytes[0] = static_cast<uint8_t>(row >> 8);
  key.owner.bytes[1] = static_cast<uint8_t>(row);
  return key.Encode();
}

std::string LocatorOf(int row) {
  OwnerId owner = IdOf<OwnerId>(0x20);
  owner.bytes[0] = static_cast<uint8_t>(row >> 8);
  owner.bytes[1] = static_cast<uint8_t>(row);
  return LocatorKey(IdOf<PbxId>(0x10), owner);
}

// What should be there: the value of each key that was ever written, or that it was deleted.
using Model = std::map<std::pair<Family, std::string>, std::optional<std::string>>;

class MendedTables : public ::testing::Test {
 protected:
  void Open() {
    store_.reset();
    auto store = OpenRocksDbStore(path(), options_);
    opened_ = store.status();
    if (store.ok()) store_ = *std::move(store);
  }
  std::string path() const { return directory_ / "store"; }

  void Put(Batch& batch, Family family, const std::string& key, const std::string& value) {
    batch.Put(family, key, value);
    model_[{family, key}] = value;
  }
  void Delete(Batch& batch, Family family, const std::string& key) {
    batch.Delete(family, key);
    model_[{family, key}] = std::nullopt;
  }
  // Three generations of rows, each in files of its own, older ones deeper: of the rows in the middle every third is
  // replaced, every fifth deleted.
  void Fill() {
    for (int generation = 0; generation < 3; ++generation) {
      Batch batch;
      for (int row = 0; row < kRowsADay; ++row) {
        if (generation > 0 && (row < kRowsADay / 4 || row >= 3 * kRowsADay / 4)) continue;
        const std::string value = std::to_string(generation) + std::string(100, static_cast<char>('a' + row % 26));
        for (int day = 0; day < kDays; ++day) {
          if (generation == 0 || (row + generation) % 3 == 0) Put(batch, Family::kFiled, KeyOf(day, row), value);
          if (generation > 0 && (row + generation) % 5 == 0) Delete(batch, Family::kFiled, KeyOf(day, row));
        }
        if (generation == 0 || (row + generation) % 3 == 0) Put(batch, Family::kState, LocatorOf(row), value);
        if (generation > 0 && (row + generation) % 5 == 0) Delete(batch, Family::kState, LocatorOf(row));
      }
      ASSERT_TRUE(store_->Commit(batch).ok());
      store_.reset();
      Sink(4 - 2 * generation);
      Open();
      ASSERT_TRUE(opened_.ok()) << opened_;
    }
  }
  // Has what lies in level 0 lie in `level`.
  void Sink(int level) const {
    rocksdb::DBOptions options = DatabaseOptions({});
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, path(), FamilyDescriptors({}), &families, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    for (rocksdb::ColumnFamilyHandle* family : families) {
      ASSERT_TRUE(db->Flush(rocksdb::FlushOptions(), family).ok());
      rocksdb::ColumnFamilyMetaData metadata;
      db->GetColumnFamilyMetaData(family, &metadata);
      std::vector<std::string> files;
      for (const auto& file : metadata.levels[0].files) files.push_back(file.relative_filename);
      if (level > 0 && !files.empty()) {
        ASSERT_TRUE(db->CompactFiles(rocksdb::CompactionOptions(), family, files, level).ok());
      }
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    }
  }

  std::vector<std::string> Tables() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      if (entry.path().extension() == ".sst") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  void Damage(std::mt19937& random) {
    const std::vector<std::string> tables = Tables();
    ASSERT_FALSE(tables.empty());
    const std::string& table = tables[random() % tables.size()];
    std::string bytes = ReadBytes(table);
    const size_t at = random() % bytes.size();
    switch (random() % 6) {
      case 0:
        return WriteBytes(table, bytes.substr(0, at));
      case 1:
        std::filesystem::remove(table);
        return;
      case 2:
        for (size_t i = at; i < std::min(bytes.size(), at + 4096); ++i) bytes[i] = 0;
        return WriteBytes(table, bytes);
      default:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        return WriteBytes(table, bytes);
    }
  }
  // Not even the outline of a file is there that lies over all others: only a copy helps, and it says so.
  bool Refuses() const { return absl::StrContains(opened_.message(), "nobody can tell what it replaced"); }

  // How many rows fail; all others are as they should be.
  int Check() {
    int failed = 0;
    for (const auto& [name, value] : model_) {
      const auto found = store_->Get(name.first, name.second);
      if (absl::IsDataLoss(found.status())) {
        ++failed;
        continue;
      }
      if (!found.ok()) {
        ADD_FAILURE() << found.status();
        continue;
      }
      EXPECT_EQ(*found, value) << Hex(name.second);
    }
    return failed;
  }
  int CountRows(Family family, AtLoss at_loss, absl::Status* status) {
    int rows = 0;
    auto cursor = store_->Scan(family, "", "", at_loss);
    for (; cursor->Valid(); cursor->Next()) ++rows;
    *status = cursor->status();
    return rows;
  }
  void CheckScans() {
    std::map<Family, int> living;
    for (const auto& [name, value] : model_) {
      const auto found = store_->Get(name.first, name.second);
      if (found.ok() && *found) ++living[name.first];
    }
    for (const Family family : {Family::kFiled, Family::kState}) {
      absl::Status status;
      EXPECT_EQ(CountRows(family, AtLoss::kPass, &status), living[family]);
      EXPECT_TRUE(status.ok()) << status;
      const bool lost = std::any_of(lost_.begin(), lost_.end(), [&](const auto& l) { return l.family == family; });
      CountRows(family, AtLoss::kStop, &status);
      EXPECT_EQ(absl::IsDataLoss(status), lost) << status;
      int back = 0;
      auto cursor = store_->Scan(family, "", "", AtLoss::kPass);
      for (cursor->SeekBefore(""); cursor->Valid(); cursor->Previous()) ++back;
      EXPECT_EQ(back, living[family]);
      cursor = store_->Scan(family, "", "");
      for (cursor->SeekBefore(""); cursor->Valid(); cursor->Previous()) continue;
      EXPECT_EQ(absl::IsDataLoss(cursor->status()), lost) << cursor->status();
    }
  }

  // Whoever judges a store before it is opened must not take what was lost for what never was. Of the log it takes in
  // nothing else.
  void CheckLook() {
    std::vector<std::pair<Family, std::string>> lost;
    for (const auto& [name, value] : model_) {
      if (absl::IsDataLoss(store_->Get(name.first, name.second).status())) lost.push_back(name);
    }
    store_.reset();
    const auto look = LookIntoRocksDbStore(path(), {}, [](Family, std::string_view) { return false; });
    ASSERT_TRUE(look.ok()) << look.status();
    for (const auto& [family, key] : lost) EXPECT_TRUE(absl::IsDataLoss((*look)->Get(family, key).status()));
  }

  // All files, but what RocksDB says of its work.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("LOG")) files[name] = ReadBytes(entry.path().string());
    }
    return files;
  }
  // It is refused, names the file, and leaves all as it lies.
  void ExpectRefused(const std::string& table) {
    const auto files = Files();
    for (int time = 0; time < 2; ++time) {
      Open();
      EXPECT_TRUE(absl::IsDataLoss(opened_)) << opened_;
      EXPECT_TRUE(absl::StrContains(opened_.message(), table)) << opened_;
      EXPECT_EQ(store_, nullptr);
      EXPECT_TRUE(Files() == files);
      const auto look = LookIntoRocksDbStore(path(), options_, [](Family, std::string_view) { return false; });
      EXPECT_TRUE(absl::IsDataLoss(look.status())) << look.status();
      EXPECT_TRUE(absl::StrContains(look.status().message(), table)) << look.status();
    }
  }
  void ExpectAll() {
    Open();
    ASSERT_TRUE(opened_.ok()) << opened_;
    EXPECT_EQ(Check(), 0);
    EXPECT_EQ(store_->Lost(), std::vector<LostRows>());
    store_.reset();
  }

  const FreshDirectory directory_;
  RocksDbOptions options_{.memtable_bytes = 4 << 20, .gives_up_missing = true};
  absl::Status opened_;
  std::unique_ptr<Store> store_;
  Model model_;
  std::vector<LostRows> lost_;
};

class TableMending : public MendedTables, public ::testing::WithParamInterface<int> {};

TEST_P(TableMending, WhatIsDamagedCostsItself) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  Open();
  ASSERT_TRUE(opened_.ok()) << opened_;
  Fill();
  const bool at_start = random() % 4 != 0;
  if (at_start) store_.reset();
  Damage(random);
  if (at_start) Open();
  const int before = store_ == nullptr ? 0 : Check();
  if (Refuses()) return;
  if (before > 0) {
    EXPECT_GT(store_->DamagedFiles() + store_->Lost().size(), 0u);
  }
  // Whatever rewrites files may fail, but stops nothing.
  store_->Scrub(WholeOf({DayOf(0), DayOf(1), DayOf(2)}, true)).IgnoreError();
  Batch more;
  Put(more, Family::kState, LocatorOf(kRowsADay), "later");
  ASSERT_TRUE(store_->Commit(more).ok());
  EXPECT_TRUE(store_->Health().ok()) << store_->Health();

  opened_ = store_->Mend();
  if (Refuses()) return;
  ASSERT_TRUE(opened_.ok()) << opened_;
  lost_ = store_->Lost();
  EXPECT_EQ(store_->DamagedFiles(), 0u);
  const int after = Check();
  EXPECT_EQ(lost_.empty(), after == 0);
  CheckScans();
  CheckLook();
  Open();
  ASSERT_TRUE(opened_.ok()) << opened_;
  // All works again, and says the same after a start.
  ASSERT_TRUE(store_->Scrub(WholeOf({DayOf(0), DayOf(1), DayOf(2)}, true)).ok());
  Open();
  ASSERT_TRUE(opened_.ok()) << opened_;
  EXPECT_EQ(store_->Lost(), lost_);
  EXPECT_EQ(Check(), after);
  CheckScans();
  // A row that is written again is found.
  for (auto& [name, value] : model_) {
    if (store_->Get(name.first, name.second).ok()) continue;
    Batch again;
    again.Put(name.first, name.second, "again");
    value = "again";
    ASSERT_TRUE(store_->Commit(again).ok());
    EXPECT_EQ(Check(), after - 1);
    break;
  }
  // What is erased is not missed.
  ASSERT_TRUE(store_->DropDaysThrough(DayOf(kDays)).ok());
  ASSERT_TRUE(store_->DropRange(Family::kState, "", "").ok());
  EXPECT_EQ(store_->Lost(), std::vector<LostRows>());
}
INSTANTIATE_TEST_SUITE_P(Any, TableMending, ::testing::Range(0, 40));

// One table after the other.
class TablePutBack : public MendedTables {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(opened_.ok()) << opened_;
    Fill();
    store_.reset();
    tables_ = Tables();
    ASSERT_GE(tables_.size(), 6u);
  }
  std::vector<std::string> tables_;
};

TEST_F(TablePutBack, WhatIsMissingIsGivenUpByWhoSaysSoAlone) {
  options_.gives_up_missing = false;
  const std::string away = directory_ / "away";
  for (const std::string& table : tables_) {
    std::filesystem::rename(table, away);
    ExpectRefused(table);
    std::filesystem::rename(away, table);
    ExpectAll();
  }
  // All that are, by name.
  tables_.resize(4);
  for (const std::string& table : tables_) std::filesystem::rename(table, table + ".away");
  for (const std::string& table : tables_) ExpectRefused(table);
  for (const std::string& table : tables_) std::filesystem::rename(table + ".away", table);
  ExpectAll();
}

TEST_F(TablePutBack, WhatMayNotBeLostIsLeftAsItLies) {
  options_.may_lose = [](const LostRows&) { return false; };
  for (const std::string& table : tables_) {
    const std::string whole = ReadBytes(table);
    WriteBytes(table, whole.substr(0, whole.size() / 2));
    ExpectRefused(table);
    std::filesystem::remove(table);
    ExpectRefused(table);
    WriteBytes(table, whole);
    ExpectAll();
    // A block of it, which an opening does not read.
    WriteBytes(table, std::string(100, '\0') + whole.substr(100));
    Open();
    ASSERT_TRUE(opened_.ok()) << opened_;
    const int failing = Check();
    EXPECT_GT(failing, 0);
    const absl::Status left = store_->Mend();
    EXPECT_TRUE(absl::IsDataLoss(left)) << left;
    EXPECT_TRUE(absl::StrContains(left.message(), table)) << left;
    EXPECT_EQ(Check(), failing);
    store_.reset();
    WriteBytes(table, whole);
    ExpectAll();
  }
}

}  // namespace
}  // namespace retention
