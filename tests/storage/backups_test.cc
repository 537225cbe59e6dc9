// What a backup holds, what is left of one that failed, and where one is put back.
#include "storage/backups.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_backups.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/long_files.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class BackupsTest : public ::testing::Test {
 protected:
  BackupsTest() {
    auto store = OpenRocksDbStore(data(), {});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  std::string data() const { return (directory_ / "data").string(); }
  std::string place() const { return (directory_ / "backups").string(); }
  std::string staged() const { return (directory_ / "data" / "backup").string(); }

  void Put(const std::string& key, const std::string& value) {
    Batch batch;
    batch.Put(Family::kState, key, value);
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  static std::string Get(const std::string& directory, const std::string& key) {
    auto store = OpenRocksDbStore(directory, {});
    EXPECT_TRUE(store.ok()) << store.status();
    const auto row = (*store)->Get(Family::kState, key);
    EXPECT_TRUE(row.ok()) << row.status();
    return row->value_or("-");
  }
  std::unique_ptr<Backups> Open(BackupAccess access = BackupAccess::kWrite) {
    RocksDbBackupOptions options;
    options.file_system = disk_.file_system();
    auto backups = OpenRocksDbBackups(place(), access, options);
    EXPECT_TRUE(backups.ok()) << backups.status();
    return backups.ok() ? *std::move(backups) : nullptr;
  }
  absl::StatusOr<Backup> Make(Backups& backups, int64_t made_us = 1) {
    fs::remove_all(staged());
    if (absl::Status s = store_->Checkpoint(staged()); !s.ok()) return s;
    stored::v1::BackupNote note;
    note.set_made_us(made_us);
    note.set_ring_identity("a ring");
    auto made = backups.Create(staged(), note);
    fs::remove_all(staged());
    return made;
  }
  // Of any of them, by their names.
  std::vector<fs::path> TableFiles() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(place())) {
      if (entry.path().extension() == ".sst") files.push_back(entry.path());
    }
    return files;
  }
  size_t FilesInAll() const {
    size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(place())) {
      files += entry.is_regular_file() && entry.file_size() > 0 ? 1 : 0;
    }
    return files;
  }

  FaultFileSystem disk_;
  FreshDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(BackupsTest, EachIsOfItsMoment_AndWhatTheyHaveAlikeLiesThereOnce) {
  Put("key", "first");
  const auto backups = Open();
  const auto first = Make(*backups, 1000);
  ASSERT_TRUE(first.ok()) << first.status();
  const size_t tables = TableFiles().size();
  Put("key", "second");
  const auto second = Make(*backups, 2000);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->number, first->number);
  EXPECT_EQ(TableFiles().size(), 2 * tables) << "of what was there nothing is copied again";
  Put("key", "third");
  const std::vector<Backup> all = backups->List();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].note.made_us(), 1000);
  EXPECT_EQ(all[1].note.made_us(), 2000);
  const std::pair<uint32_t, const char*> expected[] = {{first->number, "first"}, {second->number, "second"}};
  for (const auto& [number, value] : expected) {
    EXPECT_TRUE(backups->Verify(number).ok());
    const std::string restored = (directory_ / absl::StrCat("restored", number)).string();
    const absl::Status status = backups->Restore(number, restored);
    ASSERT_TRUE(status.ok()) << status;
    const auto mark = ReadRestoreMark(restored);
    ASSERT_TRUE(mark.has_value());
    EXPECT_EQ(mark->backup(), number);
    EXPECT_EQ(mark->note().made_us(), number == first->number ? 1000 : 2000);
    EXPECT_EQ(Get(restored, "key"), value);
    EXPECT_TRUE(RemoveRestoreMark(restored).ok());
    EXPECT_FALSE(ReadRestoreMark(restored).has_value());
  }
}

