// Disk full, I/O errors, crashes and power loss.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/rocksdb_store.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

using Fault = FaultFileSystem::Fault;
using Operation = FaultFileSystem::Operation;

const DueDay kDay(absl::CivilDay(2026, 3, 8));

// A batch that touches three families; `number` tells batches apart.
Batch NumberedBatch(uint8_t number) {
  Batch batch;
  batch.Put(Family::kFiled, SomeKey(kDay, number).Encode(), std::string(300, static_cast<char>('a' + number % 26)));
  batch.Put(Family::kFiled, SomeKey(kDay.Next(), number).Encode(), "filed");
  batch.Put(Family::kState, DayCountsKey(kDay), std::to_string(number));
  batch.Put(Family::kLedger, LedgerKey(number), "entry");
  return batch;
}

MapStore::Rows RowsOf(const Store& store) {
  MapStore::Rows rows;
  for (size_t family = 0; family < kFamilies; ++family) {
    auto cursor = store.Scan(static_cast<Family>(family), "", "");
    for (; cursor->Valid(); cursor->Next()) rows[family].emplace(cursor->key(), cursor->value());
    EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  }
  return rows;
}

class StoreFault : public ::testing::Test {
 protected:
  std::unique_ptr<Store> MustOpen() {
    auto store = OpenRocksDbStore(path_, {.file_system = disk_.file_system()});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  FreshDirectory directory_;
  const std::string path_ = directory_ / "store";
  FaultFileSystem disk_;
};

struct FaultCase {
  Fault fault;
  Operation operation;
  absl::StatusCode code;
};

class StoreWriteFault : public StoreFault, public ::testing::WithParamInterface<FaultCase> {};

TEST_P(StoreWriteFault, NothingOfTheFailedBatchIsEverSeen_AndResumeHeals) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  const MapStore::Rows before = RowsOf(*store);

  disk_.FailWrites(GetParam().fault, 1, GetParam().operation);
  EXPECT_EQ(store->Commit(NumberedBatch(2)).code(), GetParam().code);
  EXPECT_EQ(store->Health().code(), GetParam().code);
  EXPECT_EQ(RowsOf(*store), before);

  // It stays refused until Resume, though the disk would take it.
  EXPECT_EQ(store->Commit(NumberedBatch(3)).code(), GetParam().code);
  EXPECT_EQ(store->DropDaysThrough(kDay).code(), GetParam().code);
  EXPECT_EQ(store->Scrub({kDay}, true).code(), GetParam().code);
  EXPECT_EQ(store->SettleDay(kDay).code(), GetParam().code);
  EXPECT_EQ(RowsOf(*store), before);

  const absl::Status resumed = store->Resume();
  EXPECT_TRUE(resumed.ok()) << resumed;
  EXPECT_TRUE(store->Health().ok());
  EXPECT_EQ(RowsOf(*store), before);
  const absl::Status committed = store->Commit(NumberedBatch(4));
  EXPECT_TRUE(committed.ok()) << committed;

  MapStore oracle;
  ASSERT_TRUE(oracle.Commit(NumberedBatch(1)).ok());
  ASSERT_TRUE(oracle.Commit(NumberedBatch(4)).ok());
  EXPECT_EQ(RowsOf(*store), oracle.rows());
  store.reset();
  store = MustOpen();
  EXPECT_EQ(RowsOf(*store), oracle.rows());
}

TEST_P(StoreWriteFault, ResumeFailsWhileTheDiskDoes_AndReadsGoOn) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  const MapStore::Rows before = RowsOf(*store);
  disk_.FailWrites(GetParam().fault, UINT64_MAX, GetParam().operation);
  EXPECT_EQ(store->Commit(NumberedBatch(2)).code(), GetParam().code);
  for (int run = 0; run < 3; ++run) {
    EXPECT_EQ(store->Resume().code(), GetParam().code);
    EXPECT_EQ(RowsOf(*store), before);
  }
  disk_.Heal();
  EXPECT_TRUE(store->Resume().ok());
  EXPECT_TRUE(store->Commit(NumberedBatch(3)).ok());
}

