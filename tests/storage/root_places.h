// Places of roots: a file, a software token, a software TPM. Each fresh, and gone with its test.
#ifndef RETENTION_TESTS_STORAGE_ROOT_PLACES_H_
#define RETENTION_TESTS_STORAGE_ROOT_PLACES_H_

#include <memory>
#include <string>

#include "storage/secrets/root_key.h"

namespace retention {

class RootPlace {
 public:
  virtual ~RootPlace() = default;
  // False where the program that plays it is not installed (deploy/setup.sh does).
  virtual bool is_there() const = 0;
  // As a server that starts.
  virtual std::shared_ptr<RootKey> Open() = 0;
};

// Null for kNone.
std::unique_ptr<RootPlace> MakeRootPlace(RootKind kind);

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_ROOT_PLACES_H_
