// What statistics count of a room, held against the oracle of rooms (room_comparison.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_comparison.h"
#include "tests/simulation/room_values.h"
#include "tests/simulation/room_walk.h"

namespace retention::simulation {
namespace {

// A run of somebody's presence, by their own events, and its end if it was said.
struct RunModel {
  std::vector<v1::Event> own;
  std::optional<v1::Event> ended;
  std::string name;  // of the sitting
};

bool Enters(const v1::Event& event) { return event.has_participant_joined() || event.has_participant_reconnected(); }

// Which sitting of a room it was is said elsewhere: here it is the only one.
v1::Event WithoutSitting(v1::Event event) {
  event.clear_occurrence_id();
  return event;
}

// Whether it speaks of somebody who is there, after these events: then it is a sign of life of the sitting.
bool Counts(const RunModel& run, const v1::Event& event, const CutsModel& cuts) {
  RoomModel room(cuts);
  for (const v1::Event& before : run.own) room.Add(WithoutSitting(before));
  room.Add(WithoutSitting(event));
  for (const OccurrenceModel& part : room.Occurrences()) {
    for (const SittingModel& sitting : part.sittings) {
      for (const v1::Event& sign : sitting.events) {
        if (sign.event_id() == event.event_id()) return true;
      }
    }
  }
  return false;
}

// Cut where they enter later than `reopen_within` after their last event, or a sitting of another name, and by the end
// of the meeting.
std::vector<RunModel> RunsOf(const std::string& who, const OccurrenceModel& of, const CutsModel& cuts) {
  std::vector<RunModel> runs;
  bool goes_on = false;
  for (const v1::Event& event : of.events) {
    const bool own = Enters(event) || event.has_participant_left() || event.has_media_quality_sampled();
    if (!event.has_meeting_ended() && !(own && ParticipantOf(event) == who)) continue;
    const auto is_other = [&] {
      const std::string& name = event.occurrence_id();
      return !name.empty() && !runs.back().name.empty() && name != runs.back().name;
    };
    const auto waited_us = [&] { return Us(event.time()) - Us(runs.back().own.back().time()); };
    const auto rules = [&] { return cuts.At(Us(runs.back().own.front().time())); };
    const auto is_beyond_limit = [&] {
      return Us(event.time()) - Us(runs.back().own.front().time()) > rules().longest_us;
    };
    if (Enters(event) && (!goes_on || is_other() || is_beyond_limit() || waited_us() > rules().reopen_us)) {
      runs.emplace_back();
      goes_on = true;
    } else if (!goes_on || is_other()) {
      continue;
    }
    if (!Enters(event) && (is_beyond_limit() || waited_us() > rules().presumed_us)) {
      goes_on = false;
      continue;
    }
    if (event.has_meeting_ended()) {
      runs.back().ended = event;
      goes_on = false;
      continue;
    }
    if (!Enters(event) && !Counts(runs.back(), event, cuts)) continue;
    runs.back().own.push_back(event);
    if (runs.back().name.empty()) runs.back().name = event.occurrence_id();
  }
  return runs;
}

// What statistics count of an occurrence: of each of its participants the runs of their presence, each as a room in
// which nobody else was.
std::multiset<SeenParticipation> ParticipationsOf(const OccurrenceModel& of, const CutsModel& cuts,
                                                  const std::set<std::pair<std::string, std::string>>& late) {
  std::set<std::string> participants;
  for (const v1::Event& event : of.events) {
    if (Enters(event)) participants.insert(ParticipantOf(event));
  }
  std::multiset<SeenParticipation> counted;
  for (const std::string& who : participants) {
    for (const RunModel& run : RunsOf(who, of, cuts)) {
      const absl::CivilDay day = DayAtUs(Us(run.own.front().time()));
      // Nobody knows who came, by events of that day, too late.
      const bool known = std::any_of(run.own.begin(), run.own.end(), [&](const v1::Event& event) {
        return Enters(event) && DayAtUs(Us(event.time())) == day &&
               !late.contains({event.meeting_id(), event.event_id()});
      });
      if (!known) continue;
      RoomModel alone(cuts);
      for (const v1::Event& event : run.own) alone.Add(WithoutSitting(event));
      if (run.ended.has_value()) alone.Add(WithoutSitting(*run.ended));
      OccurrenceModel stays;
      for (const OccurrenceModel& part : alone.Occurrences()) {
        stays.cuts = part.cuts;
        stays.sittings.insert(stays.sittings.end(), part.sittings.begin(), part.sittings.end());
      }
      const PersonModel person = stays.Report(/*by_persons=*/false).front();
      const int64_t begin_us = Us(run.own.front().time());
      const int hour = absl::ToCivilHour(absl::FromUnixMicros(begin_us), Berlin()).hour();
      counted.emplace(day, hour, static_cast<uint32_t>(person.total_us / 1000000), person.reconnections);
    }
  }
  return counted;
}

}  // namespace

void CompareCohorts(const std::map<std::string, RoomModel>& rooms, const std::map<std::string, SeenRoom>& seen,
                    const CohortsSeen& found, const PolicyModel& policy, absl::Time now,
                    const std::set<std::pair<std::string, std::string>>& late) {
  for (const auto& [id, room] : rooms) {
    for (const OccurrenceModel& of : room.Occurrences()) {
      if (IsHistoryDue(of, policy, now)) continue;
      const std::multiset<SeenParticipation> expected = ParticipationsOf(of, room.cuts(), late);
      const auto counted = found.find({id, OccurrenceOf(of, seen.at(id))});
      const std::multiset<SeenParticipation> of_it =
          counted == found.end() ? std::multiset<SeenParticipation>() : counted->second;
      EXPECT_EQ(of_it, expected) << "day, hour, seconds, reconnections in the statistics of " << id << "\n"
                                 << TextOf(of);
    }
  }
}

}  // namespace retention::simulation
