// What the command line says of the keys above the ring.
#ifndef RETENTION_SERVER_APP_RING_KEYS_H_
#define RETENTION_SERVER_APP_RING_KEYS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/root_pkcs11.h"
#include "storage/secrets/root_tpm.h"

namespace retention {

struct RingKeyOptions {
  // The wrapping key: one of both, or none.
  std::string wrapping_key_file;
  std::string wrapping_credential;  // its name; systemd says where it lies
  // The root that can be changed: one of these, or none.
  std::string root_file;
  Pkcs11Place root_pkcs11;        // without a module: none
  TpmPlace root_tpm{.tcti = ""};  // without a TCTI: none
};

// INVALID_ARGUMENT if they say two things, half a thing, or a file within one of `directories`: the data's, the ring's.
absl::Status CheckRingKeys(const RingKeyOptions& options, const std::vector<std::string>& directories);

// Reads the wrapping key and reaches the root. Errors of wrapping.h and root_key.h.
absl::Status TakeRingKeys(const RingKeyOptions& options, KeyRing::Options& ring);

// Whether the root's file lies on the volume of `directory`, where an image of the one has the other.
bool IsRootOnVolumeOf(const RingKeyOptions& options, const std::string& directory);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_RING_KEYS_H_
