// The forecast: what falls due when, of everything, of a controller or of a PBX.
#ifndef RETENTION_SERVER_ENGINE_FORECAST_H_
#define RETENTION_SERVER_ENGINE_FORECAST_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/retention_service.pb.h"
#include "server/holds/hold_register.h"
#include "server/logs/log_retention.h"
#include "server/rows/holdings.h"
#include "storage/store.h"

namespace retention {

// Rows that one page of a forecast with a scope looks at, so that none keeps other readers waiting.
inline constexpr size_t kForecastPageRows = 200000;
// The same where rows are opened, to see what holds would keep.
inline constexpr size_t kForecastPageRowsOpened = 20000;

// See RetentionService.ListDueDays. Without a scope the answer comes from the counts in memory; with one from the rows,
// without opening any. Thread-safe. INVALID_ARGUMENT naming the field; NOT_FOUND with reason PBX_UNKNOWN or
// CONTROLLER_UNKNOWN.
absl::StatusOr<v1::ListDueDaysResponse> Forecast(const Store& store, const Holdings& holdings,
                                                 const HoldRegister& holds, const LogRetention& logs,
                                                 const v1::ListDueDaysRequest& request, absl::Time now,
                                                 size_t page_rows = kForecastPageRows);

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_FORECAST_H_
