// What lies in the directory of a store that is open, while others delete and write there.
#include "storage/rocksdb/rocksdb_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_look.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class RocksDbFiles : public ::testing::Test {
 protected:
  RocksDbFiles() { Reopen(); }
  void Reopen() {
    store_.reset();
    auto opened = OpenRocksDbStore(path_, {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void Fill() {
    Batch rows;
    for (uint8_t row = 0; row < 10; ++row) rows.Put(Family::kFiled, SomeKey(kDay, row).Encode(), "kept");
    ASSERT_TRUE(store_->Commit(rows).ok());
  }
  int Count() const {
    int rows = 0;
    for (auto cursor = store_->Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }

  // The newest file whose name begins so.
  std::string Named(std::string_view kind) const {
    std::string newest;
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().filename().string().starts_with(kind)) newest = std::max(newest, entry.path().string());
    }
    return newest;
  }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "store";
  std::unique_ptr<FileStore> store_;
};

TEST_F(RocksDbFiles, ItsCurrentIsPutBackWhereSomebodyRemovedIt) {
  Fill();
  for (int time = 0; time < 3; ++time) {
    EXPECT_EQ(*PutBackCurrent(path_), false);
    const std::string current = ReadBytes(path_ + "/CURRENT");
    fs::remove(path_ + "/CURRENT");
    EXPECT_EQ(*PutBackCurrent(path_), true);
    EXPECT_EQ(ReadBytes(path_ + "/CURRENT"), current);
    EXPECT_FALSE(fs::exists(path_ + "/CURRENT.dbtmp"));
    Reopen();
    EXPECT_EQ(Count(), 10);
  }
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename().string().starts_with("MANIFEST")) fs::remove(entry.path());
  }
  EXPECT_TRUE(absl::IsDataLoss(PutBackCurrent(path_).status())) << "it names what is not there";
  fs::remove(path_ + "/CURRENT");
  EXPECT_TRUE(absl::IsDataLoss(PutBackCurrent(path_).status()));
}

