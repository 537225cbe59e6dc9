// How long people were in a sitting, and how often they came back.
//
// A pure fold over the sitting's events, in the order of the walk (occurrences.h). What it says never depends on when
// it is asked.
#ifndef RETENTION_SERVER_LAW_ATTENDANCE_H_
#define RETENTION_SERVER_LAW_ATTENDANCE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/law/open_connections.h"
#include "server/law/room_event.h"

namespace retention {

// From, to; microseconds since 1970.
using Interval = std::pair<int64_t, int64_t>;
int64_t LengthOfUnion(std::vector<Interval> intervals);

// One line of a report.
struct PersonAttendance {
  uint64_t person = 0;
  int64_t first_join_us = 0;
  std::vector<Interval> connections;
  uint32_t reconnections = 0;  // joins and reconnects less one: nobody can tell a second device from a refresh
  bool present = false;        // by a connection that is open
  bool presumed = false;       // nobody said when they left, or not of all connections
};

class Attendance {
 public:
  // Who is there when the sitting begins, before its first event: since the one before it came to its limit.
  void Begin(const std::vector<CarriedConnection>& carried, int64_t begin_us);
  // Takes the next event of the sitting: those that its walk said count.
  void Step(const RoomEvent& event);

  // The lines, in order of the first join; of those who joined or left, and not only were there. `person_of` tells
  // which participants are one person.
  std::vector<PersonAttendance> Lines(absl::FunctionRef<uint64_t(uint64_t participant)> person_of) const;

 private:
  struct Participant {
    std::vector<Interval> intervals;
    std::optional<int64_t> since_us;  // while there
    std::optional<int64_t> left_us;   // their last word was a leave, by which not all connections closed
    bool presumed = false;            // of what was closed: that leave is taken for their last
    int64_t first_join_us = 0;
    uint32_t joins = 0;
    bool heard = false;  // they joined or left
  };

  static void CloseAt(Participant& participant, int64_t time_us);

  OpenConnections open_;
  std::map<uint64_t, Participant> participants_;
  int64_t last_us_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_ATTENDANCE_H_
