// Finds anew which rows objects have, where rows that say so were lost with a damaged file.
#ifndef RETENTION_SERVER_DAYS_REFERENCE_SEARCH_H_
#define RETENTION_SERVER_DAYS_REFERENCE_SEARCH_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/days/endings.h"
#include "server/rows/writer.h"

namespace retention {

// In bounded steps, each a command of its own; nothing if none were lost. Until it is done nobody can tell whether an
// object has another row, so what would order one away is UNAVAILABLE. One that is cut short begins anew.
absl::Status FindReferences(const Enders& enders, const Commands& commands, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_REFERENCE_SEARCH_H_
