#include "tests/simulation/room_model.h"

#include <algorithm>
#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_walk.h"

namespace retention::simulation {
namespace {

using Interval = std::pair<int64_t, int64_t>;

absl::Time At(int64_t time_us) { return absl::FromUnixMicros(time_us); }

int64_t LimitOf(const SittingModel& sitting, const std::optional<PlanModel>& plan) {
  const int64_t latest_us = sitting.start_us + sitting.cut.early_us;
  const int64_t from_us = plan.has_value() ? std::max(sitting.start_us, plan->start_us) : sitting.start_us;
  return std::min(from_us, latest_us) + sitting.cut.longest_us;
}

// Of one that nobody is known to have left.
int64_t PresumedEndOf(const SittingModel& sitting, const std::optional<PlanModel>& plan) {
  const int64_t from_us = std::max(sitting.last_us, plan.has_value() ? plan->end_us : INT64_MIN);
  return std::min(from_us + sitting.cut.presumed_us, std::max(LimitOf(sitting, plan), sitting.last_us));
}

// What one participant did in one sitting.
struct StayModel {
  int64_t first_join_us = 0;
  uint32_t joins = 0;
  std::optional<int64_t> since_us;
  std::optional<int64_t> left_us;  // their last word was a leave, by which not all was closed
  bool presumed = false;           // that leave was taken for the last
  std::vector<Interval> intervals;
};

void CloseStay(StayModel& stay, int64_t until_us) {
  if (!stay.since_us.has_value()) return;
  stay.intervals.emplace_back(*stay.since_us, std::max(*stay.since_us, until_us));
  stay.since_us.reset();
  stay.left_us.reset();
}

// By participant.
std::map<std::string, StayModel> StaysOf(const SittingModel& sitting) {
  std::map<std::string, StayModel> stays;
  OpenModel open = sitting.came_over;
  // Who came over was there from the begin on, and has a line where they are heard of.
  for (const v1::Event& event : sitting.events) {
    if (!IsEntry(event) && !event.has_participant_left()) continue;
    if (!sitting.came_over.contains(ParticipantOf(event))) continue;
    StayModel& stay = stays[ParticipantOf(event)];
    stay.first_join_us = sitting.start_us;
    stay.since_us = sitting.start_us;
    stay.joins = 1;
  }
  for (const v1::Event& event : sitting.events) {
    const int64_t t = Us(event.time());
    if (IsEntry(event)) {
      Connect(event, open);
      StayModel& stay = stays[ParticipantOf(event)];
      if (stay.joins++ == 0) stay.first_join_us = t;
      if (!stay.since_us.has_value()) stay.since_us = t;
      stay.left_us.reset();
    } else if (event.has_participant_left() && IsConnected(event, open)) {
      Disconnect(event, open);
      StayModel& stay = stays[ParticipantOf(event)];
      stay.left_us = t;
      if (!open.contains(ParticipantOf(event))) CloseStay(stay, t);
    } else if (event.has_media_quality_sampled() && open.contains(ParticipantOf(event))) {
      const auto stay = stays.find(ParticipantOf(event));
      if (stay != stays.end()) stay->second.left_us.reset();  // there still
    } else if (event.has_meeting_ended()) {
      for (auto& [who, stay] : stays) {
        // The leave of a connection without a name may have been lost.
        const std::vector<ConnectionModel>& of_them = open[who];
        const bool lost = std::any_of(of_them.begin(), of_them.end(), [](const auto& one) { return one.id.empty(); });
        if (lost && stay.since_us.has_value() && stay.left_us.has_value()) stay.presumed = true;
        CloseStay(stay, lost ? stay.left_us.value_or(t) : t);
      }
      open.clear();
    }
  }
  return stays;
}

// Participants who share a user id, an address or an extension are one person, transitively: by the first of them.
std::map<std::string, std::string> PersonsOf(const std::vector<v1::Event>& events, bool by_persons) {
  std::map<std::string, std::set<std::string>> with;  // participants by what they share
  std::map<std::string, std::string> person;
  for (const v1::Event& event : events) {
    if (!IsEntry(event) && !event.has_participant_left()) continue;
    const std::string& who = ParticipantOf(event);
    person.emplace(who, who);
    if (!IsEntry(event)) continue;
    const v1::ParticipantJoined& joined = event.participant_joined();
    if (!event.user_id().empty()) with["user " + event.user_id()].insert(who);
    if (!joined.email().empty()) with["address " + absl::AsciiStrToLower(joined.email())].insert(who);
    if (!joined.extension().empty()) with["extension " + joined.extension()].insert(who);
  }
  for (bool changed = by_persons; changed;) {
    changed = false;
    for (const auto& [mark, all] : with) {
      std::string first = person.at(*all.begin());
      for (const std::string& who : all) first = std::min(first, person.at(who));
      for (const std::string& who : all) {
        changed |= person.at(who) != first;
        person.at(who) = first;
      }
    }
  }
  return person;
}

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

}  // namespace

bool OccurrenceModel::IsOpen() const {
  return TookPlace() && std::any_of(sittings.begin(), sittings.end(),
                                    [](const SittingModel& sitting) { return !sitting.emptied_us.has_value(); });
}

int64_t OccurrenceModel::first_us() const { return Us(events.front().time()); }
int64_t OccurrenceModel::last_us() const { return Us(events.back().time()); }

absl::Time OccurrenceModel::End() const {
  if (!TookPlace()) return At(plan.has_value() ? plan->end_us : last_us());
  int64_t end_us = plan.has_value() ? plan->start_us : INT64_MIN;
  for (const SittingModel& sitting : sittings) {
    end_us = std::max(end_us, sitting.emptied_us.has_value() ? *sitting.emptied_us : PresumedEndOf(sitting, plan));
  }
  return At(end_us);
}

absl::Time OccurrenceModel::LikelyEnd() const {
  if (!IsOpen()) return End();
  const int64_t start_us = sittings.front().start_us;
  return At(plan.has_value() ? std::max(plan->end_us, start_us) : start_us);
}

absl::CivilDay OccurrenceModel::PlannedDate() const {
  if (!plan.has_value()) return DayAtUs(sittings.empty() ? last_us() : sittings.front().start_us);
  const absl::CivilDay planned = DayAtUs(plan->start_us);
  return sittings.empty() ? planned : std::max(planned, DayAtUs(sittings.front().start_us));
}

absl::CivilDay OccurrenceModel::CollectionDay() const {
  return TookPlace() ? DayAtUs(sittings.front().start_us) : PlannedDate();
}

const SittingModel& OccurrenceModel::SittingOfFile(const v1::Event& file) const {
  const int64_t t = Us(file.time());
  // It was there for all who would come.
  if (plan.has_value() && t < plan->took_place_us) return sittings[took_place_by];
  const auto is_named = [&](const SittingModel& sitting) {
    return !sitting.name.empty() && sitting.name == file.occurrence_id();
  };
  const auto goes_on = [&](const SittingModel& sitting) {
    return (sitting.emptied_us.has_value() ? *sitting.emptied_us : PresumedEndOf(sitting, plan)) > t;
  };
  const auto is_visited = [&](const SittingModel& sitting) {
    return goes_on(sitting) && sitting.visited_us.has_value() && *sitting.visited_us <= t;
  };
  // The latest begun by then that it names, else in which people are, else that goes on.
  const SittingModel* latest = &sittings.front();
  const SittingModel* of = nullptr;
  for (const auto& is : {std::function<bool(const SittingModel&)>(is_named), {is_visited}, {goes_on}}) {
    for (const SittingModel& sitting : sittings) {
      if (sitting.start_us <= t) latest = &sitting;
      if (sitting.start_us <= t && is(sitting)) of = &sitting;
    }
    if (of != nullptr) return *of;
  }
  // That of who comes at once, where nobody was.
  for (const SittingModel& sitting : sittings) {
    const bool at_once = sitting.start_us > t && sitting.start_us - t < sitting.cut.refresh_us;
    if (at_once && !goes_on(*latest)) return sitting;
  }
  return *latest;
}

absl::Time OccurrenceModel::FileEnd(const v1::Event& file) const {
  if (!TookPlace()) {
    return At(plan.has_value() ? plan->end_us + plan->cut.late_us : first_us() + cuts.At(first_us()).presumed_us);
  }
  const SittingModel& sitting = SittingOfFile(file);
  // The first instant, since people are there of whom all can have left, at which nobody is, and stays so.
  int64_t empty_us = std::max({Us(file.time()), sitting.start_us, plan.has_value() ? plan->took_place_us : INT64_MIN});
  for (const Interval& stay : sitting.occupied) {
    if (empty_us + sitting.cut.refresh_us <= stay.first) return At(empty_us + sitting.cut.refresh_us);
    empty_us = std::max(empty_us, stay.second);
  }
  const int64_t refreshed_us = Us(file.time()) + sitting.cut.refresh_us;
  return At(sitting.emptied_us.has_value() ? empty_us + sitting.cut.refresh_us
                                           : std::max(PresumedEndOf(sitting, plan), refreshed_us));
}

absl::Time OccurrenceModel::LastFileEnd() const {
  if (!TookPlace()) return FileEnd({});
  int64_t last_us = INT64_MIN;
  for (const SittingModel& sitting : sittings) {
    const int64_t from_us = plan.has_value() ? plan->took_place_us : sitting.start_us;
    last_us = std::max(last_us, sitting.emptied_us.has_value()
                                    ? std::max(*sitting.emptied_us, from_us) + sitting.cut.refresh_us
                                    : PresumedEndOf(sitting, plan));
    // A file could come with the last event.
    last_us = std::max(last_us, this->last_us() + sitting.cut.refresh_us);
  }
  return At(last_us);
}

std::string OccurrenceModel::Organizer() const {
  std::string scheduler;
  std::string starter;
  for (const v1::Event& event : events) {
    const std::string& by = event.has_meeting_scheduled() ? event.meeting_scheduled().organizer_extension()
                                                          : event.meeting_started().organizer_extension();
    if (!by.empty()) (event.has_meeting_scheduled() ? scheduler : starter) = by;
  }
  // Of who scheduled the plan that it was copied from, too.
  if (scheduler.empty() && plan.has_value()) scheduler = plan->scheduler;
  return scheduler.empty() ? starter : scheduler;
}

bool OccurrenceModel::ProtocolledAt(int64_t time_us) const {
  bool protocolled = false;
  for (const v1::Event& event : events) {
    if (Us(event.time()) > time_us) break;
    if (event.has_meeting_scheduled()) protocolled = event.meeting_scheduled().protocolled();
    if (event.has_meeting_started()) protocolled |= event.meeting_started().protocolled();
  }
  return protocolled;
}

uint32_t OccurrenceModel::Present() const {
  size_t present = 0;
  for (const SittingModel& sitting : sittings) {
    if (!sitting.emptied_us.has_value()) present += sitting.open.size();
  }
  return static_cast<uint32_t>(present);
}

bool OccurrenceModel::IsTakenBack(const v1::Event& event, const std::string& participant) const {
  const bool of_plan = event.has_meeting_scheduled();
  if (!of_plan && !event.has_participant_invited()) return false;
  std::string last_plan;
  for (const v1::Event& other : events) {
    if (other.has_meeting_scheduled()) last_plan = other.event_id();
    const bool withdrawn = other.has_participant_uninvited() && !participant.empty() &&
                           other.participant_uninvited().participant_id() == participant;
    if (withdrawn && Us(other.time()) >= Us(event.time())) return true;
  }
  return of_plan && last_plan != event.event_id();
}

std::vector<PersonModel> OccurrenceModel::Report(bool by_persons) const {
  std::vector<v1::Event> signs;
  for (const SittingModel& sitting : sittings) signs.insert(signs.end(), sitting.events.begin(), sitting.events.end());
  const std::map<std::string, std::string> person_of = PersonsOf(signs, by_persons);
  std::map<std::string, PersonModel> persons;
  std::map<std::string, std::vector<Interval>> intervals;
  for (const SittingModel& sitting : sittings) {
    for (const auto& [who, stay] : StaysOf(sitting)) {
      const std::string& name = person_of.at(who);
      const auto [it, is_new] = persons.try_emplace(name);
      PersonModel& person = it->second;
      if (is_new || stay.first_join_us < person.first_join_us) person.first_join_us = stay.first_join_us;
      person.participants.insert(who);
      person.reconnections += stay.joins;
      person.presumed |= stay.presumed;
      std::vector<Interval>& all = intervals[name];
      all.insert(all.end(), stay.intervals.begin(), stay.intervals.end());
      if (!stay.since_us.has_value()) continue;
      // Who never left was there until the last sign of life.
      person.presumed = true;
      all.emplace_back(*stay.since_us, stay.left_us.value_or(sitting.last_us));
    }
  }
  std::vector<PersonModel> report;
  for (auto& [name, person] : persons) {
    --person.reconnections;
    person.total_us = LengthOfUnion(intervals[name]);
    report.push_back(person);
  }
  std::sort(report.begin(), report.end(),
            [](const PersonModel& a, const PersonModel& b) { return a.first_join_us < b.first_join_us; });
  return report;
}

std::vector<OccurrenceModel> RoomModel::Occurrences() const {
  std::vector<v1::Event> in_order;
  for (const auto& [id, event] : events_) in_order.push_back(event);
  std::sort(in_order.begin(), in_order.end(),
            [](const v1::Event& a, const v1::Event& b) { return WalkOrder(a) < WalkOrder(b); });
  RoomSteps steps(cuts_);
  std::vector<PlaceModel> places;
  for (const v1::Event& event : in_order) places.push_back(steps.Step(event));
  std::map<PlaceModel, OccurrenceModel> groups;
  for (size_t i = 0; i < in_order.size(); ++i) {
    PlaceModel place = steps.PlaceAtLast(in_order[i], places[i]);
    if (place.of == PlaceModel::Of::kSitting && steps.sittings()[place.index].plan.has_value()) {
      place = {.of = PlaceModel::Of::kPlan, .index = *steps.sittings()[place.index].plan, .deletions = 0};
    }
    if (place.of == PlaceModel::Of::kPlan) place.index = steps.plans()[place.index].back_to.value_or(place.index);
    groups[place].cuts = cuts_;
    groups[place].events.push_back(in_order[i]);
  }
  std::vector<OccurrenceModel> occurrences;
  for (auto& [place, occurrence] : groups) {
    switch (place.of) {
      case PlaceModel::Of::kPlan:
        occurrence.deleted = steps.plans()[place.index].deleted;
        if (steps.plans()[place.index].dated) occurrence.plan = steps.AtItsStart(place.index);
        for (size_t i = 0; i < steps.sittings().size(); ++i) {
          const SittingModel& sitting = steps.sittings()[i];
          if (sitting.plan != place.index) continue;
          if (occurrence.plan.has_value() && occurrence.plan->took_place_by == i)
            occurrence.took_place_by = occurrence.sittings.size();
          occurrence.sittings.push_back(sitting);
        }
        break;
      case PlaceModel::Of::kSitting:
        occurrence.deleted = steps.sittings()[place.index].deleted;
        occurrence.sittings.push_back(steps.sittings()[place.index]);
        break;
      case PlaceModel::Of::kDay:
        occurrence.deleted = place.deletions < steps.deletions();
    }
    occurrences.push_back(std::move(occurrence));
  }
  return occurrences;
}

void RoomModel::Forget(absl::Time before) {
  std::erase_if(events_, [&](const auto& entry) {
    const v1::Event& event = entry.second;
    return !event.has_pdf_shared() && !event.has_meeting_deleted() && absl::FromUnixMicros(Us(event.time())) < before;
  });
}

bool RoomModel::IsDeletedByOperator(int64_t time_us) const {
  return std::any_of(events_.begin(), events_.end(), [&](const auto& event) {
    return event.second.has_meeting_deleted() && event.first.starts_with(kOperatorPrefix) &&
           Us(event.second.time()) >= time_us;
  });
}

bool RoomModel::IsDeletedAfter(int64_t time_us) const {
  return std::any_of(events_.begin(), events_.end(), [&](const auto& event) {
    return event.second.has_meeting_deleted() && Us(event.second.time()) >= time_us;
  });
}

}  // namespace retention::simulation
