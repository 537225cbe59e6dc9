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

// What statistics count of an occurrence: of each of its participants the sittings that would have been if nobody else
// had come, by the days on which they began.
std::multiset<SeenParticipation> ParticipationsOf(const OccurrenceModel& of, const CutsModel& cuts,
                                                  const std::set<std::pair<std::string, std::string>>& late) {
  std::map<std::string, RoomModel> alone;  // rooms in which nobody else was
  for (const v1::Event& event : of.events) {
    if (event.has_participant_joined() || event.has_participant_reconnected())
      alone.try_emplace(ParticipantOf(event), cuts);
  }
  std::multiset<SeenParticipation> counted;
  for (auto& [who, room] : alone) {
    for (const v1::Event& event : of.events) {
      const bool own = event.has_participant_joined() || event.has_participant_reconnected() ||
                       event.has_participant_left() || event.has_media_quality_sampled();
      if (event.has_meeting_ended() || (own && ParticipantOf(event) == who)) room.Add(event);
    }
    std::map<absl::CivilDay, OccurrenceModel> by_day;
    std::optional<absl::CivilDay> current;
    for (const OccurrenceModel& part : room.Occurrences()) {
      for (const SittingModel& sitting : part.sittings) {
        const v1::Event& first = sitting.events.front();
        // Who reconnects goes on with what they were in.
        if (!current.has_value() || first.has_participant_joined()) current = DayAtUs(Us(first.time()));
        by_day[*current].sittings.push_back(sitting);
      }
    }
    for (const auto& [day, stays] : by_day) {
      // Nobody knows who was only reconnected, or who joined, on that day, too late.
      const bool known = std::any_of(stays.sittings.begin(), stays.sittings.end(), [&, day = day](const auto& sitting) {
        return std::any_of(sitting.events.begin(), sitting.events.end(), [&](const v1::Event& event) {
          return event.has_participant_joined() && DayAtUs(Us(event.time())) == day &&
                 !late.contains({event.meeting_id(), event.event_id()});
        });
      });
      if (!known) continue;
      const PersonModel person = stays.Report(/*by_persons=*/false).front();
      const int hour = absl::ToCivilHour(absl::FromUnixMicros(person.first_join_us), Berlin()).hour();
      counted.emplace(day, hour, static_cast<uint32_t>(person.total_us / 1000000), static_cast<uint32_t>(alone.size()),
                      person.reconnections);
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
      EXPECT_EQ(of_it, expected) << "day, hour, seconds, size, reconnections in the statistics of " << id << "\n"
                                 << TextOf(of);
    }
  }
}

}  // namespace retention::simulation
