// Where what says nothing of who is there belongs.
#include <algorithm>
#include <cstdlib>

#include "server/law/cut_rules.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_walk.h"

namespace retention::simulation {

PlaceModel RoomSteps::StepInvitation(const v1::Event& event) {
  const int64_t t = Us(event.time());
  const auto plan = PlanOf(event.occurrence_id());
  const auto at = [&](size_t index) { return PlaceModel{.of = PlaceModel::Of::kPlan, .index = index, .deletions = 0}; };
  if (plan.has_value() && plans_[*plan].dated && !plans_[*plan].took_place) {
    plans_[*plan].bare = false;
    return at(*plan);
  }
  if (const auto running = Running(event.occurrence_id(), t)) {
    return {.of = PlaceModel::Of::kSitting, .index = *running, .deletions = 0};
  }
  // A plan without a date is of one meeting: it ends where people come.
  const bool waits =
      plan.has_value() && !plans_[*plan].dated && t <= plans_[*plan].first_us + plans_[*plan].cut.longest_us &&
      std::none_of(sittings_.begin(), sittings_.end(),
                   [&](const SittingModel& sitting) { return sitting.start_us >= plans_[*plan].first_us; });
  if (waits) {
    plans_[*plan].said_us = t;
    return at(*plan);
  }
  plans_.push_back({.cut = cuts_.At(t), .first_us = t, .said_us = t, .name = event.occurrence_id(), .follows = plan});
  return at(plans_.size() - 1);
}

PlaceModel RoomSteps::Share(const v1::Event& event) const {
  const int64_t t = Us(event.time());
  const std::string& name = event.occurrence_id();
  const auto at_plan = [](size_t i) { return PlaceModel{.of = PlaceModel::Of::kPlan, .index = i, .deletions = 0}; };
  // Whose names were due by then is over for good, and takes nothing.
  const auto takes = [&](std::optional<size_t> sitting) {
    return sitting.has_value() && t < NamesDue(sittings_[*sitting]);
  };
  const auto at_sitting = [](size_t i) {
    return PlaceModel{.of = PlaceModel::Of::kSitting, .index = i, .deletions = 0};
  };
  if (event.has_join_failed()) {
    // Who could not join tried what waits or runs.
    if (const auto plan = NearestWaiting(name, t, std::nullopt)) return at_plan(*plan);
    if (const auto running = Running(name, t); takes(running)) return at_sitting(*running);
    return {.of = PlaceModel::Of::kDay, .index = static_cast<size_t>(t / kDayUs), .deletions = deletions_};
  }
  // First of all: somebody is there; else what is only started, unless it is of those who have just left.
  std::optional<size_t> there;
  std::optional<size_t> started;
  std::optional<size_t> left;
  const auto named = SittingOf(name);
  for (size_t i = sittings_.size(); i-- > 0;) {
    const SittingModel& sitting = sittings_[i];
    if (sitting.deleted || !Agree(sitting.name, name)) continue;
    if (t > sitting.start_us + absl::ToInt64Microseconds(kMaxEarlyWithin + kMaxLongestSitting)) break;
    const bool can_be_left = sitting.visited_us.has_value() && (!named.has_value() || named == i);
    if (can_be_left && (!left.has_value() || sitting.last_us > sittings_[*left].last_us)) left = i;
    if (IsOver(sitting, t) || !takes(i)) continue;
    const bool told = !sitting.emptied_us.has_value() || sitting.last_us > *sitting.emptied_us;
    if (!sitting.open.empty() && !there.has_value()) there = i;
    if (told && !started.has_value()) started = i;
  }
  const bool is_said = !event.has_recording_created() && !event.has_file_shared() && !event.has_participant_left() &&
                       !event.has_meeting_ended() && !event.has_media_quality_sampled();
  if (left.has_value()) {
    const int64_t ago_us = t - sittings_[*left].last_us;
    const bool just_left = (is_said && ago_us < sittings_[*left].cut.refresh_us) ||
                           (event.has_recording_created() && ago_us <= sittings_[*left].cut.late_us);
    if (!just_left) left.reset();
  }
  if (!there.has_value() && !left.has_value()) there = started;
  if (there.has_value()) {
    const auto plan = sittings_[*there].plan;
    const bool waits = plan.has_value() && plans_[*plan].dated && !plans_[*plan].took_place;
    return waits && event.has_file_shared() ? at_plan(*plan) : at_sitting(*there);
  }
  // The one that was heard of last, of those that began so lately that they could take part.
  std::optional<size_t> last = left.has_value() ? left : named;
  const bool is_found = last.has_value();
  for (size_t i = sittings_.size(); i-- > 0 && !is_found;) {
    const SittingModel& sitting = sittings_[i];
    if (sitting.deleted || !Agree(sitting.name, name)) continue;
    if (t > sitting.start_us + absl::ToInt64Microseconds(kMaxEarlyWithin + kMaxLongestSitting)) break;
    if (!last.has_value() || sitting.last_us > sittings_[*last].last_us) last = i;
  }
  for (size_t i = sittings_.size(); i-- > 0 && !last.has_value();) {
    if (!sittings_[i].deleted && Agree(sittings_[i].name, name)) last = i;
  }
  const bool was_just = last.has_value() && t <= sittings_[*last].last_us + sittings_[*last].cut.late_us;
  if (event.has_recording_created() && was_just && takes(last)) return at_sitting(*last);
  if (const auto own = name.empty() ? std::nullopt : PlanOf(name)) {
    const PlanModel& plan = plans_[*own];
    if (plan.dated && !plan.took_place && t <= plan.end_us + plan.cut.late_us) return at_plan(*own);
  }
  if (takes(named) && !IsOver(sittings_[*named], t)) return at_sitting(*named);
  // Last words, by another clock.
  if (is_said && takes(last) && t < sittings_[*last].last_us + sittings_[*last].cut.refresh_us)
    return at_sitting(*last);
  if (const auto plan = NearestWaiting(name, t, std::nullopt)) return at_plan(*plan);
  const bool speaks = event.has_participant_left() || event.has_meeting_ended() || event.has_media_quality_sampled();
  const bool long_past = !last.has_value() || t > sittings_[*last].last_us + sittings_[*last].cut.late_us;
  if (!event.has_recording_created() && !speaks && long_past) {
    // Of what comes next, if anything does.
    std::optional<size_t> next;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const PlanModel& plan = plans_[i];
      if (plan.deleted || plan.back_to.has_value() || !plan.dated || plan.took_place ||
          t > plan.end_us + plan.cut.late_us)
        continue;
      if (Agree(plan.name, name) && (!next.has_value() || plan.start_us < plans_[*next].start_us)) next = i;
    }
    if (next.has_value()) return at_plan(*next);
  }
  if (takes(last)) return at_sitting(*last);
  return {.of = PlaceModel::Of::kDay, .index = static_cast<size_t>(t / kDayUs), .deletions = deletions_};
}

