// What the process does for the secrets in its memory, and what it may open.
#ifndef RETENTION_SERVER_APP_PROCESS_H_
#define RETENTION_SERVER_APP_PROCESS_H_

#include <cstddef>

#include "absl/status/status.h"

namespace retention {

// No core dump is ever written, and no other process of this user may look into the memory (PR_SET_DUMPABLE,
// RLIMIT_CORE). Call it before any secret is read. UNAVAILABLE if the kernel refuses.
absl::Status ForbidDumps();

// Raises the limit on descriptors (RLIMIT_NOFILE) as far as the kernel lets this process.
void RaiseDescriptorsMax();
// That limit.
size_t DescriptorsMax();

}  // namespace retention

#endif  // RETENTION_SERVER_APP_PROCESS_H_
