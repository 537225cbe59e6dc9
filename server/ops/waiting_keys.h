// Says in the log that keys of what is due have to wait, and that they are gone at last.
#ifndef RETENTION_SERVER_OPS_WAITING_KEYS_H_
#define RETENTION_SERVER_OPS_WAITING_KEYS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/rows/holdings.h"
#include "storage/due_day.h"

namespace retention {

// Of days, or None() where they are of no day.
struct Waiting {
  DueDay first;
  DueDay last;
  uint64_t keys = 0;
};
// The line that says so. `of`: "days", or what else has keys.
void LogWaiting(std::string_view of, const Waiting& waits, std::string_view why);

// Not thread-safe.
class WaitingKeys {
 public:
  // REQUIRES: `holdings` outlives it.
  explicit WaitingKeys(const Holdings& holdings) : holdings_(holdings) {}

  // What waits before anything was tried: only that it is gone will be said.
  void Note(absl::Time now);
  // What waits still, after a run with this outcome: a line for each class of keys of which more waits than before, or
  // nothing any more.
  void Look(absl::Time now, const absl::Status& outcome);

 private:
  enum Class : size_t { kOfDays, kRescued, kOfOwners, kClasses };
  using OfClasses = std::array<Waiting, kClasses>;
  static std::string_view NameOf(size_t of);
  OfClasses Find(absl::Time now) const;

  const Holdings& holdings_;
  OfClasses told_{};
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_WAITING_KEYS_H_
