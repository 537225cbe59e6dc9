// The file of --policy.
#ifndef RETENTION_SERVER_APP_POLICY_FILE_H_
#define RETENTION_SERVER_APP_POLICY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/law/policy.h"

namespace retention {

// INVALID_ARGUMENT: it cannot be read, with path and errno; or it is no policy, as Policy::FromText.
absl::StatusOr<Policy> ReadPolicy(const std::string& path);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_POLICY_FILE_H_
