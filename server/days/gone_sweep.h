// Sweeps what nobody can read any more because a key that it needs is gone.
//
// That is so in a copy of the store from before something ended: the ring has destroyed since what opened it. And
// beside a ring of yesterday, which never had the keys of what came since. Damage is something else, and stays.
#ifndef RETENTION_SERVER_DAYS_GONE_SWEEP_H_
#define RETENTION_SERVER_DAYS_GONE_SWEEP_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/days/endings.h"
#include "server/law/category_counts.h"
#include "server/rows/writer.h"

namespace retention {

// What was swept.
struct GoneTally {
  CategoryCounts values{};
  uint64_t pbxs = 0;         // whose end has begun
  uint64_t records = 0;      // of PBXs that live: until they are synchronised, only their name is known
  uint64_t occurrences = 0;  // that were deleted since, or of which nothing of their course is left
  uint64_t orders = 0;
  uint64_t holds = 0;
  uint64_t log_extensions = 0;
  uint64_t controllers = 0;  // their descriptions

  bool empty() const;
};

// Walks over the whole store, in bounded steps, each a command of its own; for a start that may find such rows, before
// anything else is done. What lies under destroyed days goes with those, what is a PBX's that is ending with that.
class GoneSweep {
 public:
  // REQUIRES: what they refer to outlives it.
  GoneSweep(const Enders& enders, Writer& writer) : enders_(enders), holdings_(enders.holdings), writer_(writer) {}

  // REQUIRES: the store has its mark (ledger/lost_part.h), which goes with the last step. What is swept has its entry
  // with reason KEY_GONE. `then` is called once the PBXs are known that live, and before anything ends that a hold may
  // keep. Errors of the store; UNAVAILABLE if nobody can tell what holds keep.
  absl::StatusOr<GoneTally> Run(absl::Time now, absl::FunctionRef<absl::Status()> then);

 private:
  absl::Status SweepPbxs(absl::Time now);
  absl::Status SweepState(absl::Time now);
  absl::Status SweepCovers(absl::Time now);
  absl::Status SweepFiled(absl::Time now);
  absl::Status SweepReferences(absl::Time now);
  absl::Status SweepOccurrences(absl::Time now);
  // A step of it, from a key on; where to go on, or nullopt at its end.
  using Step = absl::FunctionRef<absl::Status(std::string_view key, std::string_view value, Change& change)>;
  absl::Status Walk(Family family, const std::string& begin, const std::string& end, absl::Time now, Step look);
  absl::StatusOr<bool> IsLost(const LocatorName& name, const MeetingLocator& locator) const;

  const Enders enders_;
  const Holdings& holdings_;
  Writer& writer_;
  GoneTally tally_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_GONE_SWEEP_H_