TEST_P(StoreWriteFault, FailedMaintenanceLosesNothing) {
  auto store = MustOpen();
  for (uint8_t i = 1; i <= 20; ++i) ASSERT_TRUE(store->Commit(NumberedBatch(i)).ok());
  const MapStore::Rows before = RowsOf(*store);
  disk_.FailWrites(GetParam().fault, UINT64_MAX, GetParam().operation);
  EXPECT_EQ(store->SettleDay(kDay).code(), GetParam().code);
  disk_.Heal();
  const absl::Status resumed = store->Resume();
  EXPECT_TRUE(resumed.ok()) << resumed;
  EXPECT_EQ(RowsOf(*store), before);

  disk_.FailWrites(GetParam().fault, UINT64_MAX, GetParam().operation);
  EXPECT_EQ(store->DropDaysThrough(kDay).code(), GetParam().code);
  disk_.Heal();
  EXPECT_TRUE(store->Resume().ok());
  EXPECT_TRUE(store->DropDaysThrough(kDay).ok());
  MapStore oracle(before);
  ASSERT_TRUE(oracle.DropDaysThrough(kDay).ok());
  EXPECT_EQ(RowsOf(*store), oracle.rows());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, StoreWriteFault,
    ::testing::Values(FaultCase{Fault::kDiskFull, Operation::kAppend, absl::StatusCode::kResourceExhausted},
                      FaultCase{Fault::kDiskFull, Operation::kSync, absl::StatusCode::kResourceExhausted},
                      FaultCase{Fault::kIoError, Operation::kAppend, absl::StatusCode::kUnavailable},
                      FaultCase{Fault::kIoError, Operation::kSync, absl::StatusCode::kUnavailable}));

// A reopening that fails halfway leaves a closed store, which a later Resume opens.
TEST_F(StoreFault, ResumeCanFailAtEveryWrite_AndLosesNothing) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  const MapStore::Rows before = RowsOf(*store);
  disk_.FailWrites(Fault::kIoError, 1, Operation::kSync);
  ASSERT_FALSE(store->Commit(NumberedBatch(2)).ok());
  bool failed = true;
  for (uint64_t nth = 1; failed; ++nth) {
    ASSERT_LT(nth, 500u);
    disk_.FailAfter(nth, Fault::kIoError);
    failed = !store->Resume().ok();
    disk_.Heal();
  }
  EXPECT_EQ(RowsOf(*store), before);
  EXPECT_TRUE(store->Commit(NumberedBatch(3)).ok());
  store.reset();
  store = MustOpen();
  MapStore oracle(before);
  ASSERT_TRUE(oracle.Commit(NumberedBatch(3)).ok());
  EXPECT_EQ(RowsOf(*store), oracle.rows());
}

TEST_F(StoreFault, AReaderHoldsBackResumeOnlyUntilItLetsGo) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  disk_.FailWrites(Fault::kIoError, 1);
  ASSERT_FALSE(store->Commit(NumberedBatch(2)).ok());
  auto snapshot = store->Snapshot();
  EXPECT_EQ(snapshot->Get(Family::kLedger, LedgerKey(1))->value(), "entry");
  snapshot.reset();
  EXPECT_TRUE(store->Resume().ok());
}

// What is left of the disk after a crash.
enum class Aftermath { kKill, kPowerLoss, kTornPowerLoss };

// A crash at one write of a script, and all that may be found afterwards.
class CrashTrial {
 public:
  // Returns false if the script ended before its `nth` write.
  bool CrashAt(uint64_t nth, void (*script)(CrashTrial&, Store&)) {
    disk_.CrashAt(nth);
    if (auto store = OpenRocksDbStore(path_, Options()); store.ok()) script(*this, **store);
    const bool crashed = disk_.crashed();
    const std::string left = directory_ / "left";
    std::filesystem::create_directories(path_);
    std::filesystem::rename(path_, left);
    for (const Aftermath aftermath : {Aftermath::kKill, Aftermath::kPowerLoss, Aftermath::kTornPowerLoss}) {
      std::filesystem::remove_all(path_);
      std::filesystem::copy(left, path_, std::filesystem::copy_options::recursive);
      if (aftermath == Aftermath::kPowerLoss) {
        EXPECT_TRUE(disk_.LosePower().ok());
      }
      if (aftermath == Aftermath::kTornPowerLoss) {
        EXPECT_TRUE(disk_.LosePower(100).ok());
      }
      SCOPED_TRACE(absl::StrCat("crash at write ", nth, ", aftermath ", static_cast<int>(aftermath)));
      Judge();
    }
    return crashed;
  }

  // What scripts are made of. Each returns whether it was acknowledged.
  bool Commit(Store& store, uint8_t number) {
    if (!store.Commit(NumberedBatch(number)).ok()) {
      in_doubt_ = number;
      return false;
    }
    EXPECT_TRUE(acknowledged_.Commit(NumberedBatch(number)).ok());
    return true;
  }
  bool Drop(Store& store, DueDay last) {
    dropping_ = last;  // until it is acknowledged it may be done, undone, or done in part: its files go one by one
    if (!store.DropDaysThrough(last).ok()) return false;
    EXPECT_TRUE(acknowledged_.DropDaysThrough(last).ok());
    dropping_.reset();
    return true;
  }

