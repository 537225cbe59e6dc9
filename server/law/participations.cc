#include "server/law/participations.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/law/attendance.h"
#include "server/law/open_connections.h"
#include "server/law/periods.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

// What one participant did.
class OwnCourse {
 public:
  OwnCourse(const CutHistory& rules, const ProfileHistory& profiles, const absl::TimeZone& zone)
      : rules_(rules), profiles_(profiles), zone_(zone) {}

  // The next event that is theirs, or the end of the meeting.
  void Step(const CourseEvent& event, const RoomEvent& room_event) {
    if (event.kind == Entry::KIND_JOIN_FAILED) {
      OwnPresence& failure = runs_.emplace_back(Begin(event)).presence;
      failure.failure_cause = event.cause;
      Note(event, failure);
      return;
    }
    if (Enters(event.kind) && !GoesOn(event)) {
      current_ = runs_.size();
      runs_.emplace_back(Begin(event));
    }
    if (current_ == kNone) return;
    Run& run = runs_[current_];
    if (IsOfAnother(event, run)) return;
    // Who was not heard of for so long is presumed to have left then.
    if (!Enters(event.kind) &&
        (event.time_us - run.last_us > ToMicros(RulesOf(run).presumed_end_after) || IsBeyondLimit(event, run))) {
      current_ = kNone;
      return;
    }
    if (event.kind == Entry::KIND_ENDED) {
      run.attendance.Step(room_event);
      current_ = kNone;
      return;
    }
    // What speaks of nobody who is there is no sign of life.
    if (Enters(event.kind)) {
      run.open.Open(room_event);
    } else if (event.kind == Entry::KIND_LEFT) {
      if (!run.open.CanClose(room_event)) return;
      run.open.Close(room_event);
    } else if (!run.open.IsPresent(room_event.participant)) {
      return;
    }
    if (event.kind == Entry::KIND_QUALITY) {
      run.samples += 1;
      run.rtt_ms += event.rtt_ms;
      run.loss_ppm += event.loss_ppm;
      run.jitter_ms += event.jitter_ms;
    }
    run.attendance.Step(room_event);
    run.last_us = event.time_us;
    if (run.presence.sitting == 0) run.presence.sitting = event.sitting;
    if (Enters(event.kind)) ++run.entered;
    Note(event, run.presence);
  }

  void AppendTo(std::vector<OwnPresence>& all) && {
    for (Run& run : runs_) {
      if (run.entered > 0) run.presence.reconnections = run.entered - 1;
      std::vector<Interval> connections;
      for (const PersonAttendance& line : run.attendance.Lines([](uint64_t participant) { return participant; })) {
        connections.insert(connections.end(), line.connections.begin(), line.connections.end());
      }
      run.presence.total_us = LengthOfUnion(std::move(connections));
      if (run.samples > 0) {
        run.presence.quality = {.rtt_ms = static_cast<uint32_t>(run.rtt_ms / run.samples),
                                .loss_ppm = static_cast<uint32_t>(run.loss_ppm / run.samples),
                                .jitter_ms = static_cast<uint32_t>(run.jitter_ms / run.samples)};
      }
      all.push_back(std::move(run.presence));
    }
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  struct Run {
    OwnPresence presence;
    int64_t last_us = 0;  // their last sign of life
    uint32_t entered = 0;
    uint64_t samples = 0, rtt_ms = 0, loss_ppm = 0, jitter_ms = 0;
    OpenConnections open = {};
    Attendance attendance = {};
  };

  static int64_t ToMicros(absl::Duration duration) { return absl::ToInt64Microseconds(duration); }
  static bool IsOfAnother(const CourseEvent& event, const Run& run) {
    return event.sitting != 0 && run.presence.sitting != 0 && event.sitting != run.presence.sitting;
  }
  const CutRules& RulesOf(const Run& run) const { return rules_.At(run.presence.begin_us); }

  // No run is longer than a sitting may be.
  bool IsBeyondLimit(const CourseEvent& event, const Run& run) const {
    return event.time_us - run.presence.begin_us > ToMicros(RulesOf(run).longest_sitting);
  }
  // Whether who enters goes on with the run that there is.
  bool GoesOn(const CourseEvent& event) const {
    if (current_ == kNone) return false;
    const Run& run = runs_[current_];
    return !IsOfAnother(event, run) && !IsBeyondLimit(event, run) &&
           event.time_us - run.last_us <= ToMicros(RulesOf(run).reopen_within);
  }
  DueDay DayOfEvent(const CourseEvent& event) const {
    return DueDay(DayOf(absl::FromUnixMicros(event.time_us), zone_));
  }
  Run Begin(const CourseEvent& first) const {
    const DueDay day = DayOfEvent(first);
    return {.presence = {.day = day,
                         .cohort = profiles_.CohortOf(day),
                         .begin_us = first.time_us,
                         .sitting = first.sitting,
                         .client = first.client,
                         .site = first.site,
                         .quality = {},
                         .person = {}},
            .last_us = first.time_us};
  }
  void Note(const CourseEvent& event, OwnPresence& presence) const {
    const bool came_late = event.released_through >= presence.cohort.last;
    presence.late |= came_late;
    // Hashed for another cohort, they would be somebody else.
    if (!event.person.has_value() || presence.in_time || !presence.cohort.contains(DayOfEvent(event))) return;
    presence.in_time = !came_late;
    if (presence.in_time || !presence.person.has_value()) presence.person = event.person;
  }

  const CutHistory& rules_;
  const ProfileHistory& profiles_;
  const absl::TimeZone& zone_;
  std::vector<Run> runs_;
  size_t current_ = kNone;  // the run that may go on
};

bool IsOwn(CourseKind kind) {
  return Enters(kind) || kind == Entry::KIND_LEFT || kind == Entry::KIND_QUALITY || kind == Entry::KIND_JOIN_FAILED;
}

}  // namespace

std::vector<OwnPresence> FoldParticipations(const Course& course, const CutHistory& rules,
                                            const ProfileHistory& profiles, const absl::TimeZone& zone) {
  absl::flat_hash_map<Word, size_t> index;
  std::vector<OwnCourse> own;
  course.ForEach([&](const CourseEvent& event) {
    const bool ends = event.kind == Entry::KIND_ENDED;
    if (!ends && !IsOwn(event.kind)) return;
    const RoomEvent room_event = course.RoomEventOf(event);
    if (ends) {
      for (OwnCourse& each : own) each.Step(event, room_event);
      return;
    }
    const auto [it, inserted] = index.try_emplace(event.participant, own.size());
    if (inserted) own.emplace_back(rules, profiles, zone);
    own[it->second].Step(event, room_event);
  });
  std::vector<OwnPresence> all;
  for (OwnCourse& each : own) std::move(each).AppendTo(all);
  return all;
}

}  // namespace retention
