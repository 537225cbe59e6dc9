// A crash at every write that a store makes in its life.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/storage/fault_fixtures.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

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

// Crashes at every write of `script`, in several processes: RocksDB sleeps a second after a failed flush, in a thread
// that all databases of a process share. REQUIRES: no thread was started.
void CrashAtEveryWrite(void (*script)(CrashTrial&, Store&)) {
  constexpr uint64_t kProcesses = 16;
  constexpr uint64_t kWritesMin = 100;  // the script writes at least so often
  constexpr uint64_t kWritesMax = 3000;
  std::vector<pid_t> children;
  for (uint64_t child = 0; child < kProcesses; ++child) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid != 0) {
      children.push_back(pid);
      continue;
    }
    uint64_t nth = child + 1;
    while (CrashTrial().CrashAt(nth, script) && !::testing::Test::HasFailure() && nth < kWritesMax) nth += kProcesses;
    const bool complete = nth >= kWritesMin && nth < kWritesMax;
    std::fflush(nullptr);
    ::_exit(complete && !::testing::Test::HasFailure() ? 0 : 1);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
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
    if (!store.Scrub(WholeOf({kDay.Next()}, true)).ok()) return;
    trial.Commit(store, 6);
  });
}

}  // namespace
}  // namespace retention
