// The rooms that one change brings something for.
#ifndef RETENTION_SERVER_RECORDING_TOUCHED_MEETINGS_H_
#define RETENTION_SERVER_RECORDING_TOUCHED_MEETINGS_H_

#include <google/protobuf/arena.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "retention/v1/event.pb.h"
#include "server/meetings/meeting_cache.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/change.h"

namespace retention {

// Lives as long as its change.
class TouchedMeetings {
 public:
  // `deletion_reason`: why rows end that nobody can read, if an event deletes their room.
  TouchedMeetings(MeetingCache& cache, const Holdings& holdings, Change& change,
                  std::string_view deletion_reason = kReasonMeetingDeleted)
      : cache_(cache),
        vault_(holdings.vault),
        policy_(holdings.policy()),
        change_(change),
        deletion_reason_(deletion_reason) {}

  // The room that an event names. Valid as long as this. A deletion ends what of its history nobody can read, so that
  // damage does not keep the rest.
  absl::StatusOr<TouchedRoom*> Touch(const PbxId& pbx, const v1::Event& event);
  // Whether an event was recorded before. Looks for the occurrence that it would belong to.
  absl::StatusOr<bool> Contains(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint);
  // The fixed occurrence that a new event is of; nullptr if it is none, as nearly all are. REQUIRES: !Contains.
  const Meeting* PlaceOf(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint) const;
  // Adds an event to the course of its room, at PlaceOf. `result` is its batch's.
  void AddToCourse(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint, const Meeting* place,
                   const NamedExtension& named, v1::RecordResult& result);

  // Whether a room takes no more events of this kind at PlaceOf.
  static bool IsFull(const Room& room, const Meeting* place, const v1::Event& event);
  static bool IsFull(const RoomCut::Load& load, const v1::Event& event);
  // Whether history still takes what happened then.
  bool IsCollectedInTime(int64_t time_us);
  // Whether it is of an occurrence whose history is over.
  bool IsOver(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint) const;
  // Whether chat of the event's time is to be kept, as far as is known by now, at PlaceOf.
  bool IsProtocolled(TouchedRoom& touched, const v1::Event& event, uint64_t fingerprint, const Meeting* place) const;

  std::span<const std::unique_ptr<TouchedRoom>> all() const { return all_; }

 private:
  // What was shared on days whose history is over, or planned then for a time that has passed, is of none that goes on.
  bool IsOverByItself(const RoomEvent& event);
  // The cut of a fixed occurrence. What is damaged is read once in a change, but by a deletion, which ends it.
  absl::StatusOr<RoomCut*> CutOf(TouchedRoom& touched, const Meeting& fixed, const v1::Event& event);
  absl::Status EndUnreadable(const FiledKey& key, std::string_view envelope);

  MeetingCache& cache_;
  const Vault& vault_;
  const Policy& policy_;
  Change& change_;
  const std::string deletion_reason_;
  TouchedTogether together_;  // before what lies on it
  std::vector<std::unique_ptr<TouchedRoom>> all_;
  absl::flat_hash_map<std::pair<PbxId, std::string_view>, TouchedRoom*> by_name_;  // their own meeting ids
  std::optional<std::pair<absl::CivilDay, bool>> collected_in_time_;               // of the last day that was asked for
  TouchedRoom* last_ = nullptr;  // events of a meeting often come together
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_TOUCHED_MEETINGS_H_
