// The keys of due days, and what of a day outlives them: with a store, and without one.
#ifndef RETENTION_SERVER_DAYS_DUE_KEYS_H_
#define RETENTION_SERVER_DAYS_DUE_KEYS_H_

#include <compare>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/key_use.h"
#include "storage/random_source.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/vault.h"

namespace retention {

// What a PBX has under a day that uses one of its keys, or none.
struct DayPart {
  DueDay day;
  PbxId pbx;
  PbxKeyUse use = PbxKeyUse::kNotNeeded;

  friend auto operator<=>(const DayPart&, const DayPart&) = default;
};

// Adds all that PBXs have under `days` to `parts`, of those that holds may concern on the day after `last`. `held`:
// until when they do.
void AddHeldParts(std::span<const DueDay> days, const std::map<PbxId, DueDay>& held, DueDay last,
                  std::set<DayPart>& parts);

struct DestroyedDays {
  std::vector<DueDay> days;  // that had keys, and have none any more
  absl::Status left;         // not OK: those after them have to wait, and why
};

// Parts of some days, one at least, ascending.
using DayPartsOf = absl::FunctionRef<std::set<DayPart>(std::span<const DueDay> days)>;
// What is kept by one write of the ring, and asked for at once: 4 MiB of entries.
inline constexpr size_t kPartsAtOnce = 65536;

// Destroys the keys of all days up to `last`, but keeps those of `parts_of` them: in one write of the ring, or in as
// many as have kPartsAtOnce of these. `parts_a_day`: so many at most, or of one day alone more. Where the ring's disk
// has no room for these, the oldest days, as far as there is. REQUIRES: `vault` is over `ring`, and forgets them
// afterwards.
absl::StatusOr<DestroyedDays> DestroyDays(KeyRing& ring, Vault& vault, DueDay last, absl::Time now, size_t parts_a_day,
                                          DayPartsOf parts_of);

// The same for the days that are due, where there is no store to be asked: by what the ring remembers. All that a PBX
// has which a hold may concern is kept, and all objects: nobody knows which have had their orders. What is not needed
// of that goes when the store is there again. Destroys nothing where the ring does not know what it must (DueRules).
absl::StatusOr<DestroyedDays> DestroyDueByRing(KeyRing& ring, RandomSource& random, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_DUE_KEYS_H_
