// The meeting filer: values of an occurrence are filed under the days that follow from its facts, and moved and ended
// with them; and with the cut of their room.
#ifndef RETENTION_SERVER_RECORDING_MEETING_FILER_H_
#define RETENTION_SERVER_RECORDING_MEETING_FILER_H_

#include <google/protobuf/arena.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/event_service.pb.h"
#include "server/law/filing.h"
#include "server/meetings/meeting_cache.h"
#include "server/recording/event_cutting.h"
#include "server/rows/change.h"
#include "storage/secrets/hmac.h"

namespace retention {

// Whether values of a category are over with the deletion of their occurrence.
inline bool IsErased(const OccurrenceFacts& facts, CategoryNumber category) {
  if (category == kRecording) return facts.recordings_deleted;
  return facts.deleted && category != kHistory;
}

// Categories of what is said of a plan: copied to the next one, and taken back.
inline constexpr CategoryNumber kSaid[] = {kMeetingName, kMeetingComment, kParticipantName, kParticipantEmail, kDialIn};

// A value on its way to its row. It lies on the arena of its room.
struct PendingValue {
  CategoryNumber category;
  stored::v1::Value* value;
};

// An event on its way to its room's history.
struct FreshEvent {
  CourseEvent entry;
  const v1::Event* event;    // as it came
  v1::RecordResult* result;  // of its batch
  NamedExtension named;
  uint64_t fixed;     // the occurrence, if it is one that is fixed; else 0
  uint64_t over = 0;  // the occurrence, if it is one whose history is over; else 0
  std::vector<PendingValue> values;
};

// What the rooms of a change have in common.
struct TouchedTogether {
  google::protobuf::Arena arena;                              // what is on the way to rows lies there
  std::optional<std::pair<DueDay, HmacKey>> cohort_key = {};  // the last that was needed
};

// A room with what a change brings for it.
struct TouchedRoom {
  // `together` outlives it.
  explicit TouchedRoom(TouchedTogether& together) : together(&together) {}

  google::protobuf::Arena* arena() const { return &together->arena; }

  TouchedTogether* together;
  Room* room = nullptr;
  std::string meeting_id;
  std::string pbx_id;
  Course course;  // the words of `fresh`
  std::vector<FreshEvent> fresh;
  std::map<uint64_t, absl::Status> unreadable;         // why cuts of fixed occurrences are not there
  std::string deletion_reason{kReasonMeetingDeleted};  // if the change deletes it
  bool deletes_recordings = false;                     // so far as operators do
  bool filed = false;                                  // by MeetingFiler::File; nothing is brought any more
};

// Belongs to the writer's thread. Its parts: meeting_filer.cc files what is new, meeting_refiling.cc moves what lies
// elsewhere, meeting_recut.cc what belongs to another occurrence than it lies with, meeting_copying.cc copies
// what was said of a plan, meeting_erasing.cc ends values early, meeting_locating.cc says where all of it is, and what
// of its report is to be told.
class MeetingFiler {
 public:
  // REQUIRES: both outlive it.
  MeetingFiler(const Holdings& holdings, MeetingCache& cache) : holdings_(holdings), cache_(cache) {}

  // Files what is brought for one room, and moves what is filed elsewhere. REQUIRES: the cache knows that `change`
  // edits it.
  absl::Status File(TouchedRoom& touched, Change& change);

  // A room was deleted then: it remembers that, and who scheduled in it before is forgotten.
  static void NoteDeletion(const RoomDeletion& deletion, Room& room, Change& change);

  // Files meetings anew whose timers have come: their files end with their presumed end, and those that still run after
  // their day are filed under their presumed end. Returns of how many the files ended. REQUIRES: no timer lies after
  // `change.now()`.
  absl::StatusOr<size_t> Review(std::span<const MeetingTimer> timers, Change& change);

