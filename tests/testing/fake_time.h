// A machine whose clock, suspension and starts are the test's.
#ifndef RETENTION_TESTS_TESTING_FAKE_TIME_H_
#define RETENTION_TESTS_TESTING_FAKE_TIME_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/time_source.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe. Stands still unless it is moved; nobody vouches for its clock.
class FakeTime final : public TimeSource {
 public:
  explicit FakeTime(absl::Time wall) : wall_(wall) { boot_.boot_id.fill(1); }

  absl::Time Wall() const override {
    const MutexLock lock(mutex_);
    return wall_;
  }
  BootTime Boot() const override {
    const MutexLock lock(mutex_);
    return boot_;
  }
  bool IsDisciplined() const override {
    const MutexLock lock(mutex_);
    return is_disciplined_;
  }

  // Time passes, be the machine awake or suspended.
  void Pass(absl::Duration time) {
    const MutexLock lock(mutex_);
    wall_ += time;
    boot_.boottime_us += absl::ToInt64Microseconds(time);
  }
  // CLOCK_BOOTTIME alone goes on: the process, or its machine, was put back with another.
  void PassByBoottimeAlone(absl::Duration time) {
    const MutexLock lock(mutex_);
    boot_.boottime_us += absl::ToInt64Microseconds(time);
  }
  // The clock is set; the kernel then says that nothing keeps it right.
  void SetWall(absl::Time wall) {
    const MutexLock lock(mutex_);
    wall_ = wall;
    is_disciplined_ = false;
  }
  void Jump(absl::Duration by) { SetWall(Wall() + by); }
  // NTP has set the clock to `wall`, and says so.
  void Discipline(absl::Time wall) {
    const MutexLock lock(mutex_);
    wall_ = wall;
    is_disciplined_ = true;
  }
  // It was off, and starts with its clock at `wall`.
  void Reboot(absl::Time wall) {
    const MutexLock lock(mutex_);
    wall_ = wall;
    boot_.boottime_us = 10'000'000;
    ++boot_.boot_id[0];
    is_disciplined_ = false;
  }

 private:
  mutable Mutex mutex_;
  absl::Time wall_ ABSL_GUARDED_BY(mutex_);
  BootTime boot_ ABSL_GUARDED_BY(mutex_) = {.boottime_us = 1'000'000'000};
  bool is_disciplined_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_FAKE_TIME_H_
