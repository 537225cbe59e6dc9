// Ends that take many steps, each a command of its own, so that nobody waits for the whole.
#ifndef RETENTION_SERVER_DAYS_ENDINGS_H_
#define RETENTION_SERVER_DAYS_ENDINGS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/days/cohort_releaser.h"
#include "server/days/day_ender.h"
#include "server/days/room_renamer.h"
#include "server/holds/hold_commands.h"
#include "server/holds/hold_keeping.h"
#include "server/logs/log_retention.h"
#include "server/pbxs/pbx_ender.h"
#include "server/policies/policy_refiler.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/writer.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace retention {

// Held by who takes the steps of an end, which a sweep then leaves to them: so a caller is told of all that they ended.
struct EndingSteps {
  Mutex pbxs;
  Mutex releases;
};

// All that ends anything.
struct Enders {
  Store& store;  // its files are dropped and scrubbed beside the writer
  const Holdings& holdings;
  const HoldRegister& holds;
  HoldCommands& hold_commands;
  HoldKeeping& keeping;
  PbxEnder& pbxs;
  MeetingFiler& meetings;
  LogRetention& logs;
  PolicyRefiler& refiler;
  DayEnder& days;
  CohortReleaser& cohorts;
  RoomRenamer& names;
  EndingSteps& steps;
};

// Ends a PBX for `reason`, to the last row. Its rows are looked up on the caller's thread, so that others need not
// wait. Returns the values that were erased. NOT_FOUND with reason PBX_UNKNOWN.
absl::StatusOr<uint64_t> EndPbx(const Enders& enders, const Commands& commands, std::string_view pbx_id,
                                std::string_view reason, absl::Time now);
// What is left of PBXs whose end has begun, but while a caller ends one. Returns the first failure; each is tried.
absl::Status FinishEndings(const Enders& enders, const Commands& commands, absl::Time now);

// Releases a hold and ends what it kept and no other hold keeps. Returns the values that were erased. NOT_FOUND with
// reason HOLD_UNKNOWN. Once it is released, a sweep goes on with what failed.
absl::StatusOr<uint64_t> ReleaseHold(const Enders& enders, const Commands& commands, std::string_view hold_id,
                                     absl::Time now);
// Ends what released holds kept, but while a caller releases one.
absl::Status LetGo(const Enders& enders, const Commands& commands, absl::Time now);
// The same, of holds that have run out too.
absl::Status EndHolds(const Enders& enders, const Commands& commands, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_ENDINGS_H_
