#include "server/rpc/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace retention {
namespace {

TEST(WorkerPool, RefusesWhatIsBeyondItsQueueAndRunsTheRest) {
  std::atomic<int> runs = 0;
  {
    std::promise<void> release;
    std::promise<void> begun;
    auto released = release.get_future().share();
    WorkerPool pool(1, 2);
    EXPECT_FALSE(pool.Submit([] {})) << "it is not open";
    pool.Open();
    ASSERT_TRUE(pool.Submit([&, released] {
      begun.set_value();
      released.wait();
      ++runs;
    }));
    begun.get_future().wait();
    EXPECT_TRUE(pool.Submit([&] { ++runs; }));
    EXPECT_TRUE(pool.Submit([&] { ++runs; }));
    EXPECT_FALSE(pool.Submit([&] { ++runs; }));
    release.set_value();
  }
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace retention