 private:
  RocksDbOptions Options() const {
    return {.erasure_wait = absl::Milliseconds(20), .file_system = disk_.file_system()};
  }
  // Acknowledged batches are all there; the one in doubt is there as a whole or not at all.
  void Judge() const {
    const auto store = OpenRocksDbStore(path_, {});
    ASSERT_TRUE(store.ok()) << store.status();
    MapStore expected(acknowledged_.rows());
    if (dropping_) {
      ASSERT_TRUE((*store)->DropDaysThrough(*dropping_).ok());
      ASSERT_TRUE(expected.DropDaysThrough(*dropping_).ok());
    }
    const MapStore::Rows rows = RowsOf(**store);
    if (rows == expected.rows()) return;
    ASSERT_NE(in_doubt_, 0);
    ASSERT_TRUE(expected.Commit(NumberedBatch(in_doubt_)).ok());
    ASSERT_EQ(rows, expected.rows());
  }

  FreshDirectory directory_;
  const std::string path_ = directory_ / "store";
  FaultFileSystem disk_;
  MapStore acknowledged_;
  uint8_t in_doubt_ = 0;
  std::optional<DueDay> dropping_;
};

// Crashes at every write of `script`, several trials at a time: RocksDB sleeps a second after a failed flush.
void CrashAtEveryWrite(void (*script)(CrashTrial&, Store&)) {
  constexpr uint64_t kThreads = 16;
  constexpr uint64_t kWritesMax = 3000;
  std::atomic<uint64_t> next{1};
  std::atomic<bool> ended{false};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      while (!ended && !::testing::Test::HasFailure()) {
        const uint64_t nth = next++;
        if (!CrashTrial().CrashAt(nth, script) || nth > kWritesMax) ended = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(next, 50u);  // the script did write
  EXPECT_LT(next, kWritesMax);
}

TEST(StoreCrash, AtEveryWriteOfALife_AcknowledgedBatchesSurviveAndOthersAreWholeOrAbsent) {
  CrashAtEveryWrite([](CrashTrial& trial, Store& store) {
    for (uint8_t number = 1; number <= 3; ++number) {
      if (!trial.Commit(store, number)) return;
    }
    if (!store.SettleDay(kDay).ok()) return;
    if (!trial.Commit(store, 4)) return;
    if (!trial.Drop(store, kDay)) return;
    if (!trial.Commit(store, 5)) return;
    if (!store.Scrub({kDay.Next()}, true).ok()) return;
    trial.Commit(store, 6);
  });
}

// A start replays the log, writes files from it and deletes it.
TEST_F(StoreFault, CrashAtEveryWriteOfAStart_LosesNothing) {
  MapStore oracle;
  {
    auto store = MustOpen();
    for (uint8_t i = 1; i <= 3; ++i) {
      ASSERT_TRUE(store->Commit(NumberedBatch(i)).ok());
      ASSERT_TRUE(oracle.Commit(NumberedBatch(i)).ok());
    }
  }
  const std::string start = directory_ / "start";
  std::filesystem::rename(path_, start);
  bool crashed = true;
  for (uint64_t nth = 1; crashed; ++nth) {
    ASSERT_LT(nth, 500u);
    for (const Aftermath aftermath : {Aftermath::kKill, Aftermath::kPowerLoss, Aftermath::kTornPowerLoss}) {
      std::filesystem::remove_all(path_);
      std::filesystem::copy(start, path_, std::filesystem::copy_options::recursive);
      disk_.Restart();
      disk_.CrashAt(nth);
      OpenRocksDbStore(path_, {.file_system = disk_.file_system()}).status().IgnoreError();
      crashed = disk_.crashed();
      if (aftermath == Aftermath::kPowerLoss) {
        ASSERT_TRUE(disk_.LosePower().ok());
      }
      if (aftermath == Aftermath::kTornPowerLoss) {
        ASSERT_TRUE(disk_.LosePower(100).ok());
      }
      disk_.Restart();
      const auto store = MustOpen();
      ASSERT_NE(store, nullptr) << "crash at write " << nth;
      ASSERT_EQ(RowsOf(*store), oracle.rows()) << "crash at write " << nth;
    }
  }
}

}  // namespace
}  // namespace retention
