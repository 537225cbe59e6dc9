// What a ring says of itself.
#ifndef RETENTION_STORAGE_SECRETS_RING_REPORT_H_
#define RETENTION_STORAGE_SECRETS_RING_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "storage/due_day.h"
#include "storage/secrets/ring_disk.h"
#include "storage/secrets/ring_units.h"
#include "storage/secrets/root_key.h"

namespace retention {

struct RingStatus {
  uint64_t generation = 0;
  std::vector<bool> replicas_stale;  // one each
  uint64_t entries_lost = 0;         // damaged in all replicas, when it was opened or since
  uint64_t pages_untouched = 0;
  uint64_t pages_opened = 0;
  uint64_t owners = 0;  // numbers that the pages hold; some have ended, some were not given yet
  uint64_t bytes = 0;   // in one replica
  DueDay destroyed_through;
  bool is_wrapped = false;
  RootKind root = RootKind::kNone;
  absl::Time root_changed;  // UnixEpoch() if it never was
  bool erased_since_root = false;
  std::optional<absl::Time> root_due_since;  // its change is due, and has failed so far
};

// Of one replica. Units: heads, entries, headers of blocks, owners' slots.
struct ReplicaVerification {
  bool is_stale = false;     // was not read
  bool is_readable = false;  // else nothing of it counts
  uint64_t damaged = 0;
};
struct RingVerification {
  uint64_t units = 0;
  uint64_t entries = 0;
  uint64_t owners = 0;     // that live in opened pages
  uint64_t differing = 0;  // units that are not alike in all replicas
  uint64_t lost = 0;       // units that are damaged in all
  std::vector<ReplicaVerification> replicas;

  // All replicas were read, and are whole and alike.
  bool is_sound() const;
};

// What a step of looking for damage found.
struct RingInspection {
  uint64_t mended = 0;
  uint64_t lost = 0;       // of owners; with those that reads met since the last step
  uint64_t differing = 0;  // whole everywhere, but not alike: which is right nobody can tell, and both stay
  // Paths of files that led to them no more, and were made anew there with what they held.
  std::vector<std::string> put_back;
  bool ends_round = false;
};

// Adds what `disk` holds of `file` from `offset` on: `units`, which lie behind each other.
void VerifyRun(RingDisk& disk, RingFile file, uint64_t offset, const std::vector<RingUnit>& units,
               RingVerification& found);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_REPORT_H_
