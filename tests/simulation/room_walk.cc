#include "tests/simulation/room_walk.h"

#include <algorithm>
#include <cstdlib>

#include "server/recording/event_intake.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {
namespace {

// Names live so long after the planned date.
constexpr int kNameDays = 7;

// The connection that a leave closes; the end if there is none.
std::vector<ConnectionModel>::iterator Closed(const v1::Event& event, std::vector<ConnectionModel>& open) {
  const auto with = [&](const std::string& id) {
    return std::find_if(open.begin(), open.end(), [&](const ConnectionModel& each) { return each.id == id; });
  };
  if (const auto named = with(event.connection_id()); named != open.end()) return named;
  if (const auto counted = with(""); counted != open.end() || !event.connection_id().empty()) return counted;
  return open.begin();  // the one that is open longest
}

}  // namespace

std::tuple<int64_t, int, uint64_t> WalkOrder(const v1::Event& event) {
  int kind = 10;
  if (event.has_meeting_scheduled()) kind = 0;
  if (event.has_meeting_rescheduled()) kind = 1;
  if (event.has_meeting_started()) kind = 2;
  if (event.has_participant_joined()) kind = 3;
  if (event.has_participant_reconnected()) kind = 4;
  if (event.has_media_quality_sampled()) kind = 5;
  if (event.has_participant_left()) kind = 6;
  if (event.has_meeting_ended()) kind = 7;
  if (event.has_participant_invited() || event.has_dial_in_assigned()) kind = 8;
  if (event.has_participant_uninvited()) kind = 9;
  if (event.has_recording_created()) kind = 11;
  if (event.has_join_failed()) kind = 12;
  if (event.has_meeting_deleted()) kind = 13;
  return {Us(event.time()), kind, FingerprintOf(event.event_id())};
}

const std::string& ParticipantOf(const v1::Event& event) {
  if (event.has_participant_joined()) return event.participant_joined().participant_id();
  if (event.has_participant_reconnected()) return event.participant_reconnected().participant_id();
  if (event.has_media_quality_sampled()) return event.media_quality_sampled().participant_id();
  return event.participant_left().participant_id();
}

bool IsEntry(const v1::Event& event) { return event.has_participant_joined() || event.has_participant_reconnected(); }

void Connect(const v1::Event& event, OpenModel& all) {
  std::vector<ConnectionModel>& open = all[ParticipantOf(event)];
  const std::string& id = event.connection_id();
  if (id.empty()) {
    if (event.has_participant_joined() || open.empty()) open.push_back({});
    return;
  }
  for (ConnectionModel& connection : open) {
    if (connection.id != id) continue;
    connection.reopened_us = Us(event.time());
    return;
  }
  open.push_back({.id = id});
}

bool IsConnected(const v1::Event& event, OpenModel& all) {
  const auto found = all.find(ParticipantOf(event));
  if (found == all.end()) return false;
  return event.has_media_quality_sampled() || Closed(event, found->second) != found->second.end();
}

void Disconnect(const v1::Event& event, OpenModel& all) {
  std::vector<ConnectionModel>& open = all[ParticipantOf(event)];
  const auto closed = Closed(event, open);
  // Of one instant joins count before leaves: the connection was lost and is there again.
  if (closed->reopened_us == Us(event.time())) {
    closed->reopened_us = 0;
  } else {
    open.erase(closed);
  }
  if (open.empty()) all.erase(ParticipantOf(event));
}

bool RoomSteps::InWindow(const PlanModel& plan, int64_t t) const {
  return plan.dated && plan.start_us - plan.cut.early_us <= t && t <= plan.end_us + plan.cut.late_us;
}

int64_t RoomSteps::Limit(const SittingModel& sitting) const {
  int64_t from_us = sitting.start_us;
  if (sitting.plan.has_value()) from_us = std::max(from_us, plans_[*sitting.plan].start_us);
  // A plan that is moved on and on does not lengthen a sitting on and on.
  return std::min(from_us, sitting.start_us + sitting.cut.early_us) + sitting.cut.longest_us;
}

