// Makes replicas of one generation alike.
#ifndef RETENTION_STORAGE_SECRETS_RING_MERGE_H_
#define RETENTION_STORAGE_SECRETS_RING_MERGE_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "storage/secrets/ring_disk.h"
#include "storage/secrets/ring_opening.h"

namespace retention {

// Each entry and slot of the replicas `equals` as in the first in which it is whole, counted in `ring`. One that fails
// is stale from then on, unless it is the last of them. REQUIRES: `equals` is not empty.
absl::Status MergeReplicas(RingDisk& disk, std::vector<size_t> equals, OpenedRing& ring);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_MERGE_H_
