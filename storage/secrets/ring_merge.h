// Whether a replica is whole, and how those of one generation are made alike.
#ifndef RETENTION_STORAGE_SECRETS_RING_MERGE_H_
#define RETENTION_STORAGE_SECRETS_RING_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/ring_disk.h"

namespace retention {

struct Merged {
  size_t mended = 0;        // entries that were damaged in one of them
  size_t damaged = 0;       // in all
  absl::Status left_alone;  // why one of them is stale
};

// The first file of a replica, which has `head`, that is damaged: of which something is cut off, or an entry or an
// owner's slot is not whole; none if it is whole. Writes nothing.
absl::StatusOr<std::optional<RingFile>> DamagedFileOf(const RingReplica& replica, const RingHead& head,
                                                      bool lacks_pages);

// Each entry and slot of the replicas `equals`, which have `head`, as in the first in which it is whole, or destroyed.
// A replica that fails is stale from then on, unless it is the last of them. REQUIRES: `equals` is not empty.
absl::StatusOr<Merged> MergeReplicas(RingDisk& disk, std::vector<size_t> equals, const RingHead& head,
                                     bool lacks_pages);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_MERGE_H_
