#include "server/app/process.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

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

}  // namespace
}  // namespace retention