TEST_F(RocksDbFiles, ItsCurrentIsPutBackWhereSomebodyDamagedIt_AndWhatCannotBeReadIsNamed) {
  Fill();
  const std::string path = path_ + "/CURRENT";
  const std::string current = ReadBytes(path);
  for (const std::string& damaged : {std::string(), std::string("MANIFEST-"), std::string("MANIFEST-999999\n"),
                                     current.substr(0, current.size() - 1), std::string(100'000, '\0')}) {
    std::ofstream(path, std::ios::trunc) << damaged;
    const auto put_back = PutBackCurrent(path_);
    ASSERT_TRUE(put_back.ok()) << put_back.status();
    EXPECT_TRUE(*put_back);
    EXPECT_EQ(ReadBytes(path), current);
  }
  fs::remove(path);
  fs::create_directory(path);  // opens, and no read of it succeeds
  const absl::Status failed = PutBackCurrent(path_).status();
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_TRUE(absl::StrContains(failed.message(), absl::StrCat(path, " cannot be read"))) << failed;
  EXPECT_TRUE(absl::StrContains(failed.message(), "(errno 21)")) << failed;
  fs::remove(path);
  EXPECT_EQ(*PutBackCurrent(path_), true);
  Reopen();
  EXPECT_EQ(Count(), 10);
}

TEST_F(RocksDbFiles, ItsCurrentIsNotPutOverANewerOne) {
  Fill();
  const std::string path = path_ + "/CURRENT";
  const std::string damaged = "MANIFEST-";
  int number = 999'990;
  for (const bool is_missing : {true, false}) {
    if (is_missing) {
      fs::remove(path);
    } else {
      std::ofstream(path, std::ios::trunc) << damaged;
    }
    // Between the look and the naming the database goes over to another list, and deletes the former.
    std::string newer;
    const auto put_back = PutBackCurrent(path_, [&] {
      if (!newer.empty()) return;
      newer = absl::StrCat("MANIFEST-", ++number);
      std::ofstream(path_ + "/" + newer) << "a list";
      std::ofstream(path_ + "/next") << newer << "\n";
      fs::rename(path_ + "/next", path);
    });
    ASSERT_TRUE(put_back.ok()) << put_back.status();
    EXPECT_EQ(*put_back, !is_missing);
    EXPECT_EQ(ReadBytes(path), newer + "\n");
    EXPECT_FALSE(fs::exists(path + ".dbtmp"));
  }
}

// In each way in which somebody harms it while it is open; without what stands in it no table would be found.
TEST_F(RocksDbFiles, ItsListOfTablesIsPutBackWhateverBecameOfIt) {
  Fill();
  const std::vector<std::function<void(const std::string& list)>> harms = {
      [](const std::string& list) { fs::remove(list); }, [](const std::string& list) { fs::resize_file(list, 0); },
      [](const std::string& list) { fs::resize_file(list, fs::file_size(list) - 1); },
      [](const std::string& list) {
        std::string bytes = ReadBytes(list);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        WriteBytes(list, bytes);
      },
      [](const std::string& list) {
        fs::remove(list);
        std::ofstream(list) << "another's";
      }};
  for (const bool looks : {true, false}) {
    for (const auto& harm : harms) {
      EXPECT_EQ(*store_->PutBackFiles(), std::vector<std::string>());
      const std::string list = Named("MANIFEST");
      harm(list);
      if (looks) {
        EXPECT_EQ(*store_->PutBackFiles(), std::vector<std::string>{list});
        EXPECT_EQ(*store_->PutBackFiles(), std::vector<std::string>());
      }
      // What is written of it from then on is in it too.
      Fill();
      ASSERT_TRUE(store_->SettleDay(kDay).ok());
      EXPECT_TRUE(store_->PutBackFiles().ok());
      Reopen();
      EXPECT_EQ(Count(), 10);
    }
  }
}

// A change of the list is not durable before the list is there.
TEST_F(RocksDbFiles, AListOfTablesThatIsGoneIsThereBeforeItsNextChange) {
  Fill();
  const std::string list = Named("MANIFEST");
  for (const bool is_emptied : {false, true}) {
    is_emptied ? fs::resize_file(list, 0) : static_cast<void>(fs::remove(list));
    Fill();
    ASSERT_TRUE(store_->SettleDay(kDay).ok());
    EXPECT_EQ(*store_->PutBackFiles(), std::vector<std::string>());
  }
  Reopen();
  EXPECT_EQ(Count(), 10);
}

TEST_F(RocksDbFiles, WhatACrashLeftOfMakingTheListAnewIsRemoved) {
  store_.reset();
  WriteBytes(path_ + "/LIST.dbtmp", "a part");
  Reopen();
  EXPECT_FALSE(fs::exists(path_ + "/LIST.dbtmp"));
}

TEST_F(RocksDbFiles, ItIsCopiedThoughItsOptionsAreGone) {
  Fill();
  const std::string options = Named("OPTIONS");
  fs::remove(options);
  EXPECT_EQ(*store_->PutBackFiles(), std::vector<std::string>{options});
  EXPECT_EQ(*store_->PutBackFiles(), std::vector<std::string>());
  for (const char* gone : {"OPTIONS", "IDENTITY", "LOCK"}) {
    fs::remove(Named(gone));
    const absl::Status copied = store_->Checkpoint(directory_ / gone);
    EXPECT_TRUE(copied.ok()) << gone << ": " << copied;
    EXPECT_TRUE(OpenRocksDbStore(directory_ / gone, {}).ok()) << gone;
  }
  Reopen();
  EXPECT_EQ(Count(), 10);
}

TEST_F(RocksDbFiles, ATableThatIsGoneIsNamedAsItWas) {
  Fill();
  Reopen();  // what lies in the log lies in a file of level 0 afterwards
  store_.reset();
  std::string gone;
  for (const auto& entry : fs::directory_iterator(path_)) {
    const bool holds = ReadBytes(entry.path().string()).find("kept") != std::string::npos;
    if (entry.path().extension() == ".sst" && holds) gone = entry.path().string();
  }
  ASSERT_NE(gone, "");
  fs::remove(gone);
  const absl::Status refused = OpenRocksDbStore(path_, {}).status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), gone)) << refused;
  const absl::Status looked = LookIntoRocksDbStore(path_, {}, [](Family, std::string_view) { return true; }).status();
  for (const absl::Status& status : {refused, looked}) {
    EXPECT_FALSE(absl::StrContains(status.message(), ".ldb")) << status;
  }
}

}  // namespace
}  // namespace retention
