// Takes damaged table files out of the store, and says what was lost with them.
#ifndef RETENTION_SERVER_OPS_STORE_MENDING_H_
#define RETENTION_SERVER_OPS_STORE_MENDING_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/due_day.h"
#include "storage/store.h"

namespace retention {

// Days and categories, or kinds of rows; no row, no value.
std::string DescribeLost(const LostRows& lost);

// The first and the last due day of the values among it; nullopt if there are none, or some have no day.
struct LostDays {
  DueDay first;
  DueDay last;
};
std::optional<LostDays> DaysOf(const std::vector<LostRows>& lost);

// Whether an engine opens without them: it needs the ledger, and registers of family `state`.
bool CanLose(const LostRows& lost);

// The log line.
void ReportLost(const LostRows& lost);

// Nothing if no file was found damaged. What it finds, does and leaves is a log line each. May take as long as
// rewriting a family of the store does.
absl::Status MendStore(Store& store);

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_STORE_MENDING_H_
