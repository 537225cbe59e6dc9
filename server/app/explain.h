// Which part of a start failed.
#ifndef RETENTION_SERVER_APP_EXPLAIN_H_
#define RETENTION_SERVER_APP_EXPLAIN_H_

#include "absl/status/status.h"

namespace retention {

// `status`, of which the message says once that it is about `part`.
absl::Status Explain(const char* part, const absl::Status& status);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_EXPLAIN_H_
