// A root of the ring that can be changed: a secret kept elsewhere, of which the former is then nowhere. Whoever has the
// ring's disk from before, and the root of today, opens nothing with the two.
#ifndef RETENTION_STORAGE_SECRETS_ROOT_KEY_H_
#define RETENTION_STORAGE_SECRETS_ROOT_KEY_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// Where a root is kept. Do not change the numbers.
enum class RootKind : uint8_t { kNone = 0, kFile = 1, kPkcs11 = 2, kTpm = 3 };
std::string_view NameOf(RootKind kind);

// Which root it is: of a ring, and the how manieth.
struct RootName {
  std::array<uint8_t, 16> ring{};
  uint32_t epoch = 0;
};

// Not thread-safe: the ring calls it while it is being changed. For the time of a change the former root and the next
// one are both there.
//
// Errors: NOT_FOUND if there is no such root; FAILED_PRECONDITION if what is there is of another ring, or others have
// access to it; UNAVAILABLE if it cannot be reached.
class RootKey {
 public:
  virtual ~RootKey() = default;

  virtual RootKind kind() const = 0;
  // Makes a root, durable on return. One of the same name is replaced.
  virtual absl::StatusOr<SecretKey> Make(const RootName& name) = 0;
  virtual absl::StatusOr<SecretKey> Read(const RootName& name) = 0;
  // Destroys the ring's other roots.
  virtual absl::Status KeepOnly(const RootName& name) = 0;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ROOT_KEY_H_
