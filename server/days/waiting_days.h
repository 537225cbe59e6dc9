// Days whose keys have to wait where there is no store, and why.
#ifndef RETENTION_SERVER_DAYS_WAITING_DAYS_H_
#define RETENTION_SERVER_DAYS_WAITING_DAYS_H_

#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "storage/due_day.h"
#include "storage/secrets/key_ring.h"

namespace retention {

struct WaitingDays {
  std::vector<DueDay> days;  // that are due, as far as the ring knows, and have their keys
  std::string_view why;
};

// Those that DestroyDueByRing (due_keys.h) leaves.
WaitingDays DaysThatWait(const KeyRing& ring, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_WAITING_DAYS_H_
