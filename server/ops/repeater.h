// A thread that does one thing again and again: after an interval, or when it is woken.
#ifndef RETENTION_SERVER_OPS_REPEATER_H_
#define RETENTION_SERVER_OPS_REPEATER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

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
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;    // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_REPEATER_H_
