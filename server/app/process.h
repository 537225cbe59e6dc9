// What the process does for the secrets in its memory.
#ifndef RETENTION_SERVER_APP_PROCESS_H_
#define RETENTION_SERVER_APP_PROCESS_H_

#include "absl/status/status.h"

namespace retention {

// No core dump is ever written, and no other process of this user may look into the memory (PR_SET_DUMPABLE,
// RLIMIT_CORE). Call it before any secret is read. UNAVAILABLE if the kernel refuses.
absl::Status ForbidDumps();

}  // namespace retention

#endif  // RETENTION_SERVER_APP_PROCESS_H_