// Of what is written meanwhile it has all before one write, and nothing after it.
TEST_F(BackupsTest, BesideAWriterEachIsWholeUpToAWrite) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 1; !stop.load(); ++i) {
      Batch batch;
      batch.Put(Family::kState, absl::StrCat("k", i), "x");
      batch.Put(Family::kState, "last", absl::StrCat(i));
      EXPECT_TRUE(store_->Commit(batch).ok());
    }
  });
  const auto backups = Open();
  for (int i = 0; i < 3; ++i) {
    const auto made = Make(*backups);
    EXPECT_TRUE(made.ok()) << made.status();
  }
  stop.store(true);
  writer.join();
  for (const Backup& backup : backups->List()) {
    const std::string restored = (directory_ / absl::StrCat("restored", backup.number)).string();
    ASSERT_TRUE(backups->Restore(backup.number, restored).ok());
    auto store = OpenRocksDbStore(restored, {});
    ASSERT_TRUE(store.ok()) << store.status();
    const auto last = (*store)->Get(Family::kState, "last");
    const int rows = last.ok() && last->has_value() ? std::stoi(**last) : 0;
    int found = 0;
    for (auto cursor = (*store)->ScanPrefix(Family::kState, "k"); cursor->Valid(); cursor->Next()) ++found;
    EXPECT_EQ(found, rows);
  }
}

TEST_F(BackupsTest, OneThatIsPrunedIsGone_AndTheOthersAreWhole) {
  Put("key", "canary-of-the-first");
  const auto backups = Open();
  const auto first = Make(*backups);
  Batch batch;
  batch.Delete(Family::kState, "key");
  ASSERT_TRUE(store_->Commit(batch).ok());
  ASSERT_TRUE(store_->Scrub(WholeOf({}, true)).ok());
  const auto second = Make(*backups);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_FALSE(FilesHolding(place(), "canary-of-the-first").empty());
  const absl::Status pruned = backups->Prune(first->number);
  EXPECT_TRUE(pruned.ok()) << pruned;
  EXPECT_EQ(FilesHolding(place(), "canary-of-the-first"), std::vector<std::string>());
  EXPECT_EQ(backups->List().size(), 1u);
  EXPECT_TRUE(backups->Verify(second->number).ok());
  EXPECT_TRUE(absl::IsNotFound(backups->Prune(first->number)));
  EXPECT_TRUE(absl::IsNotFound(backups->Verify(first->number)));
  EXPECT_TRUE(absl::IsNotFound(backups->Restore(first->number, (directory_ / "r").string())));
}

TEST_F(BackupsTest, OfAFullDiskTheFormerStays_TheStoreTakesWrites_AndTheNextCleansUp) {
  Put("key", "first");
  auto backups = Open();
  const auto made_first = Make(*backups);
  ASSERT_TRUE(made_first.ok());
  const uint32_t first = made_first->number;
  const size_t files = FilesInAll();
  Put("key", "second");
  for (uint64_t nth = 1; nth < 200; ++nth) {
    disk_.FailAfter(nth, FaultFileSystem::Fault::kDiskFull);
    const auto made = Make(*backups);
    disk_.Heal();
    if (made.ok()) {
      EXPECT_GT(nth, 3u);
      ASSERT_TRUE(backups->Prune(made->number).ok());
      EXPECT_EQ(FilesInAll(), files) << "nothing is left of those that failed";
      break;
    }
    EXPECT_TRUE(absl::IsResourceExhausted(made.status())) << nth << ": " << made.status();
    EXPECT_TRUE(absl::StrContains(made.status().message(), place())) << made.status();
    EXPECT_TRUE(absl::StrContains(made.status().message(), "make room there")) << made.status();
    EXPECT_FALSE(absl::StrContains(made.status().message(), '\n'));
    EXPECT_TRUE(store_->Health().ok());
    backups.reset();
    backups = Open();
    ASSERT_FALSE(backups->List().empty()) << nth;
    EXPECT_TRUE(backups->Damaged().empty());
    // If the last of all writes failed, it is there all the same.
    for (const Backup& backup : backups->List()) {
      EXPECT_TRUE(backups->Verify(backup.number).ok()) << nth;
      if (backup.number != first) ASSERT_TRUE(backups->Prune(backup.number).ok());
    }
  }
}

// As kill -9, or a power cut, leaves it.
TEST_F(BackupsTest, AfterACrashAnywhereTheFormerIsWhole_AndTheNextIsMade) {
  Put("key", "first");
  auto backups = Open();
  ASSERT_TRUE(Make(*backups).ok());
  Put("key", "second");
  bool made_once = false;
  for (uint64_t nth = 1; !made_once && nth < 200; ++nth) {
    disk_.CrashAt(nth);
    const auto made = Make(*backups);
    made_once = made.ok();
    backups.reset();
    if (nth % 2 == 0 && !made_once) ASSERT_TRUE(disk_.LosePower().ok());
    disk_.Restart();
    backups = Open();
    ASSERT_TRUE(backups != nullptr);
    ASSERT_FALSE(backups->List().empty()) << nth;
    for (const Backup& backup : backups->List()) EXPECT_TRUE(backups->Verify(backup.number).ok()) << nth;
  }
  EXPECT_TRUE(made_once);
}

