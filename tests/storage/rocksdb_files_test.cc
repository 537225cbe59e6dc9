// What lies in the directory of a store that is open, while others delete and write there.
#include "storage/rocksdb/rocksdb_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

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

  FreshDirectory directory_;
  const std::string path_ = directory_ / "store";
  std::unique_ptr<Store> store_;
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
