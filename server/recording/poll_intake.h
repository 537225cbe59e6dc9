// Polls are taken in: created, answered, deleted.
#ifndef RETENTION_SERVER_RECORDING_POLL_INTAKE_H_
#define RETENTION_SERVER_RECORDING_POLL_INTAKE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/event_service.pb.h"
#include "server/pbxs/pbx_commands.h"
#include "server/recording/touched_meetings.h"
#include "server/rows/change.h"

namespace retention {

// Lives as long as its change. A poll's deletion must be alone in its change: it reads the poll's rows at large.
class PollIntake {
 public:
  // REQUIRES: all outlive it.
  PollIntake(const Holdings& holdings, PbxCommands& pbxs, TouchedMeetings& meetings, Change& change)
      : holdings_(holdings), pbxs_(pbxs), meetings_(meetings), change_(change) {}

  // Takes in event `index` of a batch and says in `result` what became of it. An answer to a poll that is not known yet
  // waits for Finish.
  absl::Status Take(const v1::Event& event, int index, uint64_t fingerprint, const PbxId& pbx,
                    v1::RecordResult& result);
  // Takes in the answers that came before their poll.
  absl::Status Finish();

 private:
  absl::StatusOr<bool> IsHeld(const FiledKey& key) const;
  absl::StatusOr<bool> HasCreation(const FiledKey& row) const;
  // Whether the poll was deleted, though it may never have been there.
  absl::StatusOr<bool> Delete(const PbxId& pbx, const FiledKey& row, std::string_view poll_id);
  // Who owns the poll that an event creates; nullopt if nobody is known.
  struct Owner {
    OwnerId holder;
    bool removed = false;
  };
  absl::StatusOr<std::optional<Owner>> OwnerOf(const PbxId& pbx, const v1::Event& event) const;
  // That a poll was asked is part of its meeting's course, whatever has become of it: so of polls that were deleted
  // before they came, too, and of each event that says so. NoteAsked: if its owner is known; else it is refused.
  absl::Status NoteAsked(const v1::Event& event, uint64_t fingerprint, const PbxId& pbx, v1::RecordResult& result);
  absl::Status NoteInCourse(const v1::Event& event, uint64_t fingerprint, const PbxId& pbx, v1::RecordResult& result);
  absl::Status Create(const v1::Event& event, int index, uint64_t fingerprint, const FiledKey& row,
                      v1::RecordResult& result);
  // Its voters are told apart within the room in which it was asked, as long as that is there; zeros without one.
  absl::StatusOr<RoomId> RoomOfPoll(const PbxId& pbx, const v1::Event& event) const;
  // An answer, which replaces what the participant answered before.
  absl::Status Answer(const v1::Event& event, uint64_t fingerprint, const PbxId& pbx, v1::RecordResult& result);
  // When a row's answer was given, and by which event; nothing if there is none.
  struct Given {
    int64_t time_us = 0;
    uint64_t event = 0;
    bool erased = false;  // with its voter, whoever that was: only later answers are new

    bool IsBefore(const Given& other) const { return std::tie(time_us, event) < std::tie(other.time_us, other.event); }
  };
  absl::StatusOr<std::optional<Given>> GivenIn(const FiledKey& row) const;
  void File(const FiledKey& row, const stored::v1::Value& value, v1::RecordResult& result);

  const Holdings& holdings_;
  PbxCommands& pbxs_;
  TouchedMeetings& meetings_;
  Change& change_;
  absl::flat_hash_set<std::string> rows_;            // that the change files
  absl::flat_hash_set<std::string> created_;         // prefixes of the polls that it creates
  absl::flat_hash_map<std::string, Given> answers_;  // that the change files, by row
  struct Waiting {
    const v1::Event* event;
    int index;
    uint64_t fingerprint;
    PbxId pbx;
    v1::RecordResult* result;
  };
  std::vector<Waiting> waiting_;
  bool finishing_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_POLL_INTAKE_H_
