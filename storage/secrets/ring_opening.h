// From replicas as they lie to one ring: which of them is to be believed, and how the others follow it.
//
// The one of the highest generation leads. What a change was interrupted in lies differently in replicas of one
// generation; there each entry is taken from the first in which it is whole, or destroyed. One of a lower generation is
// overwritten, never read, and only if the leader is whole: else nothing is written, unless whoever runs the server
// says that the lower one is to lead. One that cannot be read is overwritten only where the leader is known to be of
// the last generation that there was: else what has been destroyed could come back; and damage beside it is no loss
// yet: it may have what is damaged.
#ifndef RETENTION_STORAGE_SECRETS_RING_OPENING_H_
#define RETENTION_STORAGE_SECRETS_RING_OPENING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/secrets/ring_bytes.h"
#include "storage/secrets/ring_disk.h"
#include "storage/secrets/ring_values.h"

namespace retention {

struct RingOpening {
  // The ring's generation is at least this, as others know: the store, the witness.
  uint64_t known_generation = 0;
  // Its identity, as the store knows that of its own ring; empty if nobody does.
  std::string known_identity;
  // Whoever runs the server says that a replica that cannot be read was of no later generation than the other; or that
  // there is no later ring any more, or none that is whole.
  bool accept_lower_replica = false;
  // It is opened for what is due to be destroyed, since nothing else can be: that others have access to it, or that
  // files lie beside it, keeps no key then, nor does a file `pages` that is missing in all replicas, which is left as
  // it lies.
  bool only_destroys = false;
};

struct OpenedRing {
  std::unique_ptr<RingDisk> disk;
  RingHead head;
  size_t rebuilt = 0;             // replicas that were overwritten
  absl::Status not_rebuilt;       // why one that was to be was not: it is stale
  size_t mended = 0;              // entries that were damaged in one of them
  size_t damaged = 0;             // entries that are damaged in all
  bool lacks_pages = false;       // only_destroys, and the file is missing in all
  bool rolled_back = false;       // others know of a later generation, which nobody has any more
  uint64_t found_generation = 0;  // of the replicas that counted, before anything was written
  std::set<size_t> unseen;        // stale replicas of which no head could be read
};

// What is known of replicas that are out of reach, for when they are back.
struct RingReturns {
  uint64_t found_generation = 0;
  std::set<size_t> unseen;
  std::set<size_t> asked;  // they have nothing that the others lack: they are overwritten, or nobody can read them
  std::set<size_t> told;   // it was said that they are left as they lie
  // Owners that were destroyed or restricted, or are not any more, since one may be out of reach.
  std::map<OwnerNumber, OwnerState> changed;
};

// NOT_FOUND if there is none, or its creation was not finished: nothing was touched. FAILED_PRECONDITION: of an unknown
// version, of different rings, rolled back (be it that a later one lacks a file), the later of two damaged, or the last
// cannot be told, be it for damage beside a replica that cannot be read.
// INVALID_ARGUMENT: it is not the known one. DATA_LOSS: there are keys, but no head, or a head, but no other file.
// UNAVAILABLE: none can be written.
// `unwrap` finds the keys in the head that is believed; while it fails, nothing is touched.
absl::StatusOr<OpenedRing> OpenRing(std::vector<std::unique_ptr<RingReplica>> replicas, const RingOpening& opening,
                                    const std::function<absl::Status(RingHead&)>& unwrap);

// REQUIRES: there is no ring in them. Entries and blocks: how many there is room for. `wrap` puts the keys into the
// head, once all but the head lies there.
absl::StatusOr<OpenedRing> CreateRing(std::vector<std::unique_ptr<RingReplica>> replicas, RingHead head, size_t entries,
                                      size_t blocks, const std::function<absl::Status(RingHead&)>& wrap);

// The identity of the ring that a replica's keys are of, be it without a head.
std::optional<std::array<uint8_t, 16>> IdentityIn(const RingReplica& replica);

// Writes `head`, whose generation is new, to the place of its generation.
absl::Status WriteHeadTo(RingDisk& disk, const RingHead& head);
// Opens replica `i`, which is out of reach, anew by its path. FAILED_PRECONDITION, and it is closed, if that leads to
// another ring, or to none on another volume than at the start: what was mounted there is not, say.
absl::Status ReopenReplica(RingDisk& disk, size_t i, const RingHead& head);
// Its later head that is whole, if there is any, and it has all files.
absl::StatusOr<std::optional<RingHead>> HeadIn(const RingReplica& replica);
// Of one that is lost: whether it is as it was left, which is when its generation is none before `least`, which it had,
// and none after `most`, which was tried last. FAILED_PRECONDITION if it is not.
absl::Status CheckAsLeft(const RingReplica& replica, uint64_t least, uint64_t most);
// Makes the files of the stale replica `i` as long as those of the others.
absl::Status ExtendReplica(RingDisk& disk, size_t i);
// Overwrites the stale replica `i` with what the others hold, its head last, and takes it as one of them again. If it
// has no room for all, RESOURCE_EXHAUSTED, what it has is overwritten. REQUIRES: another can be read.
absl::Status RebuildReplica(RingDisk& disk, size_t i, const RingHead& head);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_OPENING_H_
