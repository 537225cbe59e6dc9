// The row that names the on-disk format of a store, and its ring.
#ifndef RETENTION_SERVER_ROWS_STORE_FORMAT_H_
#define RETENTION_SERVER_ROWS_STORE_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "storage/secrets/key_ring.h"

namespace retention {

// That of the ring of a store with this row; empty if it has none, or does not parse.
std::string RingIdentityIn(const std::optional<std::string>& row);
// FAILED_PRECONDITION with reason KEY_RING_MISMATCH.
absl::Status RingMismatch();
// Whether a store with this row is of `version` and of `ring`; OK without one: it is yet to be made.
// FAILED_PRECONDITION with reason FORMAT_UNKNOWN or KEY_RING_MISMATCH; DATA_LOSS if the row does not parse.
absl::Status CheckFormat(const std::optional<std::string>& row, uint32_t version, const KeyRing& ring);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_STORE_FORMAT_H_
