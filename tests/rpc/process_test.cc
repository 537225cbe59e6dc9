#include "server/app/process.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>

#include "server/app/volume.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

TEST(Process, NothingDumpsItsMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto forbid = [] {
    rlimit core{.rlim_cur = 1, .rlim_max = 1};
    const bool forbidden = ForbidDumps().ok() && ::prctl(PR_GET_DUMPABLE) == 0 &&
                           ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
    std::exit(forbidden ? 0 : 1);
  };
  EXPECT_EXIT(forbid(), ::testing::ExitedWithCode(0), "");
}

TEST(Volume, FileSystemsThatKeepOldBlocksAreKnown) {
  constexpr uint64_t kExt4 = 0xEF53;
  constexpr uint64_t kBtrfs = 0x9123683E;
  EXPECT_EQ(CopyOnWriteName(kBtrfs), "btrfs");
  EXPECT_EQ(CopyOnWriteName(kExt4), "");
  EXPECT_EQ(CopyOnWriteNameOf("/proc"), "");
  EXPECT_EQ(CopyOnWriteNameOf("/nowhere"), "");
}

TEST(Volume, OneIsSharedByWhatLiesOnIt) {
  const FreshDirectory directory;
  std::filesystem::create_directory(directory / "ring");
  EXPECT_TRUE(ShareVolume(directory.path().string(), (directory / "ring").string()));
  EXPECT_FALSE(ShareVolume(directory.path().string(), "/proc"));
  EXPECT_FALSE(ShareVolume(directory.path().string(), "/nowhere"));
}

}  // namespace
}  // namespace retention
