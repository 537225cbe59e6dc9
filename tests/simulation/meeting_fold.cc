// The oracle's meeting: what follows from its events.
//
// Which of them are one occurrence, and its sittings, is what the cut says: it has an oracle of its own
// (tests/law/occurrences_test.cc). The workload keeps to meetings that are one occurrence with one sitting.
#include <algorithm>

#include "server/law/room_cut.h"
#include "server/recording/event_intake.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/model.h"

namespace retention::simulation {
namespace {

constexpr absl::Duration kRefresh = absl::Seconds(30);  // refresh_within

template <typename Plan>
void SetPlanOf(const Plan& plan, RoomEvent& event) {
  event.planned_start_us = Us(plan.planned_start());
  event.planned_end_us =
      event.planned_start_us + plan.planned_duration().seconds() * 1000000 + plan.planned_duration().nanos() / 1000;
}

RoomEvent RoomEventOf(const v1::Event& event) {
  RoomEvent of_room{.id = FingerprintOf(event.event_id()), .time_us = Us(event.time())};
  const auto by = [&](RoomEventKind kind, const std::string& participant) {
    of_room.kind = kind;
    of_room.participant = FingerprintOf(participant);
  };
  if (event.has_meeting_scheduled()) {
    of_room.kind = RoomEventKind::kScheduled;
    of_room.protocolled = event.meeting_scheduled().protocolled();
    SetPlanOf(event.meeting_scheduled(), of_room);
  } else if (event.has_meeting_rescheduled()) {
    of_room.kind = RoomEventKind::kRescheduled;
    SetPlanOf(event.meeting_rescheduled(), of_room);
  } else if (event.has_meeting_started()) {
    of_room.kind = RoomEventKind::kStarted;
    of_room.protocolled = event.meeting_started().protocolled();
  } else if (event.has_participant_joined()) {
    by(RoomEventKind::kJoined, event.participant_joined().participant_id());
  } else if (event.has_participant_reconnected()) {
    by(RoomEventKind::kReconnected, event.participant_reconnected().participant_id());
  } else if (event.has_media_quality_sampled()) {
    by(RoomEventKind::kQuality, event.media_quality_sampled().participant_id());
  } else if (event.has_participant_left()) {
    by(RoomEventKind::kLeft, event.participant_left().participant_id());
  } else if (event.has_meeting_ended()) {
    of_room.kind = RoomEventKind::kEnded;
  } else if (event.has_participant_invited() || event.has_dial_in_assigned()) {
    of_room.kind = RoomEventKind::kPlanned;
  } else if (event.has_file_shared()) {
    of_room.kind = RoomEventKind::kFile;
  } else if (event.has_recording_created()) {
    of_room.kind = RoomEventKind::kRecorded;
  } else if (event.has_meeting_deleted()) {
    of_room.kind = RoomEventKind::kDeleted;
  }
  return of_room;
}

RoomCut CutOf(const std::map<std::string, v1::Event>& events, const CutHistory& cuts) {
  RoomCut cut(cuts);
  for (const auto& [id, event] : events) cut.Add(RoomEventOf(event), 0);
  cut.Settle();
  return cut;
}

// The one occurrence that is not only a deletion; nothing if there are several or none.
std::optional<OccurrenceFacts> OneOf(const RoomCut& cut) {
  std::set<uint64_t> occurrences;
  for (const CutEvent& event : cut.events()) {
    if (event.event.kind != RoomEventKind::kDeleted) occurrences.insert(event.occurrence);
  }
  if (occurrences.size() != 1) return std::nullopt;
  uint32_t organizer = 0;
  return cut.FactsOf(*occurrences.begin(), organizer);
}

// Who is there, by how many connections, and how long they were.
struct Stays {
  int connections = 0;
  int64_t since_us = 0;
  std::optional<int64_t> left_us;  // a leave since then, by which not all connections closed
};

}  // namespace

absl::CivilDay MeetingState::PlannedDate() const {
  const absl::CivilDay begun = DayAtUs(start_us.value_or(0));
  if (!plan_us.has_value()) return begun;
  const absl::CivilDay planned = DayAtUs(plan_us->first);
  return start_us.has_value() && begun > planned ? begun : planned;
}

absl::Time MeetingState::End() const {
  if (end_us.has_value()) return absl::FromUnixMicros(*end_us);
  if (!took_place) return absl::FromUnixMicros(plan_us.has_value() ? plan_us->second : 0);
  const int64_t from = plan_us.has_value() ? std::max(plan_us->second, last_us) : last_us;
  return std::min(absl::FromUnixMicros(from) + presumed_end_after, absl::FromUnixMicros(std::max(limit_us, last_us)));
}

absl::Time MeetingState::SittingFilesEnd() const {
  if (!took_place) return End() + absl::Hours(24);
  if (!emptied_us.has_value()) return End();
  return absl::FromUnixMicros(std::max(*emptied_us, files_from_us)) + kRefresh;
}

absl::Time MeetingState::FileEnd(int64_t shared_us) const {
  if (!took_place) return SittingFilesEnd();
  const int64_t from_us = std::max(shared_us, files_from_us);
  const absl::Time soonest = absl::FromUnixMicros(from_us) + kRefresh;
  return from_us <= gone_us ? soonest : std::max(soonest, SittingFilesEnd());
}

absl::Time MeetingState::FilesEnd() const {
  if (!took_place) return SittingFilesEnd();
  return std::max(SittingFilesEnd(), absl::FromUnixMicros(last_event_us) + kRefresh);
}

std::optional<absl::CivilDay> MeetingState::LikelyEndDay() const {
  if (end_us.has_value() || !took_place) return std::nullopt;
  return DayAtUs(plan_us.has_value() ? std::max(plan_us->second, *start_us) : *start_us);
}

absl::CivilDay MeetingState::CollectionDay() const { return took_place ? DayAtUs(*start_us) : PlannedDate(); }

uint64_t MeetingModel::HistorySize() const {
  return static_cast<uint64_t>(std::count_if(events.begin(), events.end(),
                                             [](const auto& event) { return !event.second.has_meeting_deleted(); }));
}

bool MeetingModel::IsOneWith(const v1::Event& event) const {
  std::map<std::string, v1::Event> all = events;
  all.emplace(event.event_id(), event);
  const auto facts = OneOf(CutOf(all, cuts));
  return facts.has_value() && facts->IsMeeting() && facts->sittings.size() <= 1;
}

bool MeetingModel::ProtocolledAt(int64_t time_us) const {
  return CutOf(events, cuts).IsProtocolledAt({.time_us = time_us, .kind = RoomEventKind::kShared});
}

MeetingState MeetingModel::At(absl::Time now) const {
  std::vector<const v1::Event*> in_order;
  for (const auto& [id, event] : events) in_order.push_back(&event);
  std::sort(in_order.begin(), in_order.end(),
            [](const v1::Event* a, const v1::Event* b) { return Us(a->time()) < Us(b->time()); });

  MeetingState state;
  const auto facts = OneOf(CutOf(events, cuts));
  if (!facts.has_value()) return state;
  state.known = facts->IsMeeting();
  state.deleted = facts->deleted;
  state.took_place = facts->TookPlace();
  state.protocolled = facts->protocolled;
  state.scheduled_us = facts->scheduled_on_us;
  state.last_event_us = facts->last_us;
  if (facts->plan.has_value()) {
    state.plan_us = {facts->plan->start_us, facts->plan->end_us};
    state.files_from_us = facts->plan->took_place_us;
  }
  absl::Duration reopen_within;
  if (!facts->sittings.empty()) {
    const SittingFacts& sitting = facts->sittings.front();
    reopen_within = cuts.At(sitting.start_us).reopen_within;
    state.start_us = sitting.start_us;
    state.last_us = sitting.last_us;
    state.presumed_end_after = cuts.At(sitting.start_us).presumed_end_after;
    state.limit_us = sitting.limit_us;
    state.emptied_us = sitting.emptied_us;
    state.gone_us = sitting.gone_us;
  }
  if (state.took_place && state.emptied_us.has_value()) {
    const int64_t emptied_us = *state.emptied_us;
    state.end_us = state.plan_us.has_value() ? std::max(emptied_us, state.plan_us->first) : emptied_us;
  }

  Person scheduler = 0;
  Person starter = 0;
  std::map<std::string, Stays> stays;
  absl::Time heard = absl::InfinitePast();  // the last sign of life so far
  const auto close = [&](const std::string& who, int64_t until_us) {
    Stays& stay = stays[who];
    stay.connections = 0;
    state.participants[who].total_us += until_us - stay.since_us;
  };
  for (const v1::Event* event : in_order) {
    const int64_t time_us = Us(event->time());
    if (event->has_meeting_scheduled()) state.plan = event->event_id();
    if (const auto by = organizers.find(event->event_id()); by != organizers.end()) {
      (event->has_meeting_scheduled() ? scheduler : starter) = by->second;
    }
    const absl::Time happened = absl::FromUnixMicros(time_us);
    const bool too_late = time_us > state.limit_us;
    // Of who never left nobody hears any more; that all ended is heard.
    const bool over = too_late || happened > heard + state.presumed_end_after + reopen_within;
    if (event->has_meeting_ended() && !too_late) {
      for (auto& [who, stay] : stays) {
        if (stay.connections > 0) close(who, stay.left_us.value_or(time_us));
      }
    }
    if (event->has_media_quality_sampled() && !over &&
        stays[event->media_quality_sampled().participant_id()].connections > 0) {
      heard = happened;
      stays[event->media_quality_sampled().participant_id()].left_us.reset();  // there still
    }
    if (event->has_participant_left() && !over) {
      const std::string& who = event->participant_left().participant_id();
      Stays& stay = stays[who];
      if (stay.connections == 0) continue;
      heard = happened;
      stay.left_us = time_us;
      if (--stay.connections == 0) close(who, time_us);
    }
    if (event->has_meeting_started()) heard = happened;
    if (!event->has_participant_joined() && !event->has_participant_reconnected()) continue;
    heard = happened;
    const std::string& who = event->has_participant_joined() ? event->participant_joined().participant_id()
                                                             : event->participant_reconnected().participant_id();
    const bool is_new = !state.participants.contains(who);
    ParticipantState& participant = state.participants[who];
    if (is_new) {
      participant.first_join_us = time_us;
      state.order.push_back(who);
    } else {
      ++participant.reconnections;
    }
    Stays& stay = stays[who];
    if (stay.connections == 0) {
      stay.since_us = time_us;
    }
    stay.left_us.reset();
    if (event->has_participant_joined() || stay.connections == 0) ++stay.connections;
  }
  state.organizer = scheduler == 0 ? starter : scheduler;
  // Who never left was there until the last sign of life, and nobody is there beyond the presumed end.
  for (auto& [who, stay] : stays) {
    if (stay.connections == 0) continue;
    state.participants[who].present = now < state.End();
    close(who, stay.left_us.value_or(state.last_us));
  }
  return state;
}

}  // namespace retention::simulation
