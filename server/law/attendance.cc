#include "server/law/attendance.h"

#include <algorithm>
#include <utility>

namespace retention {

int64_t LengthOfUnion(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end());
  int64_t total_us = 0;
  int64_t covered_us = INT64_MIN;
  for (const auto& [from_us, to_us] : intervals) {
    total_us += std::max<int64_t>(0, to_us - std::max(from_us, covered_us));
    covered_us = std::max(covered_us, to_us);
  }
  return total_us;
}

void Attendance::CloseAt(Participant& participant, int64_t time_us) {
  if (!participant.since_us.has_value()) return;
  participant.intervals.emplace_back(*participant.since_us, std::max(*participant.since_us, time_us));
  participant.since_us.reset();
  participant.left_us.reset();
}

void Attendance::Begin(const std::vector<CarriedConnection>& carried, int64_t begin_us) {
  open_.OpenCarried(carried, begin_us);
  last_us_ = begin_us;
  for (const CarriedConnection& connection : carried) {
    Participant& participant = participants_[connection.participant];
    participant.first_join_us = begin_us;
    participant.since_us = begin_us;
    participant.joins = 1;
  }
}

void Attendance::Step(const RoomEvent& event) {
  last_us_ = std::max(last_us_, event.time_us);
  switch (event.kind) {
    case RoomEventKind::kJoined:
    case RoomEventKind::kReconnected: {
      open_.Open(event);
      Participant& participant = participants_[event.participant];
      participant.heard = true;
      if (participant.joins++ == 0) participant.first_join_us = event.time_us;
      if (!participant.since_us.has_value()) participant.since_us = event.time_us;
      participant.left_us.reset();
      return;
    }
    case RoomEventKind::kLeft: {
      if (!open_.CanClose(event)) return;
      open_.Close(event);
      Participant& participant = participants_[event.participant];
      participant.heard = true;
      participant.left_us = event.time_us;
      if (!open_.IsPresent(event.participant)) CloseAt(participant, event.time_us);
      return;
    }
    case RoomEventKind::kQuality:
      // Whoever is heard of after a leave is there still.
      if (open_.IsPresent(event.participant)) participants_[event.participant].left_us.reset();
      return;
    case RoomEventKind::kEnded:
      for (auto& [id, participant] : participants_) {
        // Of those that are counted the leave may have been lost; one that has a name ends now.
        const bool may_be_lost =
            participant.since_us.has_value() && participant.left_us.has_value() && open_.IsCounted(id);
        participant.presumed |= may_be_lost;
        CloseAt(participant, may_be_lost ? *participant.left_us : event.time_us);
      }
      open_.CloseAll();
      return;
    default:
      return;
  }
}

std::vector<PersonAttendance> Attendance::Lines(absl::FunctionRef<uint64_t(uint64_t participant)> person_of) const {
  std::map<uint64_t, PersonAttendance> lines;
  for (const auto& [id, participant] : participants_) {
    if (!participant.heard) continue;
    const uint64_t person = person_of(id);
    const auto [found, is_new] = lines.try_emplace(person);
    PersonAttendance& line = found->second;
    if (is_new || participant.first_join_us < line.first_join_us) line.first_join_us = participant.first_join_us;
    line.person = person;
    line.reconnections += participant.joins;
    line.presumed |= participant.presumed;
    std::vector<Interval>& all = line.connections;
    all.insert(all.end(), participant.intervals.begin(), participant.intervals.end());
    if (participant.since_us.has_value()) {
      line.present = true;
      line.presumed = true;
      all.emplace_back(*participant.since_us, participant.left_us.value_or(last_us_));
    }
  }
  std::vector<PersonAttendance> sorted;
  for (auto& [person, line] : lines) {
    --line.reconnections;
    sorted.push_back(std::move(line));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const PersonAttendance& a, const PersonAttendance& b) {
    return a.first_join_us < b.first_join_us;
  });
  return sorted;
}

}  // namespace retention
