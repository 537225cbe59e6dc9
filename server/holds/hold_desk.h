// The hold desk: holds are placed, changed and released, and what they cover is taken out of what ends.
#ifndef RETENTION_SERVER_HOLDS_HOLD_DESK_H_
#define RETENTION_SERVER_HOLDS_HOLD_DESK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "server/rows/change.h"
#include "server/rows/pbx_registry.h"

namespace retention {

// Not thread-safe: belongs to the committer's thread. Every call is one durable change of its own.
class HoldDesk {
 public:
  // What one step of a walk over rows does at most: how long ingest may wait for it.
  static constexpr size_t kMaxStepRows = 2000;
  static constexpr size_t kMaxStepBytes = 4 << 20;
  static constexpr size_t kMaxStepHolds = 200;

  HoldDesk(Holdings& holdings, const PbxRegistry& registry) : holdings_(holdings), registry_(registry) {}

  // See HoldService. Errors: as there.
  absl::StatusOr<v1::Hold> Create(const v1::Hold& asked, absl::Time now);
  absl::StatusOr<v1::Hold> Update(const v1::UpdateHoldRequest& request, absl::Time now);
  // From now on it is not in force; what it kept ends by LetGo.
  absl::Status Release(std::string_view hold_id, absl::Time now);
  // The same for up to kMaxStepHolds holds whose last day is over; true if there are more.
  absl::StatusOr<bool> EndOver(absl::Time now);

  // A step of what follows a release: what no hold keeps any more ends. Resumable.
  struct Step {
    bool more = false;
    uint64_t values = 0;
  };
  absl::StatusOr<Step> LetGo(absl::Time now);

  // A step of taking what is held out of days that are due at `now`, before their keys go; objects that had no orders
  // when their day closed get them. Returns whether more is to be done. A hold that is placed meanwhile is heeded.
  absl::StatusOr<bool> TakeOutOfDueDays(absl::Time now);
  // A step of what precedes the last of a PBX that is ending: its objects get their orders and end, and what is held is
  // taken out. `values`: those that ended.
  absl::StatusOr<Step> TakeOutOfEnding(const PbxRegistry::EndingPbx& ending, absl::Time now);

  // Forgets a walk that will not go on, because its PBX has ended.
  void ForgetEnding(const PbxId& pbx) { ending_walks_.erase(pbx); }

 private:
  // How far a walk over rows has come. Kept from step to step, and only once its step is committed: so it says what the
  // store says, whatever fails, or is read back from the store, in between.
  struct Walk {
    std::string from;  // the first key that was not visited
    bool done = false;
  };
  // Which rows a walk visits, in the order of their keys: in each of these buckets those of each of these PBXs.
  struct Route {
    std::vector<std::pair<DueDay, CategoryNumber>> buckets;
    std::span<const PbxId> pbxs;
  };
  using Visit = std::function<absl::Status(const FiledKey& key, std::string_view envelope, Change& change)>;
  // Goes on from `walk` for one step; returns how far it comes.
  absl::StatusOr<Walk> Go(Walk walk, const Route& route, const Visit& visit, Change& change) const;

  // Of days that are due. Nothing is filed under them any more, so what lies behind the walk has been looked at, unless
  // holds cover more by now, another day is due, or objects have been left without orders.
  struct DueWalk {
    uint64_t version = 0;  // of the book
    DueDay through;
    std::map<DueDay, std::set<PbxId>> unordered;  // PBXs whose objects had no orders
    std::vector<PbxId> pbxs;                      // that it visits
    Walk walk;
  };
  // The walk that is to go on, or begins.
  absl::StatusOr<DueWalk*> FindDueWalk(DueDay last_due);

  v1::Hold Describe(const Hold& hold) const;
  // Fills in what the scope of a hold leads to; of a controller, the PBXs that it has now.
  absl::Status Resolve(Hold& hold, std::vector<PbxId>& pbxs, absl::Time now) const;
  absl::StatusOr<bool> IsMeetingHeld(const PbxId& pbx, std::string_view meeting_id, absl::Time now) const;
  // Puts the row and the entry of a hold into `change`.
  absl::Status Enter(const Hold& hold, stored::v1::LedgerEntry::Kind kind, std::string_view reason, Change& change);
  absl::Status Put(Hold hold, stored::v1::LedgerEntry::Kind kind, std::string_view reason, absl::Time now);

  Holdings& holdings_;
  const PbxRegistry& registry_;
  DueWalk due_;
  std::map<PbxId, Walk> ending_walks_;
  // What holds in force keep behind this one's walk, goes with those.
  Walk release_walk_;
  uint64_t releasing_ = 0;  // the number of the hold that `release_walk_` is for
};

// The hold as it is shown.
v1::Hold DescribeHold(const Hold& hold, const HoldBook& book);

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_DESK_H_
