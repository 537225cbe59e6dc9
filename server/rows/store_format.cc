#include "server/rows/store_format.h"

#include "retention/stored/v1/stored.pb.h"
#include "server/base/errors.h"

namespace retention {

std::string RingIdentityIn(const std::optional<std::string>& row) {
  stored::v1::StoreFormat format;
  return row.has_value() && format.ParseFromString(*row) ? format.ring_identity() : std::string();
}

absl::Status RingMismatch() {
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "KEY_RING_MISMATCH",
                         "the key ring is not the one that this data directory was created with: they do not belong "
                         "together");
}

absl::Status CheckFormat(const std::optional<std::string>& row, uint32_t version, const KeyRing& ring) {
  if (!row.has_value()) return absl::OkStatus();
  stored::v1::StoreFormat format;
  if (!format.ParseFromString(*row)) return absl::DataLossError("the row that names the on-disk format does not parse");
  if (format.version() != version) {
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "FORMAT_UNKNOWN",
                           "the data directory has an on-disk format that this version does not know");
  }
  if (format.ring_identity() != ring.identity()) return RingMismatch();
  return absl::OkStatus();
}

}  // namespace retention
