// Which directory lies within which.
#ifndef RETENTION_SERVER_APP_PATHS_H_
#define RETENTION_SERVER_APP_PATHS_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace retention {

// Absolute, without links as far as they can be followed: a volume that fails is no mistake of who wrote the path.
// INVALID_ARGUMENT, naming `what`, if it is no path.
absl::StatusOr<std::filesystem::path> CanonicalPath(const char* what, const std::string& path);

// Of two canonical paths. Whatever lies within itself.
bool LiesWithin(const std::filesystem::path& inner, const std::filesystem::path& outer);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_PATHS_H_
