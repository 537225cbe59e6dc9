// Polls are taken in: created, answered, deleted.
#ifndef RETENTION_SERVER_RECORDING_POLL_INTAKE_H_
#define RETENTION_SERVER_RECORDING_POLL_INTAKE_H_

#include <cstdint>
#include <string>
#include <string_view>

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

  // Takes in event `index` of a batch and says in `result` what became of it.
  absl::Status Take(const v1::Event& event, int index, uint64_t fingerprint, const PbxId& pbx,
                    v1::RecordResult& result);

 private:
  absl::StatusOr<bool> IsHeld(const FiledKey& key) const;
  absl::StatusOr<bool> HasCreation(const FiledKey& row) const;
  absl::Status Create(const v1::Event& event, int index, uint64_t fingerprint, const FiledKey& row,
                      v1::RecordResult& result);
  void File(const FiledKey& row, const stored::v1::Value& value, v1::RecordResult& result);

  const Holdings& holdings_;
  PbxCommands& pbxs_;
  TouchedMeetings& meetings_;
  Change& change_;
  absl::flat_hash_set<std::string> rows_;  // that the change files
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_POLL_INTAKE_H_
