// A root in a PKCS#11 token: a smart card, a hardware security module. The key never leaves the token: what stands
// above the ring is its HMAC of a constant.
#ifndef RETENTION_STORAGE_SECRETS_ROOT_PKCS11_H_
#define RETENTION_STORAGE_SECRETS_ROOT_PKCS11_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/secrets/root_key.h"

namespace retention {

struct Pkcs11Place {
  std::string module;    // the token's shared library
  std::string token;     // label of the token
  std::string pin_file;  // with the user's PIN, mode 0600; a line end is no part of it
};

// Loads the module and logs in. FAILED_PRECONDITION if there is no such token, the PIN is wrong, or others have access
// to its file; UNAVAILABLE if the module cannot be loaded.
absl::StatusOr<std::unique_ptr<RootKey>> OpenRootPkcs11(const Pkcs11Place& place);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ROOT_PKCS11_H_
