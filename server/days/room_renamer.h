// Names rooms anew, so that the keys under which their meeting ids are hashed can be destroyed (room_names.h).
#ifndef RETENTION_SERVER_DAYS_ROOM_RENAMER_H_
#define RETENTION_SERVER_DAYS_ROOM_RENAMER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/holdings.h"
#include "server/rows/writer.h"

namespace retention {

class RoomRenamer {
 public:
  // A key of names is for what is named within so many days.
  static constexpr uint32_t kDaysOfKey = 31;
  // The key before it is kept for so many days more: as long as a backup may be old, and a day for who is reading.
  static constexpr uint32_t kDaysKept = 8;
  // Rows that one command looks at.
  static constexpr size_t kRowsPerStep = 1000;

  // REQUIRES: both outlive it.
  RoomRenamer(Holdings& holdings, MeetingCache& meetings) : holdings_(holdings), meetings_(meetings) {}

  // All there is to do now. A room of which nothing is held any more loses its name, as does one whose PBX has ended.
  absl::Status Run(const Commands& commands, absl::Time now);
  // How many names were dropped since the last call though something may be held of their rooms: they do not parse, or
  // their key is not in the ring.
  uint64_t TakeDropped() { return std::exchange(dropped_, 0); }
  // For a start. A store that is older than its ring, or newer, may hold names under keys that the ring does not have:
  // names them anew as their occurrences say, and PDFs, which may be all that is left of a room: each of these knows
  // its meeting id.
  absl::Status Recall(Writer& writer, absl::Time now);

 private:
  // Makes the next key if it is time.
  absl::Status Mint(absl::Time now);
  // Some of what is named by an older key than the last, from `from` on, which becomes where to go on; empty at the
  // end.
  absl::Status Step(std::string& from, Change& change);
  // Whether something took place in a room whose history is not over, or is held until the room is deleted.
  absl::StatusOr<bool> IsUsed(const PbxId& pbx, const RoomId& room) const;
  // Whether anything else is held that its meeting id alone leads to.
  absl::StatusOr<bool> IsKnown(const RoomNames::Row& name, const RoomId& room) const;
  // The numbers of the keys by which anything is named, ascending.
  absl::StatusOr<std::vector<uint32_t>> NumbersInUse() const;
  // `from` becomes where to go on; empty at the end.
  absl::Status RecallStep(std::string& from, Change& change);

  Holdings& holdings_;
  MeetingCache& meetings_;
  uint64_t dropped_ = 0;
  uint32_t renamed_for_ = 0;  // nothing is named by an older key than that of this number
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_ROOM_RENAMER_H_
