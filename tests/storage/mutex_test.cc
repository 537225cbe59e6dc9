#include "storage/mutex.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace retention {
namespace {

// A number, and who waits for it.
class Gauge {
 public:
  void Set(int value) {
    {
      const MutexLock lock(mutex_);
      value_ = value;
    }
    changed_.NotifyAll();
  }
  bool AwaitFor(int value, absl::Duration wait) {
    const MutexLock lock(mutex_);
    return changed_.AwaitFor(mutex_, wait, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return value_ == value; });
  }
  void Await(int value) {
    const MutexLock lock(mutex_);
    while (value_ != value) changed_.Wait(mutex_);
  }
  // Sets `first`, and `second` when it has let another thread set something in between.
  int SetAround(int first, int second) {
    MutexLock lock(mutex_);
    value_ = first;
    lock.Unlock();
    std::async(std::launch::async, [this] { Set(0); }).get();
    lock.Lock();
    const int between = value_;
    value_ = second;
    return between;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int value_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(Mutex, AWaitEndsWithItsCondition) {
  Gauge gauge;
  std::thread waits([&gauge] { gauge.Await(2); });
  std::thread waits_long([&gauge] { EXPECT_TRUE(gauge.AwaitFor(2, absl::InfiniteDuration())); });
  gauge.Set(1);
  gauge.Set(2);
  waits.join();
  waits_long.join();
  EXPECT_FALSE(gauge.AwaitFor(3, absl::ZeroDuration()));
}

TEST(Mutex, ALockThatWasLetGoIsFreeForOthers) {
  Gauge gauge;
  EXPECT_EQ(gauge.SetAround(1, 2), 0);
  EXPECT_TRUE(gauge.AwaitFor(2, absl::ZeroDuration()));
}

class Pair {
 public:
  void Set(int value) {
    const WriterLock lock(mutex_);
    first_ = second_ = value;
  }
  int Difference() {
    const ReaderLock lock(mutex_);
    return first_ - second_;
  }
  // Whether a second reader comes in beside the first.
  bool ReadTwice() {
    const ReaderLock lock(mutex_);
    return std::async(std::launch::async, [this] { return Difference(); }).get() == 0;
  }

 private:
  SharedMutex mutex_;
  int first_ ABSL_GUARDED_BY(mutex_) = 0;
  int second_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(SharedMutex, ReadersShareAndNeverSeeAWriterHalfway) {
  Pair pair;
  std::thread writes([&pair] {
    for (int i = 0; i < 1000; ++i) pair.Set(i);
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pair.Difference(), 0);
  writes.join();
  EXPECT_TRUE(pair.ReadTwice());
}

}  // namespace
}  // namespace retention
