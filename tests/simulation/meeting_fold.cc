#include <algorithm>

#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/model.h"

namespace retention::simulation {
namespace {

template <typename Plan>
std::pair<int64_t, int64_t> PlanOf(const Plan& plan) {
  const int64_t start = Us(plan.planned_start());
  return {start, start + plan.planned_duration().seconds() * 1000000 + plan.planned_duration().nanos() / 1000};
}

bool OfTheCourse(const v1::Event& event) {
  return event.has_meeting_started() || event.has_meeting_ended() || event.has_participant_joined() ||
         event.has_participant_left() || event.has_participant_reconnected() || event.has_media_quality_sampled();
}

// The stays of one participant.
struct Stays {
  std::vector<std::pair<int64_t, int64_t>> closed_us;
  std::optional<int64_t> open_us;
};

}  // namespace

absl::CivilDay MeetingState::PlannedDate() const {
  const absl::CivilDay begun = DayAtUs(start_us.value_or(first_course_us.value_or(0)));
  if (!plan_us.has_value()) return begun;
  const absl::CivilDay planned = DayAtUs(plan_us->first);
  return start_us.has_value() && begun > planned ? begun : planned;
}

absl::Time MeetingState::End() const {
  if (end_us.has_value()) return absl::FromUnixMicros(*end_us);
  if (!first_course_us.has_value()) return absl::FromUnixMicros(plan_us->second);
  const int64_t begun = start_us.value_or(*first_course_us);
  return absl::FromUnixMicros(plan_us.has_value() ? std::max(plan_us->second, begun) : begun) + presumed_end_after;
}

std::optional<absl::CivilDay> MeetingState::LikelyEndDay() const {
  if (end_us.has_value() || !first_course_us.has_value()) return std::nullopt;
  return DayAt(End() - presumed_end_after);
}

absl::CivilDay MeetingState::CollectionDay() const {
  return first_course_us.has_value() ? DayAtUs(*first_course_us) : PlannedDate();
}

MeetingState MeetingModel::At(absl::Time now) const {
  std::vector<const v1::Event*> in_order;
  for (const auto& [id, event] : events) in_order.push_back(&event);
  std::sort(in_order.begin(), in_order.end(),
            [](const v1::Event* a, const v1::Event* b) { return Us(a->time()) < Us(b->time()); });

  MeetingState state;
  state.presumed_end_after = presumed_end_after;
  std::optional<int64_t> reported_end_us;
  std::string scheduler;
  std::string starter;
  for (const v1::Event* event : in_order) {
    const int64_t time_us = Us(event->time());
    state.deleted |= event->has_meeting_deleted();
    if (event->has_meeting_scheduled()) {
      state.plan_us = PlanOf(event->meeting_scheduled());
      if (!state.scheduled_us.has_value()) state.scheduled_us = time_us;
      state.protocolled = event->meeting_scheduled().protocolled();
      if (!event->meeting_scheduled().organizer_extension().empty()) {
        scheduler = event->meeting_scheduled().organizer_extension();
      }
    }
    if (event->has_meeting_rescheduled()) state.plan_us = PlanOf(event->meeting_rescheduled());
    if (event->has_meeting_started()) {
      state.protocolled |= event->meeting_started().protocolled();
      if (!event->meeting_started().organizer_extension().empty()) {
        starter = event->meeting_started().organizer_extension();
      }
    }
    if (OfTheCourse(*event) && !state.first_course_us.has_value()) state.first_course_us = time_us;
    if (event->has_meeting_ended() && !reported_end_us.has_value()) reported_end_us = time_us;
  }
  state.organizer = scheduler.empty() ? starter : scheduler;
  state.known = state.plan_us.has_value() || state.first_course_us.has_value();

  // Who was there when: what lies after the reported end does not count.
  std::map<std::string, Stays> stays;
  std::set<std::string> present;
  std::optional<int64_t> emptied_us;
  for (const v1::Event* event : in_order) {
    const int64_t time_us = Us(event->time());
    if (event->has_meeting_started() && !state.start_us.has_value()) state.start_us = time_us;
    if (reported_end_us.has_value() && time_us > *reported_end_us) continue;
    if (event->has_participant_left()) {
      const std::string& who = event->participant_left().participant_id();
      if (!present.erase(who)) continue;
      Stays& stay = stays[who];
      stay.closed_us.emplace_back(*stay.open_us, time_us);
      stay.open_us.reset();
      if (present.empty()) emptied_us = time_us;
      continue;
    }
    if (!event->has_participant_joined() && !event->has_participant_reconnected()) continue;
    const std::string& who = event->has_participant_joined() ? event->participant_joined().participant_id()
                                                             : event->participant_reconnected().participant_id();
    if (!state.start_us.has_value()) state.start_us = time_us;
    if (!state.participants.contains(who)) {
      state.participants[who].first_join_us = time_us;
      state.order.push_back(who);
    }
    if (event->has_participant_reconnected()) ++state.participants[who].reconnections;
    if (present.insert(who).second) stays[who].open_us = time_us;
  }
  if (present.empty() && emptied_us.has_value()) {
    state.end_us = emptied_us;
  } else {
    state.end_us = reported_end_us;
  }
  // A stay that was never left lasts until the reported end, else until now, and never beyond the presumed end.
  const bool over = reported_end_us.has_value() || (state.known && state.End() <= now);
  for (auto& [who, participant] : state.participants) {
    const Stays& stay = stays[who];
    for (const auto& [from, to] : stay.closed_us) participant.total_us += to - from;
    if (!stay.open_us.has_value()) continue;
    int64_t until_us = absl::ToUnixMicros(now);
    if (reported_end_us.has_value()) {
      until_us = *reported_end_us;
    } else if (over) {
      until_us = absl::ToUnixMicros(state.End());
    }
    participant.total_us += std::max<int64_t>(0, until_us - *stay.open_us);
    participant.present = !over;
  }
  return state;
}

}  // namespace retention::simulation
