// Disk full, I/O errors, and crashes of a start.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/storage/fault_fixtures.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

using DiskFault = FaultFileSystem::Fault;
using Operation = FaultFileSystem::Operation;

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

// To root a file system tells free blocks as well that it gives to nobody.
TEST_F(StoreFault, RoomIsWhatTheDiskGives) {
  ASSERT_TRUE(MustOpen()->Commit(NumberedBatch(1)).ok());
  disk_.SetFreeSpace([] { return std::numeric_limits<uint64_t>::max(); });
  const std::string log = path_ + "/sparse.log";  // not RocksDB's, but as much as a log to the look for room
  std::ofstream(log).flush();
  std::filesystem::resize_file(log, std::filesystem::space(path_).available + (1ull << 30));
  const auto refused = OpenRocksDbStore(path_, {.file_system = disk_.file_system()});
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  std::filesystem::remove(log);
  MustOpen();
}

TEST_F(StoreFault, WithoutRoomItIsNotOpened_AndNothingIsTouched) {
  ASSERT_TRUE(MustOpen()->Commit(NumberedBatch(1)).ok());
  const auto files = [this] {
    std::map<std::string, uintmax_t> sizes;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      sizes.emplace(entry.path().filename().string(), entry.file_size());
    }
    return sizes;
  };
  const auto before = files();
  disk_.SetFreeSpace([] { return uint64_t{3} << 20; });
  const auto refused = OpenRocksDbStore(path_, {.file_system = disk_.file_system()});
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  for (const std::string& said :
       {path_, std::string("errno 28"), std::string("takes 5 MiB"), std::string("free 2 MiB")}) {
    EXPECT_TRUE(absl::StrContains(refused.status().message(), said)) << refused.status();
  }
  EXPECT_EQ(files(), before);
  // Somebody makes room.
  int asked = 0;
  const auto on_full = [&] {
    ++asked;
    disk_.SetFreeSpace({});
    return true;
  };
  const auto opened = OpenRocksDbStore(path_, {.on_full = on_full, .file_system = disk_.file_system()});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE((*opened)->Get(Family::kLedger, LedgerKey(1))->has_value());
}

// A little room is not enough to open it again: so it is not closed.
TEST_F(StoreFault, WithTooLittleRoomReadsGoOn) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  const MapStore::Rows before = RowsOf(*store);
  disk_.FailWrites(DiskFault::kDiskFull, 1);
  EXPECT_FALSE(store->Commit(NumberedBatch(2)).ok());
  disk_.SetFreeSpace([] { return uint64_t{3} << 20; });
  EXPECT_TRUE(absl::IsResourceExhausted(store->Resume()));
  EXPECT_EQ(RowsOf(*store), before);
  disk_.SetFreeSpace({});
  EXPECT_TRUE(store->Resume().ok());
  EXPECT_TRUE(store->Commit(NumberedBatch(2)).ok());
}

