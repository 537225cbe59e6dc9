// Which plan a planned start and end is of, and when a plan takes place.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "server/base/field_checks.h"
#include "server/law/occurrences.h"

namespace retention {

std::optional<size_t> RoomWalk::OpenAtStart(size_t plan) const {
  std::optional<size_t> first;
  if (plan < deleted_.plans) return first;
  for (const size_t i : sittings_of_[plan]) {
    const bool is_open = !sittings_[i].emptied_us.has_value() && !IsOver(sittings_[i], plans_[plan].start_us);
    if (is_open && (!first.has_value() || i < *first)) first = i;
  }
  return first;
}

void RoomWalk::TakePlace(size_t plan, size_t sitting, int64_t since_us) {
  plans_[plan].took_place = true;
  plans_[plan].took_place_us = since_us;
  plans_[plan].took_place_in = sitting;
}

void RoomWalk::LetStartsCome(int64_t until_us, int64_t known_us) {
  while (!starts_.empty() && starts_.begin()->first <= until_us) {
    const auto [start_us, plan] = *starts_.begin();
    starts_.erase(starts_.begin());
    const bool waits = !plans_[plan].took_place && plans_[plan].start_us == start_us;
    const auto open = waits ? OpenAtStart(plan) : std::nullopt;
    if (open.has_value()) TakePlace(plan, *open, std::max(start_us, known_us));
  }
}

size_t RoomWalk::AddPlan(const RoomEvent& event) {
  const size_t index = plans_.size();
  RoomPlan& plan = plans_.emplace_back();
  plan.first_us = plan.said_us = event.time_us;
  plan.name = event.sitting;
  plan.follows = PlanNamed(event.sitting);
  sittings_of_.emplace_back();
  plan_named_[event.sitting] = index;
  return index;
}

uint32_t RoomWalk::SchedulerBefore(const RoomPlan& plan) const {
  for (auto former = plan.follows; former.has_value(); former = plans_[*former].follows) {
    if (plans_[*former].dated) return plans_[*former].scheduler;
  }
  return 0;
}

bool RoomWalk::Changes(const RoomEvent& event, size_t index) const {
  const RoomPlan& plan = plans_[index];
  const CutRules& rules = RulesOf(plan);
  if (!plan.dated) return event.time_us <= plan.said_us + absl::ToInt64Microseconds(rules.longest_sitting);
  const bool is_near = std::abs(event.planned_start_us - plan.start_us) < absl::ToInt64Microseconds(rules.early_within);
  if (!plan.took_place) return is_near || event.time_us <= plan.end_us + absl::ToInt64Microseconds(rules.late_within);
  const int64_t until_us = GoesOnUntil(event, index) + absl::ToInt64Microseconds(rules.reopen_within);
  // What is planned when all is over, for another time, is not said of who was there, though it lies as long ago.
  const bool is_said_later = event.kind == RoomEventKind::kScheduled && event.time_us > until_us;
  return is_near && event.planned_start_us <= until_us && (!is_said_later || event.planned_start_us == plan.start_us);
}

int64_t RoomWalk::GoesOnUntil(const RoomEvent& event, size_t plan) const {
  int64_t until_us = plans_[plan].start_us;
  for (const size_t i : sittings_of_[plan]) {
    const Sitting& sitting = sittings_[i];
    const bool runs = !sitting.emptied_us.has_value() && !IsOver(sitting, event.time_us);
    until_us = std::max(until_us, runs ? event.time_us : sitting.last_us);
  }
  return until_us;
}

std::optional<size_t> RoomWalk::TookPlaceBefore(size_t plan) const {
  if (plans_[plan].took_place || !plans_[plan].dated) return std::nullopt;
  auto former = plans_[plan].follows;
  while (former.has_value() && !plans_[*former].dated) former = plans_[*former].follows;
  return former.has_value() && plans_[*former].took_place ? former : std::nullopt;
}

std::optional<size_t> RoomWalk::PlanChangedBy(const RoomEvent& event) const {
  const auto latest = PlanNamed(event.sitting);
  if (!latest.has_value()) return std::nullopt;
  const auto distance = [&](size_t plan) { return std::abs(event.planned_start_us - plans_[plan].start_us); };
  const auto former = TookPlaceBefore(*latest);
  if (former.has_value() && Changes(event, *former) && distance(*former) < distance(*latest)) {
    // A plan that is sent again replaces the one that waits, but not by who is there.
    if (event.kind == RoomEventKind::kRescheduled || distance(*former) == 0) return former;
  }
  return Changes(event, *latest) ? latest : std::nullopt;
}

void RoomWalk::MoveBack(const RoomEvent& event, size_t plan) {
  const size_t latest = *PlanNamed(event.sitting);
  const bool is_back = latest != plan && plans_[latest].only_moved && sittings_of_[latest].empty() &&
                       event.planned_start_us == plans_[plan].start_us && event.planned_end_us == plans_[plan].end_us;
  if (!is_back) return;
  plans_[latest].back_to = plan;
  plan_named_[event.sitting] = *plans_[latest].follows;
  std::erase(waiting_, latest);
  ++regroupings_;
}

CutPlace RoomWalk::Plan(const RoomEvent& event) {
  auto index = PlanChangedBy(event);
  const bool is_new = !index.has_value();
  if (is_new) index = AddPlan(event);
  RoomPlan& plan = plans_[*index];
  if (event.kind == RoomEventKind::kScheduled) {
    plan.only_moved = false;
    if (event.organizer != 0) plan.scheduler = event.organizer;
  } else if (!plan.dated) {
    plan.planned_anew = event.id;
    plan.only_moved = is_new;
    plan.scheduler = SchedulerBefore(plan);
  } else {
    MoveBack(event, *index);
  }
  plan.dated = true;
  if (plan.took_place) {
    // Who is there may stay longer; when all have left no time is added.
    const int64_t until_us = GoesOnUntil(event, *index);
    const int64_t latest_us = until_us >= event.time_us ? plan.start_us + absl::ToInt64Microseconds(kMaxPlannedDuration)
                                                        : std::max(until_us, plan.end_us);
    plan.end_us = std::clamp(event.planned_end_us, plan.start_us, latest_us);
  } else {
    plan.start_us = event.planned_start_us;
    plan.end_us = event.planned_end_us;
    if (std::find(waiting_.begin(), waiting_.end(), *index) == waiting_.end()) waiting_.push_back(*index);
    std::erase_if(sittings_of_[*index], [&](size_t i) {
      if (InWindow(plan, sittings_[i].start_us)) return false;
      sittings_[i].plan.reset();
      ++regroupings_;
      return true;
    });
  }
  const auto running = LatestRunning(event.sitting, event.time_us);
  const auto may_join = [&](const Sitting& sitting) {
    return !sitting.plan.has_value() && InWindow(plan, sitting.start_us) &&
           (!plan.took_place || sitting.start_us < plan.end_us);
  };
  if (running.has_value() && may_join(sittings_[*running])) {
    Join(*running, *index, event.time_us);
    ++regroupings_;
  }
  if (!plan.took_place && !sittings_of_[*index].empty()) starts_.emplace(plan.start_us, *index);
  LetStartsCome(event.time_us, event.time_us);
  return {.of = CutPlace::Of::kPlan, .index = *index};
}

}  // namespace retention