TEST_F(BackupsTest, AFlippedBitIsFound_AndNothingIsRestoredWithIt) {
  Put("key", "first");
  const auto backups = Open();
  const auto made = Make(*backups);
  ASSERT_TRUE(made.ok());
  const fs::path table = TableFiles().front();
  std::string bytes = ReadBytes(table.string());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  WriteBytes(table.string(), bytes);
  const absl::Status verified = backups->Verify(made->number);
  EXPECT_TRUE(absl::IsDataLoss(verified)) << verified;
  EXPECT_TRUE(absl::StrContains(verified.message(), table.filename().string())) << verified;
  const std::string restored = (directory_ / "restored").string();
  const absl::Status status = backups->Restore(made->number, restored);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), table.filename().string())) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "use another backup")) << status;
  EXPECT_FALSE(ReadRestoreMark(restored).has_value());
}

// It once said whole again as soon as it was asked anew.
TEST_F(BackupsTest, ThatOneIsFoundDamagedIsRemembered_UntilItIsWholeOrPruned) {
  Put("key", "first");
  auto backups = Open();
  const uint32_t number = Make(*backups)->number;
  const std::string table = TableFiles().front().string();
  const std::string whole = ReadBytes(table);
  std::string bytes = whole;
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  WriteBytes(table, bytes);
  EXPECT_EQ(backups->List().size(), 1u);
  for (const BackupAccess access : {BackupAccess::kWrite, BackupAccess::kRead}) {
    backups.reset();
    backups = Open(access);
    EXPECT_TRUE(absl::IsDataLoss(backups->Verify(number)));
    for (int time = 0; time < 2; ++time) {
      EXPECT_TRUE(backups->List().empty());
      EXPECT_EQ(backups->Damaged(), std::vector<uint32_t>{number});
      backups.reset();
      backups = Open(access);
    }
    WriteBytes(table, whole);
    EXPECT_TRUE(backups->Verify(number).ok());
    EXPECT_EQ(backups->List().size(), 1u);
    EXPECT_TRUE(backups->Damaged().empty());
    WriteBytes(table, bytes);
  }
  backups.reset();
  backups = Open();
  EXPECT_TRUE(absl::IsDataLoss(backups->Verify(number)));
  EXPECT_TRUE(backups->Prune(number).ok());
  EXPECT_TRUE(backups->Damaged().empty());
  EXPECT_TRUE(TableFiles().empty());
  EXPECT_FALSE(fs::exists(absl::StrCat(place(), "/DAMAGED-", number)));
}

TEST_F(BackupsTest, OneOfWhichAFileIsMissingIsDamaged_AndCanBePruned) {
  Put("key", "first");
  auto backups = Open();
  const auto made = Make(*backups);
  ASSERT_TRUE(made.ok());
  backups.reset();
  const fs::path table = TableFiles().front();
  fs::remove(table);
  backups = Open();
  EXPECT_TRUE(backups->List().empty());
  EXPECT_EQ(backups->Damaged(), std::vector<uint32_t>{made->number});
  const absl::Status verified = backups->Verify(made->number);
  EXPECT_TRUE(absl::StrContains(verified.message(), table.filename().string())) << verified;
  const absl::Status pruned = backups->Prune(made->number);
  EXPECT_TRUE(pruned.ok()) << pruned;
  EXPECT_TRUE(backups->Damaged().empty());
  EXPECT_TRUE(TableFiles().empty());
}

TEST_F(BackupsTest, NoNumberIsGivenTwice_WhicheverArePruned) {
  Put("key", "first");
  std::set<uint32_t> numbers;
  std::optional<uint32_t> kept;
  for (int time = 0; time < 6; ++time) {
    auto backups = Open();
    const auto made = Make(*backups);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(numbers.empty() || made->number > *numbers.rbegin()) << made->number;
    EXPECT_TRUE(numbers.insert(made->number).second);
    EXPECT_TRUE(backups->Damaged().empty());
    // The youngest, all, or none.
    if (time % 3 == 2) {
      kept = made->number;
      continue;
    }
    ASSERT_TRUE(backups->Prune(made->number).ok());
    if (time == 3) ASSERT_TRUE(backups->Prune(*kept).ok());
    EXPECT_EQ(backups->List().size(), time < 2 || time >= 3 ? 0u : 1u);
    backups.reset();
    backups = Open();
    EXPECT_TRUE(backups->Damaged().empty()) << "what remembers the number is no backup";
    for (const uint32_t none : {made->number, made->number + 1}) {
      EXPECT_TRUE(absl::IsNotFound(backups->Verify(none))) << none;
      EXPECT_TRUE(absl::IsNotFound(backups->Prune(none))) << none;
    }
  }
}