  // Files a meeting as a new policy says that was applied at `applied`. Nothing is lost because its old day has come
  // since. REQUIRES: no day that was not due by `applied` has ended.
  absl::Status RefileMeeting(const LocatorName& name, Filing filing, absl::Time applied, Change& change);

  // Says that the history of a meeting, or what was told of its people, is another now. REQUIRES: `change` made it so;
  // the days that it is filed under are as before.
  absl::Status Renew(Meeting& meeting, Change& change);

  // Ends everything of an occurrence but its history and its recordings.
  absl::Status EraseDeleted(Meeting& meeting, const std::string& pbx_id, std::string_view reason, Change& change);
  // Ends an occurrence that was deleted, or of whose course nothing can be read any more: what is left of it but its
  // recordings, and the places where it stands. REQUIRES: its room is not in the cache.
  absl::Status EndLost(const LocatorName& name, const MeetingLocator& locator, std::string_view reason, Change& change);
  // Ends the room's objects of a category, or the one with this id, or those of up to a time, with an order for each;
  // returns how many.
  struct WhichObjects {
    std::string_view id;  // empty: all
    int64_t until_us = INT64_MAX;
  };
  absl::StatusOr<uint64_t> EraseObjects(const PbxId& pbx, const RoomId& room, const std::string& pbx_id,
                                        CategoryNumber category, const WhichObjects& which, std::string_view reason,
                                        Change& change);

 private:
  // What becomes of an occurrence.
  struct Outcome {
    Meeting* meeting = nullptr;
    MeetingLocator before;
    OccurrenceFacts facts;
    Filing filing;
    std::vector<FreshEvent*> fresh;
    std::vector<PendingValue> copied;  // of what was said of the plan that its own follows
    std::set<CategoryNumber> gained;   // of which others' rows come to it
    bool takes_back = false;           // something new may take back what was said before
    // Its rows were divided anew: where nothing belongs elsewhere, only those of what may have been taken back.
    enum class Recut : uint8_t { kNo, kWhatWasSaid, kAll } recut = Recut::kNo;
    // Whether its history, or what was told of its people, is another now.
    bool IsNews() const {
      return recut != Recut::kNo || !fresh.empty() || !copied.empty() || !gained.empty() || CarriesOthers();
    }
    // Whether others than before were there when it began.
    bool CarriesOthers() const;
    // Whether its report may say something else than before.
    bool ChangesReport() const;
  };
  using Outcomes = std::map<uint64_t, Outcome>;  // by number of the occurrence

  // Copies of what was said of a plan that was planned anew, by the event that did so.
  struct Copies {
    bool looked_at = false;
    std::set<uint64_t> standing;     // those that are as they should be
    std::set<uint64_t> outdated_in;  // occurrences with which others lie

    bool Stand(uint64_t event) const { return !looked_at || standing.contains(event); }
  };

  // What is new, moved or deleted, by occurrence.
  absl::StatusOr<Outcomes> OutcomesOf(TouchedRoom& touched, const CutChanges& changes, Change& change);
  // What came of occurrences whose history is over: nothing of it is kept but what has another day, or none.
  absl::Status FileOver(TouchedRoom& touched, Change& change);
  absl::Status FileOutcome(TouchedRoom& touched, Outcome& outcome, Change& change);
  Outcome& OutcomeOf(uint64_t occurrence, Room& room, Outcomes& outcomes, const Change& change) const;
  // What was said of a meeting that is planned anew is said of the new plan too: what that is follows from the cut.
  absl::StatusOr<Copies> CopyPlans(TouchedRoom& touched, const CutChanges& changes, Outcomes& outcomes, Change& change);

  // Moves what of the rows of `from` belongs to other occurrences, or to another day, and ends what was taken back.
  struct Recutting {
    const CutChanges& changes;
    const Copies& copies;
    const TouchedRoom& touched;
    Outcomes& outcomes;
  };
  absl::Status Recut(uint64_t from, const Recutting& recutting, Change& change);
  RowOutcome RecutRow(const FiledKey& key, std::string_view envelope, const std::string& row,
                      const Recutting& recutting, Change& change);
  // It says something else than before: never a revision that there was, though the occurrence may have been gone in
  // between.
  static void GiveRevision(Meeting& meeting, absl::Time now);
  // Whether it was, in the occurrence that it belongs to.
  bool IsTakenBack(const Room& room, uint64_t occurrence, CategoryNumber category,
                   const stored::v1::Value& value) const;