bool RoomSteps::IsAbsent(const SittingModel& sitting, int64_t t) const {
  if (!sitting.name.empty()) return false;
  // Its last sign of life may be that it was started once more.
  if (sitting.emptied_us.has_value()) return t > sitting.last_us + sitting.cut.reopen_us;
  return t > sitting.last_us + sitting.cut.presumed_us + sitting.cut.reopen_us;
}

int64_t RoomSteps::NamesDue(const SittingModel& sitting) const {
  absl::CivilDay planned = DayAtUs(sitting.start_us);
  if (sitting.plan.has_value()) planned = std::max(planned, DayAtUs(plans_[*sitting.plan].start_us));
  return absl::ToUnixMicros(DueAfter(planned + kNameDays));
}

bool RoomSteps::IsOver(const SittingModel& sitting, int64_t t) const {
  return t > Limit(sitting) || IsAbsent(sitting, t);
}

void RoomSteps::Sign(SittingModel& sitting, int64_t t, int64_t now) {
  sitting.last_us = std::max(sitting.last_us, t);
  if (!sitting.plan.has_value()) return;
  PlanModel& plan = plans_[*sitting.plan];
  if (!plan.dated || plan.took_place || t < plan.start_us) return;
  plan.took_place = true;
  plan.took_place_us = now;
  plan.took_place_by = static_cast<size_t>(&sitting - sittings_.data());
}

