// Holds are placed, changed and released. What they keep is taken out of what ends in hold_keeping.h.
#ifndef RETENTION_SERVER_HOLDS_HOLD_COMMANDS_H_
#define RETENTION_SERVER_HOLDS_HOLD_COMMANDS_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "server/holds/hold_register.h"
#include "server/holds/released_holds.h"
#include "server/rows/change.h"

namespace retention {

// Commands. Belongs to the writer's thread.
class HoldCommands {
 public:
  // Holds ended in one step.
  static constexpr size_t kMaxStepHolds = 200;

  // REQUIRES: both outlive it.
  HoldCommands(const Holdings& holdings, HoldRegister& holds)
      : holdings_(holdings), register_(holds), released_(holdings.store) {}

  // See HoldService. Errors: as there. `poll_held`: of FindsPoll, a moment ago.
  absl::StatusOr<v1::Hold> Create(const v1::Hold& asked, bool poll_held, Change& change) const;
  // The same for one that stands in for lost ones, on top of all that there may be: nobody could have asked for fewer.
  // `hold` is well formed.
  absl::Status PlaceInstead(const v1::Hold& hold, Change& change) const;
  // Whether a poll was asked in the meeting that a scope names, of which nothing is held that would be found sooner.
  // Opens the polls of its PBX, however many there are: so it is not for the writer. Thread-safe.
  absl::StatusOr<bool> FindsPoll(const StoreView& view, const v1::Hold& asked, absl::Time now) const;
  absl::StatusOr<v1::Hold> Update(const v1::UpdateHoldRequest& request, Change& change) const;
  // From then on it is not in force; what it kept is let go by HoldKeeping::LetGo.
  absl::Status Release(std::string_view hold_id, Change& change);
  // The same for up to kMaxStepHolds holds whose last day is over; true if there are more.
  absl::StatusOr<bool> EndOver(Change& change);

 private:
  // ALREADY_EXISTS if another has its id, or nullopt if it is not placed yet.
  absl::StatusOr<std::optional<v1::Hold>> FindPlaced(const Hold& hold, const Change& change) const;
  absl::StatusOr<v1::Hold> Place(Hold hold, bool poll_held, Change& change) const;
  // Fills in what the scope of a hold leads to; of a controller, the PBXs that it has now and those that ended as its
  // own, if holds keep any of them.
  absl::Status Resolve(Hold& hold, bool poll_held, std::vector<PbxId>& pbxs, Change& change) const;
  absl::StatusOr<std::vector<PbxId>> OfController(const std::string& controller_id, const Change& change) const;
  // PBXs of this id that have come to their end and that holds concern.
  std::vector<PbxId> EndedOf(const std::string& pbx_id, const Change& change) const;
  // What the scope of a hold leads to in a PBX that is registered.
  absl::Status ResolveIn(const PbxId& pbx, Hold& hold, bool poll_held, Change& change) const;
  // What holds in force name by the very same scope in PBXs that have ended.
  void AddFormer(Hold& hold, const Change& change) const;
  // But for its polls.
  absl::StatusOr<bool> IsMeetingHeld(const StoreView& view, const PbxId& pbx, const RoomId& room, absl::Time now) const;
  // Puts a hold into the register, with its entry.
  void Put(Hold hold, std::optional<HoldCover> cover, stored::v1::LedgerEntry::Kind kind, std::string_view reason,
           Change& change) const;

  const Holdings& holdings_;
  HoldRegister& register_;
  ReleasedHolds released_;
};

// The hold as it is shown.
v1::Hold DescribeHold(const Hold& hold, const HoldRegister& holds);

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_COMMANDS_H_