// What cannot be read endangers nothing that was acknowledged.
TEST_F(StoreFault, ASectorThatCannotBeReadCostsItself) {
  constexpr uint32_t kRows = 100;
  const std::string kWide(10'000, 'x');
  const auto key = [](uint32_t row) {
    FiledKey of = SomeKey(kDay);
    of.owner.bytes[0] = static_cast<uint8_t>(row);
    return of.Encode();
  };
  {
    auto store = MustOpen();
    Batch rows;
    for (uint32_t row = 0; row < kRows; ++row) rows.Put(Family::kFiled, key(row), kWide);
    ASSERT_TRUE(store->Commit(rows).ok());
    ASSERT_TRUE(store->SettleDay(kDay).ok());
  }
  const std::vector<std::string> tables = FilesHolding(path_, kWide);
  ASSERT_EQ(tables.size(), 1u);
  disk_.BreakSector(path_ + "/" + tables[0], 500'000);
  auto store = MustOpen();
  const auto failing = [&] {
    uint32_t failing = 0;
    for (uint32_t row = 0; row < kRows; ++row) {
      const auto found = store->Get(Family::kFiled, key(row));
      failing += found.ok() ? 0 : 1;
      EXPECT_TRUE(found.ok() || absl::IsUnavailable(found.status())) << found.status();
    }
    return failing;
  };
  EXPECT_EQ(failing(), 1u);
  // What rewrites it fails, and stops nothing.
  Batch deletion;
  deletion.Delete(Family::kFiled, key(5));
  ASSERT_TRUE(store->Commit(deletion).ok());
  const absl::Status scrubbed = store->Scrub(WholeOf({kDay}, false));
  EXPECT_TRUE(absl::IsUnavailable(scrubbed)) << scrubbed;
  EXPECT_TRUE(store->Health().ok()) << store->Health();
  EXPECT_TRUE(store->Commit(NumberedBatch(1)).ok());
  EXPECT_EQ(failing(), 1u);
  EXPECT_EQ(store->Mend().ok(), true);
  // The day's end needs nothing of it.
  EXPECT_TRUE(store->DropDaysThrough(kDay).ok());
  EXPECT_EQ(FilesHolding(path_, kWide), std::vector<std::string>());
}

TEST_F(StoreFault, AnErasureWaitsForFilesThatHoldIt) {
  const std::string kCanary = "canary.Erika.Mustermann@example.org";
  for (const char* kept : {".log", ".sst"}) {
    auto opened = OpenRocksDbStore(path_, {.erasure_wait = absl::Milliseconds(20), .file_system = disk_.file_system()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    Batch rows;
    rows.Put(Family::kFiled, SomeKey(kDay).Encode(), kCanary);
    rows.Put(Family::kFiled, SomeKey(kDay.Next()).Encode(), "kept");
    ASSERT_TRUE((*opened)->Commit(rows).ok());
    if (std::string(kept) == ".sst") {
      ASSERT_TRUE((*opened)->Checkpoint(directory_ / "flushed").ok());
    }
    disk_.KeepFiles(kept);
    const absl::Status dropped = (*opened)->DropDaysThrough(kDay);
    EXPECT_TRUE(absl::IsUnavailable(dropped)) << kept << " " << dropped;
    EXPECT_FALSE(FilesHolding(path_, kCanary).empty()) << kept;
    disk_.KeepFiles("");
    opened->reset();
    auto store = MustOpen();
    EXPECT_TRUE(store->DropDaysThrough(kDay).ok());
    EXPECT_EQ(FilesHolding(path_, kCanary), std::vector<std::string>()) << kept;
  }
}

struct FaultCase {
  DiskFault fault;
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
  EXPECT_EQ(store->Scrub(WholeOf({kDay}, true)).code(), GetParam().code);
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
    ::testing::Values(FaultCase{DiskFault::kDiskFull, Operation::kAppend, absl::StatusCode::kResourceExhausted},
                      FaultCase{DiskFault::kDiskFull, Operation::kSync, absl::StatusCode::kResourceExhausted},
                      FaultCase{DiskFault::kIoError, Operation::kAppend, absl::StatusCode::kUnavailable},
                      FaultCase{DiskFault::kIoError, Operation::kSync, absl::StatusCode::kUnavailable}));

// A compaction that leaves no row is one that RocksDB alone does not survive if it fails: rocksdb_assertion_test.cc.
TEST_F(StoreFault, AnErasureThatLeavesNothingCanFailAtEveryWrite) {
  auto store = MustOpen();
  int round = 0;
  for (const DiskFault fault : {DiskFault::kDiskFull, DiskFault::kIoError, DiskFault::kReadOnly}) {
    bool failed = true;
    for (uint64_t nth = 1; failed; ++nth) {
      ASSERT_LT(nth, 500u);
      Batch batch;
      batch.Put(Family::kFiled, SomeKey(kDay, 1).Encode(), "erased");
      ASSERT_TRUE(store->Commit(batch).ok());
      // So that it lies in a file.
      const absl::Status flushed = store->Checkpoint(directory_ / std::to_string(++round));
      ASSERT_TRUE(flushed.ok()) << flushed;
      disk_.FailAfter(nth, fault, Operation::kAppend);
      failed = !store->DropRange(Family::kFiled, FiledPrefix(kDay), PrefixEnd(FiledPrefix(kDay))).ok();
      disk_.Heal();
      ASSERT_TRUE(store->Resume().ok()) << nth;
    }
    EXPECT_EQ(RowsOf(*store), MapStore().rows());
  }
}

// A reopening that fails halfway leaves a closed store, which a later Resume opens.
TEST_F(StoreFault, ResumeCanFailAtEveryWrite_AndLosesNothing) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  const MapStore::Rows before = RowsOf(*store);
  disk_.FailWrites(DiskFault::kIoError, 1, Operation::kSync);
  ASSERT_FALSE(store->Commit(NumberedBatch(2)).ok());
  bool failed = true;
  for (uint64_t nth = 1; failed; ++nth) {
    ASSERT_LT(nth, 500u);
    disk_.FailAfter(nth, DiskFault::kIoError);
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

// Found by the simulation: after a full disk RocksDB recovered by itself beside Resume, and flushed one family but not
// yet the next when the power failed.
TEST_P(StoreWriteFault, AFailedBatchIsFoundWholeOrNotAtAllThoughResumeIsCutShort) {
  bool resumed = false;
  for (uint64_t nth = 1; !resumed; ++nth) {
    ASSERT_LT(nth, 500u);
    const FreshDirectory directory;
    FaultFileSystem disk;
    const auto open = [&] {
      auto opened = OpenRocksDbStore(directory / "store", {.file_system = disk.file_system()});
      EXPECT_TRUE(opened.ok()) << opened.status();
      return *std::move(opened);
    };
    auto store = open();
    ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
    MapStore with(RowsOf(*store));
    const MapStore::Rows without = with.rows();
    ASSERT_TRUE(with.Commit(NumberedBatch(2)).ok());
    disk.FailWrites(GetParam().fault, 1, GetParam().operation);
    ASSERT_FALSE(store->Commit(NumberedBatch(2)).ok());
    disk.CrashAt(nth);
    resumed = store->Resume().ok();
    store.reset();
    ASSERT_TRUE(disk.LosePower(1 << 20).ok());
    disk.Restart();
    store = open();
    const MapStore::Rows found = RowsOf(*store);
    EXPECT_TRUE(found == without || found == with.rows()) << "cut short at write " << nth;
  }
}

TEST_F(StoreFault, AReaderHoldsBackResumeOnlyUntilItLetsGo) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Commit(NumberedBatch(1)).ok());
  disk_.FailWrites(DiskFault::kIoError, 1);
  ASSERT_FALSE(store->Commit(NumberedBatch(2)).ok());
  auto snapshot = store->Snapshot();
  EXPECT_EQ(snapshot->Get(Family::kLedger, LedgerKey(1))->value(), "entry");
  snapshot.reset();
  EXPECT_TRUE(store->Resume().ok());
}

// Who ends waits for no disk that is slow.
TEST_F(StoreFault, AScrubUnderWayIsAbandoned_AndTheNextOpeningDoesIt) {
  const auto rows = [](const std::string& value) {
    Batch batch;
    for (uint8_t number = 0; number < 100; ++number) {
      batch.Put(Family::kFiled, SomeKey(kDay, number).Encode(), std::string(10'000, value.front()));
    }
    return batch;
  };
  auto opened = OpenRocksDbStore(path_, {.file_system = disk_.file_system()});
  ASSERT_TRUE(opened.ok()) << opened.status();
  FileStore& store = **opened;
  for (const char* value : {"former", "latter"}) {
    ASSERT_TRUE(store.Commit(rows(value)).ok());
    ASSERT_TRUE(store.SettleDay(kDay).ok());
  }
  disk_.Hold();
  absl::Status scrubbed;
  std::thread scrubs([&] { scrubbed = store.Scrub(WholeOf({kDay}, true)); });
  while (!disk_.holds()) std::this_thread::yield();
  store.AbandonRewriting();
  disk_.Release();
  scrubs.join();
  EXPECT_TRUE(absl::IsCancelled(scrubbed)) << scrubbed;
  EXPECT_TRUE(absl::IsCancelled(store.Scrub(WholeOf({kDay}, true))));
  EXPECT_TRUE(store.Health().ok()) << store.Health();
  const MapStore::Rows before = RowsOf(store);
  EXPECT_TRUE(store.Commit(NumberedBatch(200)).ok());
  opened->reset();
  const auto next = MustOpen();
  EXPECT_TRUE(next->Scrub(WholeOf({kDay}, true)).ok());
  EXPECT_EQ(before[static_cast<size_t>(Family::kFiled)].size() + 2,
            RowsOf(*next)[static_cast<size_t>(Family::kFiled)].size());
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
