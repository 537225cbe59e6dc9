// What holds keep is taken out of what ends, step by step, and let go when they are released.
#ifndef RETENTION_SERVER_HOLDS_HOLD_KEEPING_H_
#define RETENTION_SERVER_HOLDS_HOLD_KEEPING_H_

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/holds/hold_register.h"
#include "server/rows/change.h"
#include "server/rows/row_walk.h"

namespace retention {

// A walk over rows of days that are due. Nothing is filed under them any more, so what lies behind it has been looked
// at unless holds cover more by now, another day is due, or objects have been left without orders: then it begins anew.
struct DueWalk {
  uint64_t version = 0;  // of the register
  DueDay through;
  std::map<DueDay, std::set<PbxId>> unordered;  // PBXs whose objects got no orders when their day closed
  std::vector<PbxId> pbxs;                      // that it visits
  WalkPosition position;
};

// Steps of walks, each to be made durable by itself. A caller keeps the position that a step comes to once its change
// is durable, and hands it in again: so it says what the store says, whatever fails in between.
//
// Belongs to the writer's thread.
class HoldKeeping {
 public:
  // REQUIRES: both outlive it.
  HoldKeeping(const Holdings& holdings, HoldRegister& holds) : holdings_(holdings), register_(holds) {}

  struct Step {
    WalkPosition position;
    uint64_t values = 0;  // that ended

    bool more() const { return position.more; }
  };

  // A step of taking what holds keep out of days that are due at `change.now()`, before their keys go; objects that had
  // no orders when their day closed get them. A hold that is placed meanwhile is heeded.
  absl::StatusOr<DueWalk> TakeOutOfDueDays(const DueWalk& walk, Change& change) const;
  // Whether nothing is left for it to do.
  absl::StatusOr<bool> IsTakenOut(const DueWalk& walk, DueDay last_due) const;
  // The PBXs of which holds in force may keep anything, until when at most.
  std::map<PbxId, DueDay> ConcernedPbxs(DueDay last_due) const { return register_.ConcernedPbxs(last_due); }
  // See HoldRegister::NoteEnd; called where a hold concerns the PBX. `entry_key`: of its row in the registry.
  absl::Status NoteEnd(const PbxId& pbx, std::string_view entry_key, Change& change) const;
  // A step of what precedes the last of a PBX that is ending: its objects get their orders and end, and what they keep
  // is taken out.
  absl::StatusOr<Step> TakeOutOfEnding(const PbxRegistry::EndingPbx& ending, const WalkPosition& position,
                                       Change& change) const;
  // A step of what follows the release of holds: what no hold keeps any more ends. Keeps its position itself. `more`:
  // holds wait to be done with.
  absl::StatusOr<Step> LetGo(Change& change);
  // A step of what that will be once all holds are over whose last day is `change.last_due()` or earlier.
  absl::StatusOr<Step> ForeseeLetGo(const WalkPosition& position, Change& change) const;

 private:
  // A step through what is kept of PBXs.
  absl::StatusOr<Step> LetGoOf(std::span<const PbxId> pbxs, const WalkPosition& position, Change& change) const;
  // The walk that is to go on, or begins.
  absl::StatusOr<DueWalk> Current(const DueWalk& walk, DueDay last_due) const;

  const Holdings& holdings_;
  HoldRegister& register_;
  // What holds in force keep behind this one's walk, goes with those.
  WalkPosition release_walk_;
  uint64_t releasing_ = 0;  // the number of the hold that `release_walk_` is for
};

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_KEEPING_H_
