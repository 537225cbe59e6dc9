// The two keys that can stand above a ring: a wrapping key, without which a stolen ring opens nothing, and a root that
// can be changed, so that what was destroyed does not hang on overwriting (root_key.h). See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_WRAPPING_H_
#define RETENTION_STORAGE_SECRETS_WRAPPING_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// 32 bytes. FAILED_PRECONDITION if others have access to the file, or it is of another size; NOT_FOUND.
absl::StatusOr<SecretKey> ReadWrappingKeyFile(const std::string& path);
// The credential `name` that systemd hands to the service (LoadCredential=, systemd.exec(5)), in `directory`, which is
// $CREDENTIALS_DIRECTORY. Who may read it is systemd's concern. Errors as above.
absl::StatusOr<SecretKey> ReadWrappingCredential(const std::string& directory, const std::string& name);

// Tells a wrapping key from another, and nothing of the key.
using WrappingCheck = std::array<uint8_t, 8>;
WrappingCheck CheckOf(const SecretKey& wrapping);

// The key above the ring's: of nothing, it is no secret.
SecretKey TopKeyOf(const std::optional<SecretKey>& wrapping, const std::optional<SecretKey>& root);

// The keys in a ring's head.
struct HeadKeys {
  SecretKey hash;
  SecretKey open;
  SecretKey entries;
};
// AES key wrap (RFC 3394): needs no nonce, and fails under another key.
using WrappedKeys = std::array<uint8_t, 3 * SecretKey::kBytes + 8>;
WrappedKeys Wrap(const SecretKey& top, const HeadKeys& keys);
// FAILED_PRECONDITION if they were wrapped under another key.
absl::StatusOr<HeadKeys> Unwrap(const SecretKey& top, const WrappedKeys& wrapped);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_WRAPPING_H_
