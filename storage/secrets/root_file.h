// A root in a file, best on another volume than the ring: a memory stick, a share.
#ifndef RETENTION_STORAGE_SECRETS_ROOT_FILE_H_
#define RETENTION_STORAGE_SECRETS_ROOT_FILE_H_

#include <memory>
#include <string>

#include "storage/random_source.h"
#include "storage/secrets/root_key.h"

namespace retention {

// The file (mode 0600) is made with the first root. The former is overwritten where it lies. `random` outlives it.
std::unique_ptr<RootKey> OpenRootFile(std::string path, RandomSource& random);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ROOT_FILE_H_
