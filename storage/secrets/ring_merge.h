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

// The first file of the `later` replica that lacks something which the `lower` one, of an earlier generation, has: it
// is cut off or damaged there, and whole here. None if nothing would be lost with the lower one. Writes nothing.
absl::StatusOr<std::optional<RingFile>> LostWithout(const RingReplica& lower, const RingHead& lower_head,
                                                    const RingReplica& later, const RingHead& head, bool lacks_pages);

// Each entry and slot of the replicas `equals`, which have `head`, as in the first in which it is whole, or destroyed.
// A replica that fails is stale from then on, unless it is the last of them. REQUIRES: `equals` is not empty.
absl::StatusOr<Merged> MergeReplicas(RingDisk& disk, std::vector<size_t> equals, const RingHead& head,
                                     bool lacks_pages);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_MERGE_H_
