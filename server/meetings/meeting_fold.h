// What the history of an occurrence says, folded once and kept until its history changes: who was there, and where in
// its rows stands what the portal said of them.
//
// It holds no name, address or identifier of a person, but places: what these places hold is opened for each answer, if
// it lives then. So nothing that is due can be in an answer, and there is no plaintext to wipe.
#ifndef RETENTION_SERVER_MEETINGS_MEETING_FOLD_H_
#define RETENTION_SERVER_MEETINGS_MEETING_FOLD_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/meetings/meeting_view.h"
#include "storage/ids.h"

namespace retention {

// A value of a row of the meeting.
struct ValuePlace {
  static constexpr uint32_t kNowhere = UINT32_MAX;
  uint32_t row = kNowhere;  // into MeetingFold::rows
  uint32_t index = 0;       // in it
};

struct FoldedParticipant {
  static constexpr int64_t kNever = INT64_MAX;
  int64_t first_join_us = kNever;
  uint64_t first_join = 0;  // event
  uint32_t number = 0;      // in the order of the first join, from 1; 0 of those who never came
  // Of what still lives, the first that was told of them: when, by which event, and where in it.
  int64_t told_us = INT64_MAX;
  uint64_t told_by = 0;
  uint64_t told_at = 0;
  bool present = false;
  ValuePlace name;
  ValuePlace email;  // its text is empty if only the identifier was told
  std::vector<ValuePlace> ips;

  // In which order they are listed, and by what a page goes on: who comes or is told of meanwhile moves nobody else.
  using Place = std::tuple<int64_t, int64_t, uint64_t, uint64_t>;
  Place Position() const {
    return number != 0 ? Place(first_join_us, 0, first_join, 0) : Place(first_join_us, told_us, told_by, told_at);
  }
};

// A line of the report.
struct FoldedPerson {
  std::vector<uint32_t> participants;  // into MeetingFold::participants, in the order of their first join
  int64_t total_us = 0;
  uint32_t reconnections = 0;
  bool presumed = false;
};

struct MeetingFold {
  // The categories in which it has places, unless they have ended by the time it is made: another is made if they live.
  static constexpr std::array<CategoryNumber, 3> kOfPeople = {kParticipantName, kParticipantEmail, kParticipantIp};

  uint64_t revision = 0;
  absl::Time due;  // it is to be forgotten then
  std::vector<std::pair<CategoryNumber, ItemId>> rows;
  std::vector<FoldedParticipant> participants;  // by Position
  std::vector<FoldedPerson> persons;            // in the order of their first join
  std::vector<std::string> polls;               // owners of those that were asked

  // NOT_FOUND if its day ended this very moment.
  static absl::StatusOr<std::shared_ptr<const MeetingFold>> Of(const MeetingView& meeting);
  // Whether it says what `meeting` says now.
  bool Holds(const MeetingView& meeting) const;
  size_t MemoryBytes() const;
};

// Opens values of one meeting for one answer, each row once.
class PlacedValues {
 public:
  // REQUIRES: both outlive it.
  PlacedValues(const MeetingView& meeting, const MeetingFold& fold) : meeting_(meeting), fold_(fold) {}

  // nullptr if nothing is there (any more).
  absl::StatusOr<const stored::v1::Value*> Read(const ValuePlace& place);
  // Some value that names the participant; nullptr if none lives.
  absl::StatusOr<const stored::v1::Value*> Naming(const FoldedParticipant& participant);

 private:
  const MeetingView& meeting_;
  const MeetingFold& fold_;
  std::map<uint32_t, std::optional<stored::v1::ValueChunk>> rows_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_MEETING_FOLD_H_
