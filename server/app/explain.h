// Which part of a start failed.
#ifndef RETENTION_SERVER_APP_EXPLAIN_H_
#define RETENTION_SERVER_APP_EXPLAIN_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace retention {

// `status`, of which the message says once that it is about `part`.
absl::Status Explain(const char* part, const absl::Status& status);

// DATA_LOSS: what `message` says, and the way out.
absl::Status OnlyACopyHelps(absl::string_view message);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_EXPLAIN_H_
