// The meeting filer: values of a meeting are filed under the days that follow from its course, and moved and ended with
// them.
#ifndef RETENTION_SERVER_RECORDING_MEETING_FILER_H_
#define RETENTION_SERVER_RECORDING_MEETING_FILER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/event_service.pb.h"
#include "server/law/filing.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/change.h"

namespace retention {

// A value on its way to its row.
struct PendingValue {
  CategoryNumber category;
  stored::v1::Value value;
  const v1::Event* event;
  v1::RecordResult* result;  // of its batch
};

// A meeting with what a change brings for it.
struct TouchedMeeting {
  Meeting* meeting = nullptr;
  std::string meeting_id;
  std::string pbx_id;
  std::vector<CourseEvent> fresh;
  std::vector<v1::RecordResult*> fresh_results;  // by fresh event
  std::vector<const v1::Event*> fresh_events;    // by fresh event, as it came
  std::string first_event_id;
  std::string deletion_reason{kReasonMeetingDeleted};  // if the change deletes it
  std::vector<PendingValue> pending;
  // Whether chat is protocolled, as far as its course says so far; nothing while nobody asked since its plan changed.
  std::optional<bool> protocolled;
};

// Belongs to the writer's thread. Its parts: meeting_filer.cc files what is new, meeting_refiling.cc moves what lies
// elsewhere, meeting_erasing.cc ends values early.
class MeetingFiler {
 public:
  // REQUIRES: both outlive it.
  MeetingFiler(const Holdings& holdings, MeetingCache& cache) : holdings_(holdings), cache_(cache) {}

  // Files what is brought for one meeting, and moves what is filed elsewhere. REQUIRES: the cache knows that `change`
  // edits it.
  absl::Status File(TouchedMeeting& touched, Change& change);

  // Files meetings anew whose timers have come: their files end with their presumed end, and those that still run after
  // their day are filed under their presumed end. Returns of how many the files ended. REQUIRES: no timer lies after
  // `change.now()`.
  absl::StatusOr<size_t> Review(std::span<const MeetingTimer> timers, Change& change);

  // Files a meeting as a new policy says that was applied at `applied`. Nothing is lost because its old day has come
  // since. A course that cannot be read keeps nobody from it. REQUIRES: no day that was not due by `applied` has ended.
  absl::Status RefileMeeting(const LocatorName& name, const MeetingLocator& locator, const Filing& filing,
                             absl::Time applied, Change& change);

  // Ends everything of a meeting but its history and its recordings.
  absl::Status EraseDeleted(Meeting& meeting, const std::string& pbx_id, std::string_view reason, Change& change);
  // Ends the meeting's objects of a category, or the one with this id, with an order for each; returns how many.
  absl::StatusOr<uint64_t> EraseObjects(Meeting& meeting, const std::string& pbx_id, CategoryNumber category,
                                        std::string_view object_id, std::string_view reason, Change& change);

 private:
  // Ends files whose time has come and moves what is filed under another day than `filing` says. What was due at
  // `decided` ends.
  absl::Status FollowFiling(Meeting& meeting, const std::string& pbx_id, const Filing& filing, absl::Time decided,
                            Change& change);
  // The parts of that.
  absl::Status EndFilesInTime(Meeting& meeting, const std::string& pbx_id, const Filing& filing, absl::Time decided,
                              Change& change);
  absl::Status MoveMisfiled(Meeting& meeting, const Filing& filing, absl::Time decided, Change& change);
  absl::Status EndFiles(Meeting& meeting, const std::string& pbx_id, std::string_view reason, Change& change);
  // The timer of a meeting whose history is over: its files end all the same, with their orders. True if there were
  // any.
  absl::StatusOr<bool> ReviewForgotten(const MeetingTimer& timer, Meeting& meeting, Change& change);
  // Who scheduled a meeting may become known after its PDFs were shared.
  absl::Status RelabelPdfs(const Meeting& meeting, const std::string& pbx_id, Word organizer, Change& change);
  // Whether the extension that rows name so was there and has been removed.
  absl::StatusOr<bool> ExtensionRemoved(const PbxId& pbx, const std::string& name) const;
  absl::Status FilePending(TouchedMeeting& touched, const MeetingFacts& facts, const Filing& filing, Change& change);
  absl::Status FileObject(const PendingValue& pending, TouchedMeeting& touched, DueDay day, bool ended, bool remembered,
                          Change& change);
  // Adds the tokens of who joins, unless the cohort was released.
  absl::Status AddTokens(TouchedMeeting& touched, DueDay cohort) const;
  absl::Status FileCourse(TouchedMeeting& touched, const MeetingFacts& facts, DueDay day, Change& change);
  void FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing, Change& change);
  // Marks where a meeting lies that no locator leads to. REQUIRES: it was refiled.
  static void MarkRefiled(const Meeting& meeting, Batch& batch);

  const Holdings& holdings_;
  MeetingCache& cache_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_MEETING_FILER_H_
