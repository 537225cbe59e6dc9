// The recorder: events become filed values.
//
// A group of batches is taken in as one: every event is checked against its meeting's course, then each meeting that
// was touched is folded once, its values are filed under the days that follow, and what is filed elsewhere moves. One
// durable write per group, then every batch is answered.
#ifndef RETENTION_SERVER_RECORDING_RECORDER_H_
#define RETENTION_SERVER_RECORDING_RECORDER_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "server/law/filing.h"
#include "server/meetings/meeting_book.h"
#include "server/recording/event_intake.h"
#include "server/rows/change.h"
#include "server/rows/pbx_registry.h"

namespace retention {

class PbxDesk;

// What an event is in its meeting's course.
CourseKind KindOf(v1::Event::PayloadCase payload);

// Not thread-safe: belongs to the committer's thread. Its parts: recorder.cc takes events in, recorder_polls.cc polls;
// recorder_cutting.cc cuts an event into what its meeting's course and its values keep; recorder_filing.cc files and
// moves rows; recorder_deletions.cc ends them early.
class Recorder {
 public:
  Recorder(Holdings& holdings, const PbxRegistry& registry, MeetingBook& book, PbxDesk& pbx_desk);
  ~Recorder();

  // Records the batches and fills in their results, without calling `done`; commits `change` with all that is in it. An
  // error means that none of it may be taken as recorded; the holdings must be loaded anew, and the batches can be sent
  // again.
  absl::Status Record(std::span<RecordCommand* const> commands, Change& change);

  // Files meetings anew whose timers have come: their files end with their presumed end, and those that still run after
  // their day are filed under their presumed end. Returns of how many the files ended. REQUIRES: no timer lies after
  // `now`.
  absl::StatusOr<size_t> Review(std::span<const MeetingTimer> timers, absl::Time now);

  // Files a meeting as a new policy says that was applied at `applied`: see PolicyRefiler. Nothing is lost because its
  // old day has come since. A course that cannot be read keeps nobody from it. REQUIRES: no day that was not due by
  // `applied` has ended.
  absl::Status RefileMeeting(const LocatorName& name, const MeetingLocator& locator, const Filing& filing,
                             absl::Time applied, Change& change);

  // See DeletionService.DeleteMeeting; NOT_FOUND with reason PBX_UNKNOWN or MEETING_UNKNOWN. Returns what was erased.
  absl::StatusOr<CategoryCounts> DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id,
                                               std::string_view reason, absl::Time now);
  // See DeletionService.DeleteObject; NOT_FOUND with reason PBX_UNKNOWN, MEETING_UNKNOWN or OBJECT_UNKNOWN.
  absl::Status DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                            std::string_view object_id, std::string_view reason, absl::Time now);

  // Forgets what was not committed, and all that was cached.
  void Forget();

 private:
  // A value on its way to its row.
  struct PendingValue {
    CategoryNumber category;
    stored::v1::Value value;
    const v1::Event* event;
    RecordCommand* command;
  };
  // A meeting touched by the group.
  struct Touched {
    Meeting* meeting = nullptr;
    std::string meeting_id;
    std::string pbx_id;
    std::vector<CourseEvent> fresh;
    std::vector<RecordCommand*> fresh_commands;  // by fresh event
    std::vector<std::string> identities;         // by fresh event: who joined, for the cohort; empty otherwise
    std::string first_event_id;
    std::string deletion_reason{kReasonMeetingDeleted};  // if it is deleted by this group
    std::vector<PendingValue> pending;
  };

  // One event. An error is a failure of storage; a rejection goes into the result.
  absl::Status Take(RecordCommand& command, int index, Change& change);
  absl::Status TakeMeetingEvent(RecordCommand& command, int index, const PbxId& pbx, Change& change);
  // The deletion of a meeting whose history is over: its PDFs have lived until now.
  absl::Status DeleteForgotten(RecordCommand& command, int index, Meeting& meeting, Change& change);
  absl::Status TakePollEvent(RecordCommand& command, int index, const PbxId& pbx, Change& change);
  // What a new policy has not refiled yet must be where the new one puts it, before anything else moves it.
  absl::Status RefileFirst(const PbxId& pbx, std::string_view meeting_id, Change& change);
  absl::StatusOr<Touched*> Touch(const PbxId& pbx, const v1::Event& event, DueDay last_due);
  void AddToCourse(Touched& touched, const v1::Event& event, uint64_t fingerprint, RecordCommand& command);
  void AddValues(Touched& touched, const v1::Event& event, RecordCommand& command);

  // Files what the group brought for one meeting, and moves what is filed elsewhere.
  absl::Status Finish(Touched& touched, Change& change);
  // Ends files whose time has come and moves what is filed under another day than `filing` says. What was due at
  // `decided` ends.
  absl::Status Refile(Meeting& meeting, const std::string& pbx_id, const Filing& filing, absl::Time decided,
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
  // Ends everything of a meeting but its history and its recordings.
  absl::Status EraseDeleted(Meeting& meeting, const std::string& pbx_id, std::string_view reason, Change& change);
  // Ends the meeting's objects of a category, or the one with this id, with an order for each; returns how many.
  absl::StatusOr<uint64_t> EraseObjects(Meeting& meeting, const std::string& pbx_id, CategoryNumber category,
                                        std::string_view object_id, std::string_view reason, Change& change);
  absl::Status FilePending(Touched& touched, const MeetingFacts& facts, const Filing& filing, Change& change);
  absl::Status FileObject(const PendingValue& pending, Touched& touched, DueDay day, bool ended, Change& change);
  absl::Status FileCourse(Touched& touched, const MeetingFacts& facts, DueDay day, Change& change);
  void FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing, Change& change);
  // Marks where a meeting lies that no locator leads to. REQUIRES: it was refiled.
  static void MarkRefiled(const Meeting& meeting, Batch& batch);

  absl::Status CommitGroup(Change& change);

  Holdings& holdings_;
  const PbxRegistry& registry_;
  MeetingBook& book_;
  PbxDesk& pbx_desk_;
  std::vector<std::unique_ptr<Touched>> touched_;
  absl::flat_hash_map<const Meeting*, Touched*> touched_by_meeting_;
  std::vector<PbxId> contacts_;                       // in contact by this group, for the first time today
  absl::flat_hash_set<std::string> group_poll_rows_;  // poll rows written by this group, not yet visible in the store
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_RECORDER_H_
