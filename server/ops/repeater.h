// A thread that does one thing again and again: after an interval, or when it is woken.
#ifndef RETENTION_SERVER_OPS_REPEATER_H_
#define RETENTION_SERVER_OPS_REPEATER_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class Repeater {
 public:
  // `interval` is real time, at most a day; longer ones are cut.
  Repeater(absl::Duration interval, std::function<void()> run);
  // Stops.
  ~Repeater();

  // From now on runs by itself, the first time after an interval.
  void Start();
  // Runs soon.
  void Wake();
  // Waits for a run that is under way; none follows.
  void Stop();

 private:
  void Loop();

  const absl::Duration interval_;
  const std::function<void()> run_;
  Mutex mutex_;
  CondVar changed_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_REPEATER_H_
