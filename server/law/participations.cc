#include "server/law/participations.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/law/attendance.h"
#include "server/law/occurrences.h"
#include "server/law/periods.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

bool IsOwn(CourseKind kind) { return Enters(kind) || kind == Entry::KIND_LEFT || kind == Entry::KIND_QUALITY; }

// What one participant did.
class OwnCourse {
 public:
  OwnCourse(const CutHistory& rules, const absl::TimeZone& zone) : zone_(zone), walk_(rules) {}

  // The next event that is theirs, or nobody's.
  void Step(const CourseEvent& event, const RoomEvent& room_event) {
    const CutPlace place = walk_.Step(room_event);
    if (place.of != CutPlace::Of::kSitting || !place.counts) return;
    if (place.index == stays_.size()) BeginStay(event);
    Stay& stay = stays_[place.index];
    stay.attendance.Step(room_event);
    if (IsOwn(event.kind)) Note(event, by_day_.at(stay.day));
  }
  bool came() const { return !stays_.empty(); }
  void AppendTo(std::vector<OwnPresence>& all) && {
    std::map<DueDay, std::vector<Interval>> connections;
    for (const Stay& stay : stays_) {
      std::vector<Interval>& of_day = connections[stay.day];
      for (const PersonAttendance& line : stay.attendance.Lines([](uint64_t participant) { return participant; })) {
        of_day.insert(of_day.end(), line.connections.begin(), line.connections.end());
      }
    }
    for (auto& [day, presence] : by_day_) {
      --presence.reconnections;
      presence.total_us = LengthOfUnion(std::move(connections.at(day)));
      all.push_back(std::move(presence));
    }
  }

 private:
  // A sitting in which they were alone.
  struct Stay {
    DueDay day;  // of the participation that it is part of
    Attendance attendance;
  };

  DueDay DayOfEvent(const CourseEvent& event) const {
    return DueDay(DayOf(absl::FromUnixMicros(event.time_us), zone_));
  }
  void BeginStay(const CourseEvent& first) {
    const bool goes_on = !stays_.empty() && first.kind != Entry::KIND_JOINED;
    const DueDay day = goes_on ? stays_.back().day : DayOfEvent(first);
    stays_.push_back({.day = day, .attendance = {}});
    by_day_.try_emplace(
        day,
        OwnPresence{
            .cohort = day, .first_join_us = first.time_us, .client = first.client, .site = first.site, .person = {}});
  }
  void Note(const CourseEvent& event, OwnPresence& presence) const {
    presence.late |= event.released_through >= presence.cohort;
    if (Enters(event.kind)) ++presence.reconnections;
    if (!event.person.has_value() || presence.in_time || DayOfEvent(event) != presence.cohort) return;
    presence.in_time = event.released_through < presence.cohort;
    if (presence.in_time || !presence.person.has_value()) presence.person = event.person;
  }

  const absl::TimeZone& zone_;
  RoomWalk walk_;
  std::vector<Stay> stays_;  // as the walk's sittings
  std::map<DueDay, OwnPresence> by_day_;
};

}  // namespace

Participations FoldParticipations(const Course& course, const CutHistory& rules, const absl::TimeZone& zone) {
  absl::flat_hash_map<Word, size_t> index;
  std::vector<OwnCourse> own;  // in the order of their first event
  course.ForEach([&](const CourseEvent& event) {
    const bool ends = event.kind == Entry::KIND_ENDED;
    if (!ends && !IsOwn(event.kind)) return;
    const RoomEvent room_event = course.RoomEventOf(event);
    if (ends) {
      for (OwnCourse& each : own) each.Step(event, room_event);
      return;
    }
    const auto [it, inserted] = index.try_emplace(event.participant, own.size());
    if (inserted) own.emplace_back(rules, zone);
    own[it->second].Step(event, room_event);
  });
  Participations participations;
  for (OwnCourse& each : own) {
    if (each.came()) ++participations.participants;
    std::move(each).AppendTo(participations.all);
  }
  return participations;
}

}  // namespace retention
