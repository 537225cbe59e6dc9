// Whether a replica is whole, and how those of one generation are made alike.
#ifndef RETENTION_STORAGE_SECRETS_RING_MERGE_H_
#define RETENTION_STORAGE_SECRETS_RING_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/ring_disk.h"

namespace retention {

// A replica that is not written, but has what others may lack by damage.
struct MergeSource {
  size_t replica = 0;
  std::set<RingFile> lacks;  // files that are not there, or are another ring's
};

struct Merged {
  size_t mended = 0;             // entries that were damaged in one of them
  size_t damaged_keys = 0;       // in all
  size_t damaged_pages = 0;      // the same
  size_t cut_keys = 0;           // cut off in all
  size_t cut_pages = 0;          // blocks
  std::optional<size_t> unread;  // a replica that may have something of it, but cannot be read there
  absl::Status left_alone;       // why one of them is stale
};

// The first file of the `later` replica that lacks something which the `lower` one, of an earlier generation, has: it
// is cut off or damaged there, and whole here. None if nothing would be lost with the lower one. Writes nothing.
absl::StatusOr<std::optional<RingFile>> LostWithout(const RingReplica& lower, const RingHead& lower_head,
                                                    const std::set<RingFile>& lower_lacks, const RingReplica& later,
                                                    const RingHead& head, bool lacks_pages);

// Each entry and slot of the replicas `equals` as in the first in which it is whole, or destroyed, and their files as
// long as the longest. What is damaged, or cut off, in all of them is taken from those that are `also` of this `head`.
// A replica that fails is stale from then on, unless it is the last of them. REQUIRES: `equals` is not empty.
absl::StatusOr<Merged> MergeReplicas(RingDisk& disk, const std::vector<size_t>& equals,
                                     const std::vector<MergeSource>& also, const RingHead& head, bool lacks_pages);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_MERGE_H_
