// One process to a directory.
#ifndef RETENTION_STORAGE_DIRECTORY_LOCK_H_
#define RETENTION_STORAGE_DIRECTORY_LOCK_H_

#include <string>

#include "absl/status/statusor.h"

namespace retention {

// Opens and locks `directory`; closing the descriptor, or the end of the process, unlocks it. FAILED_PRECONDITION if it
// is locked (by this process too), NOT_FOUND if there is no such directory, UNAVAILABLE for any other failure.
absl::StatusOr<int> LockDirectory(const std::string& directory);

}  // namespace retention

#endif  // RETENTION_STORAGE_DIRECTORY_LOCK_H_
