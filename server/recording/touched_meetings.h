// The meetings that one change brings something for.
#ifndef RETENTION_SERVER_RECORDING_TOUCHED_MEETINGS_H_
#define RETENTION_SERVER_RECORDING_TOUCHED_MEETINGS_H_

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
  TouchedMeetings(MeetingCache& cache, const Vault& vault, Change& change)
      : cache_(cache), vault_(vault), change_(change) {}

  // The meeting that an event names; a new, unknown one if it is not held. Valid as long as this.
  absl::StatusOr<TouchedMeeting*> Touch(const PbxId& pbx, const v1::Event& event);
  // Adds an event to the course of its meeting. `result` is its batch's.
  void AddToCourse(TouchedMeeting& touched, const v1::Event& event, uint64_t fingerprint, v1::RecordResult& result);

  // Whether a meeting takes no more events of this kind.
  static bool IsFull(const Course& course, const v1::Event& event);
  // Whether chat is to be kept, as far as is known by now.
  bool IsProtocolled(TouchedMeeting& touched) const;

  std::span<const std::unique_ptr<TouchedMeeting>> all() const { return all_; }

 private:
  MeetingCache& cache_;
  const Vault& vault_;
  Change& change_;
  std::vector<std::unique_ptr<TouchedMeeting>> all_;
  absl::flat_hash_map<const Meeting*, TouchedMeeting*> by_meeting_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_TOUCHED_MEETINGS_H_
