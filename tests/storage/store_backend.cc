#include "tests/storage/store_backend.h"

#include <gtest/gtest.h>

#include "storage/rocksdb/rocksdb_store.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

class MapBackend : public StoreBackend {
 public:
  std::unique_ptr<Store> Open() override { return std::make_unique<MapStore>(disk_); }
  bool Holds(std::string_view text) const override { return disk_->Holds(text); }
  void FailNextWrite(Fault fault) override {
    disk_->FailWrites(absl::UnavailableError("disk failed"), 1,
                      fault == Fault::kBeforeWrite ? MapDisk::FailedBatch::kLost : MapDisk::FailedBatch::kLogged);
  }

 private:
  const std::shared_ptr<MapDisk> disk_ = std::make_shared<MapDisk>();
};

class RocksDbBackend : public StoreBackend {
 public:
  std::unique_ptr<Store> Open() override {
    auto store = OpenRocksDbStore(directory_ / "store", {.file_system = disk_.file_system()});
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  bool Holds(std::string_view text) const override { return !FilesHolding(directory_.path(), text).empty(); }
  void FailNextWrite(Fault fault) override {
    disk_.FailWrites(
        FaultFileSystem::Fault::kIoError, 1,
        fault == Fault::kBeforeWrite ? FaultFileSystem::Operation::kAppend : FaultFileSystem::Operation::kSync);
  }

 private:
  const FreshDirectory directory_;
  FaultFileSystem disk_;
};

}  // namespace

std::unique_ptr<StoreBackend> MakeMapBackend() { return std::make_unique<MapBackend>(); }

std::unique_ptr<StoreBackend> MakeRocksDbBackend() { return std::make_unique<RocksDbBackend>(); }

}  // namespace retention
