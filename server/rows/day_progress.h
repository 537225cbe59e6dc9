// How far the ends of days have come: closed, or being ended.
#ifndef RETENTION_SERVER_ROWS_DAY_PROGRESS_H_
#define RETENTION_SERVER_ROWS_DAY_PROGRESS_H_

#include <map>

#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/due_day.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace retention {

using DayProgress = stored::v1::DayProgress;

// Whether the walk that issues the orders of a day has passed the row of one of its objects, and gave it its order.
bool HasOrder(const DayProgress& progress, const FiledKey& key);

// The days up to `last` whose end has come some way and is not finished: a handful. DATA_LOSS if a row does not parse.
absl::StatusOr<std::map<DueDay, DayProgress>> ReadDayProgress(const StoreView& view, DueDay last);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_DAY_PROGRESS_H_