TEST_F(BackupsTest, ADeletionThatWasCutShortIsFinishedByTheNextOpening) {
  bool pruned = false;
  for (uint64_t nth = 1; !pruned && nth < 200; ++nth) {
    const std::string canary = absl::StrCat("canary-", nth, "-");
    Put("key", canary);
    auto backups = Open();
    const auto made = Make(*backups);
    ASSERT_TRUE(made.ok()) << made.status();
    Put("key", "none");
    ASSERT_TRUE(store_->Scrub(WholeOf({}, true)).ok());
    ASSERT_TRUE(Make(*backups).ok());
    disk_.CrashAt(nth);
    pruned = backups->Prune(made->number).ok();
    backups.reset();
    disk_.Restart();
    backups = Open();
    ASSERT_TRUE(backups != nullptr);
    const std::vector<Backup> left = backups->List();
    const bool is_there = !left.empty() && left.front().number == made->number;
    if (!is_there) EXPECT_TRUE(FilesHolding(place(), canary).empty()) << nth;
    for (const Backup& backup : left) ASSERT_TRUE(backups->Prune(backup.number).ok());
  }
  EXPECT_TRUE(pruned);
}

TEST_F(BackupsTest, AVerificationIsGivenUpAfterOneMoreRead) {
  Put("key", "first");
  LongFiles files;
  RocksDbBackupOptions options;
  options.file_system = files.file_system();
  const auto backups = OpenRocksDbBackups(place(), BackupAccess::kWrite, options);
  ASSERT_TRUE(backups.ok()) << backups.status();
  const auto made = Make(**backups);
  ASSERT_TRUE(made.ok()) << made.status();
  files.Begin([&] { (*backups)->Stop(); });
  const absl::Status verified = (*backups)->Verify(made->number);
  EXPECT_TRUE(absl::IsCancelled(verified)) << verified;
  EXPECT_EQ(files.reads(), 1);
  EXPECT_TRUE(absl::IsCancelled((*backups)->Verify(made->number))) << "and so is each after it";
}

TEST_F(BackupsTest, NothingIsOverwrittenByARestore) {
  Put("key", "first");
  const auto backups = Open();
  const auto made = Make(*backups);
  ASSERT_TRUE(made.ok());
  fs::create_directory(directory_ / "full");
  WriteBytes((directory_ / "full" / "of-somebody").string(), "x");
  const absl::Status status = backups->Restore(made->number, (directory_ / "full").string());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(ReadBytes((directory_ / "full" / "of-somebody").string()), "x");
  // A volume has this by itself.
  fs::create_directories(directory_ / "volume" / "lost+found");
  const absl::Status onto_volume = backups->Restore(made->number, (directory_ / "volume").string());
  EXPECT_TRUE(onto_volume.ok()) << onto_volume;
  const absl::Status nowhere = backups->Restore(made->number, (directory_ / "not" / "there").string());
  EXPECT_TRUE(absl::IsUnavailable(nowhere)) << nowhere;
}

TEST_F(BackupsTest, ADirectoryBelongsToOneWhoWrites_AndIsReadByAny) {
  Put("key", "first");
  const auto backups = Open();
  ASSERT_TRUE(Make(*backups).ok());
  const auto second = OpenRocksDbBackups(place(), BackupAccess::kWrite, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  const auto reader = Open(BackupAccess::kRead);
  ASSERT_TRUE(reader != nullptr);
  EXPECT_EQ(reader->List().size(), 1u);
  const auto missing = OpenRocksDbBackups((directory_ / "none").string(), BackupAccess::kRead, {});
  EXPECT_TRUE(absl::IsUnavailable(missing.status())) << missing.status();
  EXPECT_FALSE(fs::exists(directory_ / "none")) << "who only looks makes nothing";
}

}  // namespace
}  // namespace retention
