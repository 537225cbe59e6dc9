// The recorder: events become filed values.
//
// A group of batches is taken in as one: every event is checked against its meeting's course, then each meeting that
// was touched is folded once, its values are filed under the days that follow, and what is filed elsewhere moves. What
// reads rows at large (events of PBXs and extensions, the deletion of a poll) has a change of its own: so a group is
// cut into parts, one change each, mostly one.
#ifndef RETENTION_SERVER_RECORDING_RECORDER_H_
#define RETENTION_SERVER_RECORDING_RECORDER_H_

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/meetings/meeting_cache.h"
#include "server/pbxs/pbx_commands.h"
#include "server/recording/arrivals.h"
#include "server/recording/event_intake.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/change.h"
#include "server/rows/extension_cache.h"
#include "server/rows/writer.h"

namespace retention {

// Commands. Belongs to the writer's thread.
class Recorder {
 public:
  // REQUIRES: all outlive it.
  Recorder(const Holdings& holdings, MeetingCache& cache, PbxCommands& pbxs)
      : holdings_(holdings), cache_(cache), pbxs_(pbxs), filer_(holdings, cache), extensions_(holdings) {}

  // The parts of a group, at least one, in their order.
  static std::vector<RecordPart> PartsOf(std::span<EventBatch* const> batches);
  // The meetings, by PBX and identifier, that events of a group are about and that passed their checks.
  static std::set<std::pair<std::string, std::string>> MeetingsOf(std::span<EventBatch* const> batches);
  // Records the events of a part; what became of them is added to the results of their batches once it is durable. An
  // error means that none of it is recorded.
  absl::Status Record(const RecordPart& part, Change& change);
  // What a new policy has not refiled yet must be where the new one puts it before an event or a deletion looks at it:
  // a change of its own, before theirs. Does nothing in ordinary times.
  absl::Status RefileFirst(std::string_view pbx_id, std::string_view meeting_id, Change& change);

  // See DeletionService.DeleteMeeting; NOT_FOUND with reason PBX_UNKNOWN or MEETING_UNKNOWN, also of a meeting that was
  // deleted before and of which nothing else is left. RefileFirst comes first, as before DeleteObject: see EraseMeeting
  // and EraseObject below.
  absl::Status DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id, std::string_view reason,
                             Change& change);
  // See DeletionService.DeleteObject; NOT_FOUND with reason PBX_UNKNOWN, MEETING_UNKNOWN or OBJECT_UNKNOWN.
  absl::Status DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                            std::string_view object_id, std::string_view reason, Change& change);
  // NOT_FOUND with reason PBX_UNKNOWN or POLL_UNKNOWN.
  absl::Status DeletePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason, Change& change);

  // PBXs or extensions have changed.
  void ForgetExtensions() { extensions_.Forget(); }

  MeetingFiler& filer() { return filer_; }
  const ExtensionCache& extensions() const { return extensions_; }

 private:
  const Holdings& holdings_;
  MeetingCache& cache_;
  PbxCommands& pbxs_;
  MeetingFiler filer_;
  ExtensionCache extensions_;
};

// RefileFirst and DeleteMeeting, from any thread. Returns what was erased.
struct ErasedMeeting {
  CategoryCounts values;
  Change::Unread unread;
};
absl::StatusOr<ErasedMeeting> EraseMeeting(Recorder& recorder, const Commands& commands, std::string_view pbx_id,
                                           std::string_view meeting_id, std::string_view reason);
// RefileFirst and DeleteObject.
absl::Status EraseObject(Recorder& recorder, const Commands& commands, std::string_view pbx_id,
                         std::string_view meeting_id, CategoryNumber category, std::string_view object_id,
                         std::string_view reason);

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_RECORDER_H_
