// The writer: runs commands and makes their changes happen. The only one that writes what is held.
#ifndef RETENTION_SERVER_ROWS_WRITER_H_
#define RETENTION_SERVER_ROWS_WRITER_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/command_thread.h"
#include "server/rows/change.h"
#include "storage/store.h"

namespace retention {

// Not thread-safe: belongs to the writer's thread.
class Writer {
 public:
  // REQUIRES: both outlive it.
  Writer(Store& store, Holdings& holdings) : store_(store), holdings_(holdings) {}

  // Runs `command(Change&)`, which returns a Status or a StatusOr, and commits its change if it is OK. Any error leaves
  // memory as the store has it; but for one of Change::Then, nothing has happened. Takes up writing again after a
  // failure.
  template <typename Command>
  auto Do(absl::Time now, const Command& command) -> decltype(command(std::declval<Change&>())) {
    if (absl::Status status = Ready(); !status.ok()) return status;
    Change change(holdings_, now);
    auto outcome = command(change);
    if (!outcome.ok()) return outcome;
    if (absl::Status status = change.Commit(store_); !status.ok()) return status;
    return outcome;
  }

  // Leaves a failed state of the store. Does nothing if there was none.
  absl::Status Ready() { return store_.Health().ok() ? absl::OkStatus() : store_.Resume(); }

 private:
  Store& store_;
  Holdings& holdings_;
};

// Where commands are sent to from any thread. Copyable.
class Commands {
 public:
  // REQUIRES: both outlive it.
  Commands(CommandThread& thread, Writer& writer) : thread_(thread), writer_(writer) {}

  // The same, but each change that is about to be committed is shown to `show`, on the writer's thread.
  Commands Showing(std::function<void(const Change&)> show) const {
    Commands showing = *this;
    showing.show_ = std::move(show);
    return showing;
  }

  // Writer::Do, on the writer's thread. REQUIRES: not called on it.
  template <typename Command>
  auto Do(absl::Time now, const Command& command) const -> decltype(command(std::declval<Change&>())) {
    return thread_.Call([&] { return DoHere(now, command); });
  }
  // The same with the time at which the command's turn comes.
  template <typename Command>
  auto Do(const Command& command) const -> decltype(command(std::declval<Change&>())) {
    return thread_.Call([&] { return DoHere(thread_.Now(), command); });
  }
  // Runs what needs no store, and so no writing, on the writer's thread, whatever state the store is in.
  template <typename Act>
  auto DoWithoutStore(const Act& act) const -> decltype(act()) {
    return thread_.Call(act);
  }
  CommandThread& thread() const { return thread_; }

 private:
  template <typename Command>
  auto DoHere(absl::Time now, const Command& command) const -> decltype(command(std::declval<Change&>())) {
    return writer_.Do(now, [&](Change& change) {
      auto outcome = command(change);
      if (outcome.ok() && show_ != nullptr) show_(change);
      return outcome;
    });
  }

  CommandThread& thread_;
  Writer& writer_;
  std::function<void(const Change&)> show_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_WRITER_H_
