#include "server/recording/organizers.h"

#include <utility>

namespace retention {
namespace {

// Of two that scheduled at one instant the one whose meeting begins first.
int64_t PlannedUs(const OccurrenceFacts& facts) { return facts.plan.has_value() ? facts.plan->start_us : INT64_MAX; }

// By an instant, or else the first after it.
RoomOrganizer OrganizerBy(int64_t time_us, const Room& room) {
  RoomOrganizer found = room.organizer;
  int64_t planned_us = INT64_MAX;
  const auto is_nearer = [&](int64_t other_us) {
    if (found.holder.empty()) return true;
    if (other_us <= time_us) return found.time_us > time_us || other_us > found.time_us;
    return found.time_us > time_us && other_us < found.time_us;
  };
  for (const auto& [number, meeting] : room.meetings) {
    const OccurrenceFacts& facts = meeting.locator.facts;
    RoomOrganizer other = OrganizerOf(facts);
    if (other.holder.empty()) continue;
    const bool ties = other.time_us == found.time_us && PlannedUs(facts) < planned_us;
    if (!ties && !is_nearer(other.time_us)) continue;
    found = std::move(other);
    planned_us = PlannedUs(facts);
  }
  return found;
}

}  // namespace

RoomOrganizer OrganizerOf(const OccurrenceFacts& facts) {
  if (facts.organizer.empty() || facts.deleted) return {};
  return {.holder = facts.organizer, .time_us = facts.scheduled_on_us.value_or(facts.first_us)};
}

RoomOrganizer LatestOrganizer(const Room& room) {
  RoomOrganizer latest;
  int64_t planned_us = INT64_MAX;
  for (const auto& [number, meeting] : room.meetings) {
    const OccurrenceFacts& facts = meeting.locator.facts;
    RoomOrganizer other = OrganizerOf(facts);
    if (other.holder.empty()) continue;
    const bool ties = other.time_us == latest.time_us && PlannedUs(facts) < planned_us;
    if (!latest.holder.empty() && other.time_us <= latest.time_us && !ties) continue;
    latest = std::move(other);
    planned_us = PlannedUs(facts);
  }
  return latest.holder.empty() ? room.organizer : latest;
}

RoomOrganizer OrganizerFor(const OccurrenceFacts& facts, int64_t time_us, const Room& room) {
  if (facts.organizer.empty()) return OrganizerBy(time_us, room);
  const int64_t scheduled_us = facts.scheduled_on_us.value_or(facts.first_us);
  return {.holder = facts.organizer, .time_us = facts.taken_over ? 0 : scheduled_us};
}

}  // namespace retention
