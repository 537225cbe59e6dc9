// A root in the non-volatile memory of a TPM 2.0: in two indexes, written in turn.
#ifndef RETENTION_STORAGE_SECRETS_ROOT_TPM_H_
#define RETENTION_STORAGE_SECRETS_ROOT_TPM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/random_source.h"
#include "storage/secrets/root_key.h"

namespace retention {

struct TpmPlace {
  std::string tcti = "device:/dev/tpmrm0";  // how the TPM is reached (tss2-tctildr(7))
  // The first of two NV indexes, which are defined with the first root. Their content may be read with the owner's
  // authorisation, which is empty unless somebody took ownership.
  uint32_t index = 0x01500016;
};

// UNAVAILABLE if the TPM cannot be reached. `random` outlives it.
absl::StatusOr<std::unique_ptr<RootKey>> OpenRootTpm(const TpmPlace& place, RandomSource& random);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_ROOT_TPM_H_
