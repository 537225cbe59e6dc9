// Objects that are files below a directory of this machine.
#pragma once

#include "client/objects/object_store.h"

namespace retention {

// A store whose references are paths relative to `directory`. What it will not delete, and reports as FAILED:
// - what is not below the directory: absolute paths, "..", and whatever a symbolic link leads to, inside or out;
// - what is no ordinary file, such as a directory or a link: the object would be somewhere else;
// - a file with further hard links: its content would stay under the other name.
// Directories that become empty stay. INVALID_ARGUMENT or NOT_FOUND, with the path, if `directory` cannot be opened.
// The directory is held open: moving or replacing it does not lead the store elsewhere.
absl::StatusOr<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& directory);

}  // namespace retention