PlaceModel RoomSteps::ShareFile(const v1::Event& event) {
  const PlaceModel place = Share(event);
  const bool nobody = place.of == PlaceModel::Of::kDay ||
                      (place.of == PlaceModel::Of::kSitting && (sittings_[place.index].emptied_us.has_value() ||
                                                                IsOver(sittings_[place.index], Us(event.time()))));
  if (nobody) deserted_.emplace(event.event_id(), deletions_);
  return place;
}

PlaceModel RoomSteps::PlaceAtLast(const v1::Event& event, const PlaceModel& place) const {
  const auto deserted = deserted_.find(event.event_id());
  if (deserted == deserted_.end()) return place;
  const int64_t t = Us(event.time());
  for (size_t i = 0; i < sittings_.size(); ++i) {
    const SittingModel& sitting = sittings_[i];
    // One that names its sitting waits for it as long as a sitting is presumed to go on.
    const bool names = !event.occurrence_id().empty() && sitting.begun_as == event.occurrence_id();
    const int64_t waits_us = names ? sitting.cut.presumed_us : sitting.cut.refresh_us;
    if (sitting.start_us <= t || sitting.start_us - t >= waits_us) continue;
    if (sitting.deletions != deserted->second || !Agree(sitting.begun_as, event.occurrence_id())) continue;
    return {.of = PlaceModel::Of::kSitting, .index = i, .deletions = 0};
  }
  return place;
}

}  // namespace retention::simulation