std::optional<size_t> RoomSteps::PlanOf(const std::string& name) const {
  for (size_t i = plans_.size(); i-- > 0;) {
    if (!plans_[i].deleted && !plans_[i].back_to.has_value() && plans_[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> RoomSteps::SittingOf(const std::string& name) const {
  for (size_t i = sittings_.size(); i-- > 0 && !name.empty();) {
    if (!sittings_[i].deleted && sittings_[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> RoomSteps::Running(const std::string& name, int64_t t) const {
  for (size_t i = sittings_.size(); i-- > 0;) {
    if (!sittings_[i].deleted && Agree(sittings_[i].name, name) && !IsOver(sittings_[i], t)) return i;
  }
  return std::nullopt;
}

std::optional<size_t> RoomSteps::NearestWaiting(const std::string& name, int64_t t,
                                                std::optional<size_t> except) const {
  std::optional<size_t> nearest;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const PlanModel& plan = plans_[i];
    if (plan.deleted || plan.back_to.has_value() || plan.took_place || i == except || !InWindow(plan, t) ||
        !Agree(plan.name, name))
      continue;
    const auto rank = [&](size_t of) {
      return std::make_tuple(std::abs(plans_[of].start_us - t), plans_[of].start_us, of);
    };
    if (!nearest.has_value() || rank(i) < rank(*nearest)) nearest = i;
  }
  return nearest;
}

std::optional<size_t> RoomSteps::PlanOfNew(const v1::Event& event) const {
  const int64_t t = Us(event.time());
  const auto takes = [&](std::optional<size_t> plan) {
    return plan.has_value() && InWindow(plans_[*plan], t) && (!plans_[*plan].took_place || t < plans_[*plan].end_us);
  };
  const auto own = event.occurrence_id().empty() ? std::nullopt : PlanOf(event.occurrence_id());
  if (takes(own)) return own;
  if (const auto waiting = NearestWaiting(event.occurrence_id(), t, std::nullopt)) return waiting;
  const auto plan = PlanOf("");
  return takes(plan) ? plan : std::nullopt;
}

PlanModel RoomSteps::AtItsStart(size_t plan) const {
  PlanModel then = plans_[plan];
  for (size_t i = 0; i < sittings_.size() && then.dated && !then.deleted && !then.took_place; ++i) {
    const SittingModel& sitting = sittings_[i];
    if (sitting.plan != plan || sitting.emptied_us.has_value() || IsOver(sitting, then.start_us)) continue;
    then.took_place = true;
    then.took_place_us = then.start_us;
    then.took_place_by = i;
  }
  return then;
}

void RoomSteps::ComeTo(int64_t t, int64_t known_us) {
  for (size_t i = 0; i < plans_.size(); ++i) {
    if (plans_[i].took_place || plans_[i].start_us > t) continue;
    plans_[i] = AtItsStart(i);
    plans_[i].took_place_us = std::max(plans_[i].took_place_us, known_us);
  }
}

PlaceModel RoomSteps::Step(const v1::Event& event) {
  ComeTo(Us(event.time()), INT64_MIN);
  if (event.has_meeting_scheduled() || event.has_meeting_rescheduled()) return StepPlan(event);
  if (event.has_meeting_started() || IsEntry(event)) return Enter(event);
  if (event.has_media_quality_sampled() || event.has_participant_left() || event.has_meeting_ended()) {
    return Speak(event);
  }
  if (event.has_participant_invited() || event.has_participant_uninvited() || event.has_dial_in_assigned()) {
    return StepInvitation(event);
  }
  if (event.has_file_shared()) return ShareFile(event);
  if (!event.has_meeting_deleted()) return Share(event);
  // With what it deletes.
  const PlaceModel place{
      .of = PlaceModel::Of::kDay, .index = static_cast<size_t>(Us(event.time()) / kDayUs), .deletions = deletions_};
  Delete();
  return place;
}

// The last that is known of a meeting at `t`: by then, if people are there.
int64_t RoomSteps::KnownUntil(const PlanModel& plan, int64_t t) const {
  int64_t known_us = plan.start_us;
  for (const SittingModel& sitting : sittings_) {
    if (!sitting.plan.has_value() || &plans_[*sitting.plan] != &plan) continue;
    const bool goes_on = !sitting.emptied_us.has_value() && !IsOver(sitting, t);
    known_us = std::max({known_us, sitting.last_us, goes_on ? t : known_us});
  }
  return known_us;
}

PlaceModel RoomSteps::StepPlan(const v1::Event& event) {
  const int64_t t = Us(event.time());
  int64_t start_us = Us(event.meeting_scheduled().planned_start());
  int64_t end_us = start_us + Us(event.meeting_scheduled().planned_duration());
  if (event.has_meeting_rescheduled()) {
    start_us = Us(event.meeting_rescheduled().planned_start());
    end_us = start_us + Us(event.meeting_rescheduled().planned_duration());
  }
  const auto is_changed = [&](const PlanModel& plan) {
    if (!plan.dated) return t <= plan.said_us + plan.cut.longest_us;
    if (!plan.took_place && t <= plan.end_us + plan.cut.late_us) return true;
    if (std::abs(start_us - plan.start_us) >= plan.cut.early_us) return false;
    if (!plan.took_place) return true;
    const int64_t reopened_us = KnownUntil(plan, t) + plan.cut.reopen_us;
    // A word of long after is of that meeting if it says so.
    const bool names_it = event.has_meeting_rescheduled() || start_us == plan.start_us || t <= reopened_us;
    return start_us <= reopened_us && names_it;
  };
  auto index = PlanOf(event.occurrence_id());
  // While one waits, the meeting before it is meant if that began nearer by: by who only moves it, or says when it
  // began.
  if (index.has_value() && plans_[*index].dated && !plans_[*index].took_place) {
    const size_t waits = *index;
    auto before = plans_[waits].follows;
    while (before.has_value() && !plans_[*before].dated) before = plans_[*before].follows;
    if (before.has_value() && plans_[*before].took_place && is_changed(plans_[*before])) {
      const int64_t off_us = std::abs(start_us - plans_[*before].start_us);
      const bool nearer = off_us < std::abs(start_us - plans_[waits].start_us);
      if (nearer && (event.has_meeting_rescheduled() || off_us == 0)) index = before;
      const bool as_it_was = off_us == 0 && end_us == plans_[*before].end_us;
      const bool unvisited = std::none_of(sittings_.begin(), sittings_.end(),
                                          [&](const SittingModel& sitting) { return sitting.plan == waits; });
      if (index == before && event.has_meeting_rescheduled() && as_it_was && plans_[waits].bare && unvisited) {
        plans_[waits].back_to = before;
      }
    }
  }
  if (!index.has_value() || !is_changed(plans_[*index])) {
    const auto former = index;
    index = plans_.size();
    plans_.push_back(
        {.cut = cuts_.At(t), .first_us = t, .said_us = t, .name = event.occurrence_id(), .follows = former});
    plans_.back().bare = true;
  }
  if (event.has_meeting_scheduled()) plans_[*index].bare = false;
  // It is given what was said of the plan before, if there was one, and who scheduled that.
  if (!plans_[*index].dated && event.has_meeting_rescheduled()) {
    plans_[*index].copied = true;
    auto former = plans_[*index].follows;
    while (former.has_value() && !plans_[*former].dated) former = plans_[*former].follows;
    if (former.has_value()) plans_[*index].scheduler = plans_[*former].scheduler;
  }
  const std::string& by = event.meeting_scheduled().organizer_extension();
  if (!by.empty()) plans_[*index].scheduler = by;
  plans_[*index].dated = true;
  if (plans_[*index].took_place) {  // it keeps its begin
    const PlanModel& plan = plans_[*index];
    const int64_t known_us = KnownUntil(plan, t);
    start_us = plan.start_us;
    // If nobody is there any more, it is not prolonged.
    const int64_t longest_us = known_us >= t ? start_us + 7 * kDayUs : std::max(known_us, plan.end_us);
    end_us = std::min(std::max(start_us, end_us), longest_us);
  }
  plans_[*index].start_us = start_us;
  plans_[*index].end_us = end_us;
  for (SittingModel& sitting : sittings_) {
    const bool left = sitting.plan == index && !InWindow(plans_[*index], sitting.start_us);
    if (left && !plans_[*index].took_place) sitting.plan.reset();
  }
  const auto running = Running(event.occurrence_id(), t);
  if (running.has_value() && !sittings_[*running].plan.has_value() &&
      InWindow(plans_[*index], sittings_[*running].start_us) &&
      (!plans_[*index].took_place || sittings_[*running].start_us < plans_[*index].end_us)) {
    sittings_[*running].plan = index;
    Sign(sittings_[*running], sittings_[*running].last_us, t);
  }
  ComeTo(t, t);
  return {.of = PlaceModel::Of::kPlan, .index = *index, .deletions = 0};
}

SittingModel* RoomSteps::ComesToItsLimit(const v1::Event& event) {
  const int64_t t = Us(event.time());
  auto former = SittingOf(event.occurrence_id());
  if (!former.has_value() && !sittings_.empty() && !sittings_.back().deleted &&
      Agree(sittings_.back().name, event.occurrence_id())) {
    former = sittings_.size() - 1;
  }
  if (!former.has_value()) return nullptr;
  SittingModel& before = sittings_[*former];
  // Who sits there without a word is presumed to leave some time, also where the sitting has a name.
  const int64_t stayed_us = before.name.empty() ? before.last_us : std::max(before.last_us, Limit(before));
  const bool stayed = t <= stayed_us + before.cut.presumed_us + before.cut.reopen_us;
  const bool any = !before.emptied_us.has_value() && !before.goes_on && stayed && t > Limit(before);
  return any ? &before : nullptr;
}

size_t RoomSteps::Begin(const v1::Event& event) {
  const int64_t t = Us(event.time());
  SittingModel sitting{
      .cut = cuts_.At(t), .start_us = t, .last_us = t, .name = event.occurrence_id(), .plan = PlanOfNew(event)};
  sitting.begun_as = event.occurrence_id();
  sitting.deletions = deletions_;
  // Whoever is there when a sitting has lasted as long as it may, is there in the next.
  if (SittingModel* before = ComesToItsLimit(event)) {
    sitting.open = before->open;
    sitting.came_over = before->open;
    sitting.carried = !sitting.open.empty();
    before->goes_on = sitting.carried;
  }
  if (IsEntry(event) || sitting.carried) sitting.visited_us = t;
  sittings_.push_back(std::move(sitting));
  return sittings_.size() - 1;
}

void RoomSteps::Empty(size_t index, int64_t t) {
  sittings_[index].emptied_us = t;
  // Who was there all the time was not in what was started meanwhile.
  for (SittingModel& other : sittings_) {
    const bool is_shell = other.said_in == index && !other.visited_us.has_value() && !other.emptied_us.has_value();
    if (!is_shell || other.last_us >= t) continue;
    other.emptied_us = t;
    other.last_us = t;
    other.occupied.back().second = t;
  }
}

PlaceModel RoomSteps::Enter(const v1::Event& event) {
  const int64_t t = Us(event.time());
  const auto named = SittingOf(event.occurrence_id());
  auto index = named.has_value() ? named : Running(event.occurrence_id(), t);
  bool begins = !index.has_value() || IsOver(sittings_[*index], t);
  if (!begins && !named.has_value()) {
    const SittingModel& before = sittings_[*index];
    const auto other = NearestWaiting(event.occurrence_id(), t, before.plan);
    const auto next = NearestWaiting(event.occurrence_id(), t, std::nullopt);
    if (t > before.last_us + before.cut.reopen_us) {
      begins = event.has_meeting_started() || other.has_value();
    } else if (next.has_value() && next != before.plan && !event.has_participant_reconnected()) {
      // To the next meeting, when nobody is left of the one before.
      begins = before.emptied_us.has_value() && t - *before.emptied_us >= before.cut.refresh_us &&
               plans_[*next].start_us < t + before.cut.reopen_us;
    }
  }
  if (begins) {
    const auto before = index;
    index = Begin(event);
    SittingModel& anew = sittings_[*index];
    if (event.has_meeting_started() && before.has_value() && !IsOver(sittings_[*before], t) &&
        sittings_[*before].plan == anew.plan) {
      anew.said_in = sittings_[*before].open.empty() ? sittings_[*before].said_in : before;
    }
  }
  SittingModel& sitting = sittings_[*index];
  if (sitting.name.empty() && !event.occurrence_id().empty()) {
    sitting.name = event.occurrence_id();
    const auto plan = PlanOf(event.occurrence_id());
    if (!sitting.plan.has_value() && plan.has_value() && InWindow(plans_[*plan], sitting.start_us)) {
      sitting.plan = plan;
      Sign(sitting, sitting.last_us, t);
    }
  }
  if (IsEntry(event)) Connect(event, sitting.open);
  if (IsEntry(event) && !sitting.visited_us.has_value()) sitting.visited_us = t;
  const bool only_told = event.has_meeting_started() && sitting.emptied_us.has_value() &&
                         (sitting.visited_us.has_value() || sitting.said_in.has_value());
  if (!only_told) {
    if (sitting.emptied_us.has_value() || sitting.occupied.empty()) sitting.occupied.emplace_back(t, t);
    sitting.emptied_us.reset();
    sitting.occupied.back().second = t;
  }
  Sign(sitting, t, t);
  sitting.events.push_back(event);
  return {.of = PlaceModel::Of::kSitting, .index = *index, .deletions = 0};
}

PlaceModel RoomSteps::Speak(const v1::Event& event) {
  const int64_t t = Us(event.time());
  const bool ended = event.has_meeting_ended();
  bool any_later = false;
  for (size_t i = sittings_.size(); i-- > 0;) {
    SittingModel& sitting = sittings_[i];
    if (sitting.deleted || !Agree(sitting.name, event.occurrence_id())) continue;
    // Only a true end, of the last that there was, is heard after the presumed one.
    const bool heard = t <= Limit(sitting) && (!IsAbsent(sitting, t) || (ended && !any_later));
    any_later = true;
    if (!heard) continue;
    if (ended ? sitting.emptied_us.has_value() : !IsConnected(event, sitting.open)) continue;
    if (ended) sitting.open.clear();
    if (event.has_participant_left()) Disconnect(event, sitting.open);
    if (sitting.open.empty() && !event.has_media_quality_sampled()) Empty(i, t);
    Sign(sitting, t, t);
    sitting.occupied.back().second = t;
    sitting.events.push_back(event);
    return {.of = PlaceModel::Of::kSitting, .index = i, .deletions = 0};
  }
  // Who leaves between the limit and the next sitting is not in that.
  if (SittingModel* before = ComesToItsLimit(event)) {
    if (ended) before->open.clear();
    if (event.has_participant_left() && IsConnected(event, before->open)) Disconnect(event, before->open);
  }
  return Share(event);
}

void RoomSteps::Delete() {
  for (PlanModel& plan : plans_) plan.deleted = true;
  for (SittingModel& sitting : sittings_) sitting.deleted = true;
  ++deletions_;
}

}  // namespace retention::simulation
