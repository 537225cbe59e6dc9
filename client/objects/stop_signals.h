// SIGINT and SIGTERM as a call, so that a command can end what it is about.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace retention {

// While it lives the first of these signals calls `on_stop`, on a thread of its own; a second one ends the process as
// if nobody listened. To be made before any other thread, which would take the signals itself; one at a time.
class StopSignals {
 public:
  explicit StopSignals(std::function<void()> on_stop);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Waits so long, or until a signal came.
  void WaitFor(absl::Duration delay);

 private:
  void Listen();

  const std::function<void()> on_stop_;
  int signals_ = -1;  // A signalfd.
  int ended_ = -1;    // An eventfd.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace retention
