// The command thread: where everything that changes what is held runs, one thing at a time.
#ifndef RETENTION_SERVER_BASE_COMMAND_THREAD_H_
#define RETENTION_SERVER_BASE_COMMAND_THREAD_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

inline const absl::Status& OutcomeStatus(const absl::Status& status) { return status; }
template <typename Outcome>
const absl::Status& OutcomeStatus(const Outcome& outcome) {
  return outcome.status();
}

// Thread-safe.
class CommandThread {
 public:
  virtual ~CommandThread() = default;

  // Runs `task` on the thread and returns what it returned. REQUIRES: not called on that thread.
  virtual absl::Status Run(std::function<absl::Status()> task) = 0;
  // The time by the clock that commands are stamped with.
  virtual absl::Time Now() const = 0;

  // Run, for a task that returns a Status or a StatusOr.
  template <typename Task>
  auto Call(const Task& task) -> decltype(task()) {
    std::optional<decltype(task())> outcome;
    absl::Status status = Run([&] {
      outcome.emplace(task());
      return OutcomeStatus(*outcome);
    });
    if (!status.ok()) return status;
    return *std::move(outcome);
  }
};

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_COMMAND_THREAD_H_
