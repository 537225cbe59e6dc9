// Where what says nothing of who is there belongs: plans, what is said of them, and what is said and shown.
#include <utility>

#include "server/law/occurrences.h"

namespace retention {
std::optional<size_t> RoomWalk::LeftLast(uint64_t name, int64_t time_us) const {
  if (const auto named = SittingNamed(name)) return named;
  std::optional<size_t> left_last;
  // Beginning with the latest begun, so that this is it where two were left at once.
  const auto take = [&](size_t i) {
    if (!left_last.has_value() || sittings_[i].last_us > sittings_[*left_last].last_us) left_last = i;
    return false;
  };
  LatestThat(name, time_us, take);
  if (left_last.has_value()) return left_last;
  // None of late: the latest begun, however long ago.
  if (name == 0) {
    return sittings_.size() > deleted_.sittings ? std::optional(sittings_.size() - 1) : std::nullopt;
  }
  const auto unnamed = sittings_named_.find(0);
  const bool any = unnamed != sittings_named_.end() && !unnamed->second.empty();
  return any ? std::optional(unnamed->second.back()) : std::nullopt;
}

bool RoomWalk::Waits(const RoomPlan& plan, int64_t time_us) const {
  return plan.dated && !plan.took_place &&
         time_us <= plan.end_us + absl::ToInt64Microseconds(RulesOf(plan).late_within);
}

std::optional<size_t> RoomWalk::NextPlan(uint64_t name, int64_t time_us) const {
  std::optional<size_t> next;
  const auto rank = [&](size_t i) { return std::make_pair(plans_[i].start_us, i); };
  for (const size_t i : waiting_) {
    if (!Waits(plans_[i], time_us) || !MayBeNamed(plans_[i].name, name)) continue;
    if (!next.has_value() || rank(i) < rank(*next)) next = i;
  }
  return next;
}

CutPlace RoomWalk::PlaceOfPlanned(const RoomEvent& event) {
  const auto plan = PlanNamed(event.sitting);
  if (plan.has_value() && plans_[*plan].dated && !plans_[*plan].took_place) {
    return {.of = CutPlace::Of::kPlan, .index = *plan};
  }
  const auto running = LatestRunning(event.sitting, event.time_us);
  if (running.has_value()) return {.of = CutPlace::Of::kSitting, .index = *running};
  // One plan is not said of two meetings, one before and one after people were there.
  const bool goes_on =
      plan.has_value() && !plans_[*plan].dated &&
      event.time_us <= plans_[*plan].first_us + absl::ToInt64Microseconds(RulesOf(plans_[*plan]).longest_sitting) &&
      (sittings_.empty() || sittings_.back().start_us < plans_[*plan].first_us);
  if (!goes_on) return {.of = CutPlace::Of::kPlan, .index = AddPlan(event)};
  plans_[*plan].said_us = event.time_us;
  return {.of = CutPlace::Of::kPlan, .index = *plan};
}

CutPlace RoomWalk::PlaceOfShared(const RoomEvent& event) const {
  const int64_t time_us = event.time_us;
  const auto at_sitting = [](size_t index) { return CutPlace{.of = CutPlace::Of::kSitting, .index = index}; };
  const auto at_plan = [](size_t index) { return CutPlace{.of = CutPlace::Of::kPlan, .index = index}; };
  // Those who are there have it, whatever is planned.
  const auto there = LatestThat(event.sitting, time_us, [&](size_t i) {
    return !sittings_[i].emptied_us.has_value() && !IsOver(sittings_[i], time_us);
  });
  if (there.has_value()) {
    const auto plan = sittings_[*there].plan;
    const bool waits = plan.has_value() && plans_[*plan].dated && !plans_[*plan].took_place;
    return waits ? at_plan(*plan) : at_sitting(*there);  // before it begins, for all who will come
  }
  const auto latest = LeftLast(event.sitting, time_us);
  if (event.kind == RoomEventKind::kRecorded && latest.has_value()) {
    // Of what was, not of what will be.
    const Sitting& sitting = sittings_[*latest];
    if (time_us <= sitting.last_us + absl::ToInt64Microseconds(RulesOf(sitting).late_within))
      return at_sitting(*latest);
  }
  if (event.sitting != 0) {
    // What it names goes before all else, however far ahead it is planned.
    const auto own = PlanNamed(event.sitting);
    if (own.has_value() && Waits(plans_[*own], time_us)) return at_plan(*own);
    if (const auto named = SittingNamed(event.sitting); named.has_value() && !IsOver(sittings_[*named], time_us)) {
      return at_sitting(*named);
    }
  }
  if (latest.has_value() && event.kind == RoomEventKind::kShared) {
    // Clocks differ: the last words of a meeting are not the first of the next one.
    const Sitting& sitting = sittings_[*latest];
    if (time_us < sitting.last_us + absl::ToInt64Microseconds(RulesOf(sitting).refresh_within))
      return at_sitting(*latest);
  }
  if (const auto plan = WaitingPlan(event.sitting, time_us, std::nullopt)) return at_plan(*plan);
  const bool is_shared = event.kind == RoomEventKind::kShared || event.kind == RoomEventKind::kFile;
  const bool long_past =
      !latest.has_value() ||
      time_us > sittings_[*latest].last_us + absl::ToInt64Microseconds(RulesOf(sittings_[*latest]).late_within);
  if (is_shared && long_past) {
    // Nobody speaks of what was days ago, where something is to come.
    if (const auto plan = NextPlan(event.sitting, time_us)) return at_plan(*plan);
  }
  return latest.has_value() ? at_sitting(*latest) : PlaceOfDay(event);
}

CutPlace RoomWalk::PlaceOfTry(const RoomEvent& event) const {
  if (const auto plan = WaitingPlan(event.sitting, event.time_us, std::nullopt)) {
    return {.of = CutPlace::Of::kPlan, .index = *plan};
  }
  const auto running = LatestRunning(event.sitting, event.time_us);
  return running.has_value() ? CutPlace{.of = CutPlace::Of::kSitting, .index = *running} : PlaceOfDay(event);
}

}  // namespace retention