  // Ends files whose time has come, by what was known `before` or by what is known now, and moves what is filed under
  // another day than `filing` says. Its review comes when the next of those files ends that outlive their sitting.
  absl::Status FollowFiling(Meeting& meeting, const std::string& pbx_id, const OccurrenceFacts& before, Filing& filing,
                            Change& change);
  // The parts of that.
  absl::Status EndFilesInTime(Meeting& meeting, const std::string& pbx_id, const OccurrenceFacts& before,
                              Filing& filing, Change& change);
  // What was due at `decided` ends.
  absl::Status MoveMisfiled(Meeting& meeting, const Filing& filing, absl::Time decided, Change& change);
  // Those that `end`.
  static constexpr auto kAllFiles = [](const SharedFile&) { return true; };
  absl::Status EndFiles(Meeting& meeting, const std::string& pbx_id,
                        absl::FunctionRef<bool(const SharedFile& file)> end, std::string_view reason, Change& change);
  // The occurrence as the cache knows it, else as it is stored; nullptr if it is not held. `holder` keeps it.
  absl::StatusOr<Meeting*> FindMeeting(const PbxId& pbx, const OwnerId& id, DueDay last_due, Meeting& holder,
                                       Change& change);
  // The timer of a meeting whose history is over: its files end all the same, with their orders. True if there were
  // any.
  absl::StatusOr<bool> ReviewForgotten(const MeetingTimer& timer, Change& change);
  // Who scheduled in a room may become known after its PDFs were shared.
  absl::Status RelabelPdfs(const Room& room, const std::string& pbx_id, Change& change);
  // Whether the extension that scheduled was there and has been removed, or had been removed by then.
  absl::StatusOr<bool> IsRemoved(const PbxId& pbx, const RoomOrganizer& organizer) const;
  // The rows of what is new get `item`.
  absl::Status FilePending(TouchedRoom& touched, Outcome& outcome, const ItemId& item, Change& change);
  absl::Status FilePendingObject(FreshEvent& fresh, PendingValue& pending, TouchedRoom& touched, Outcome& outcome,
                                 bool remembered, Change& change);
  absl::Status FileCourse(TouchedRoom& touched, Outcome& outcome, const ItemId& item, Change& change);
  // True if its history is over, and it is no longer known. REQUIRES: Seal.
  bool FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing, bool report_changed,
                   Change& change);
  void PutTimer(const Meeting& meeting, const MeetingLocator& before, Change& change);
  // What of a locator is sealed.
  absl::Status Seal(Meeting& meeting, const MeetingLocator& before, std::string_view meeting_id, Change& change) const;
  // Who was there already when its sittings began: for that day too, and anew if it says something else than before.
  absl::Status SealCarried(Meeting& meeting, const MeetingLocator& before, Change& change) const;
  // Seals the meeting id for the day of its history; anew if it was deleted. `meeting_id`: if known; else it is opened.
  absl::Status SealId(Meeting& meeting, const MeetingLocator& before, std::string_view meeting_id,
                      Change& change) const;
  // Tells, once, that the report is complete, and that its names leave it soon; and withdraws what holds no more.
  // `changed`: the report says something else than before. Returns when to look again.
  absl::Time FollowReport(Meeting& meeting, const MeetingLocator& before, bool changed, Change& change) const;
  // Marks where a meeting lies that no locator leads to. REQUIRES: it was refiled.
  static void MarkRefiled(const Meeting& meeting, Batch& batch);

  const Holdings& holdings_;
  MeetingCache& cache_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_MEETING_FILER_H_
