// Where what says nothing of who is there belongs: plans, what is said of them, and what is said and shown.
#include <utility>

#include "server/law/occurrences.h"

namespace retention {
std::optional<size_t> RoomWalk::HeardOfLast(uint64_t name, int64_t time_us) const {
  if (const auto named = SittingNamed(name)) return named;
  std::optional<size_t> last;
  // Beginning with the latest begun, so that this is it where two were left at once.
  const auto take = [&](size_t i) {
    if (!last.has_value() || sittings_[i].last_us > sittings_[*last].last_us) last = i;
    return false;
  };
  LatestThat(name, time_us, take);
  if (last.has_value()) return last;
  // None of late: the latest begun, however long ago.
  if (name == 0) {
    return sittings_.size() > deleted_.sittings ? std::optional(sittings_.size() - 1) : std::nullopt;
  }
  const auto unnamed = sittings_named_.find(0);
  const bool any = unnamed != sittings_named_.end() && !unnamed->second.empty();
  return any ? std::optional(unnamed->second.back()) : std::nullopt;
}

std::optional<size_t> RoomWalk::LeftLast(uint64_t name, int64_t time_us) const {
  const auto was_visited = [&](size_t i) { return sittings_[i].nobody_until_us != kNobodyCame; };
  if (const auto named = SittingNamed(name)) return was_visited(*named) ? named : std::nullopt;
  std::optional<size_t> left_last;
  const auto take = [&](size_t i) {
    const bool later = !left_last.has_value() || sittings_[i].last_us > sittings_[*left_last].last_us;
    if (was_visited(i) && later) left_last = i;
    return false;
  };
  LatestThat(name, time_us, take);
  return left_last;
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
    plans_[*plan].only_moved = false;
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
  if (!starts_.empty() && starts_.begin()->first <= event.time_us) {
    // Where it would be, were it the next event: plans have begun by then.
    RoomWalk then = *this;
    then.LetStartsCome(event.time_us, INT64_MIN);
    return then.PlaceOfShared(event);
  }
  const int64_t time_us = event.time_us;
  const auto at_sitting = [](size_t index) { return CutPlace{.of = CutPlace::Of::kSitting, .index = index}; };
  const auto at_plan = [](size_t index) { return CutPlace{.of = CutPlace::Of::kPlan, .index = index}; };
  const auto in = [&](size_t index) {
    const auto plan = sittings_[index].plan;
    const bool waits = plan.has_value() && plans_[*plan].dated && !plans_[*plan].took_place;
    // Files are for all who will come; what is said and recorded stays with who is there, wherever the plan is moved.
    return waits && event.kind == RoomEventKind::kFile ? at_plan(*plan) : at_sitting(index);
  };
  // Those who are there have it, whatever is planned.
  const auto there =
      LatestThat(event.sitting, time_us, [&](size_t i) { return !open_[i].empty() && !IsOver(sittings_[i], time_us); });
  if (there.has_value()) return in(*there);
  // Who left has it, and not who may come to what was only started.
  std::optional<size_t> latest = LeftLast(event.sitting, time_us);
  if (latest.has_value()) {
    const CutRules& rules = RulesOf(sittings_[*latest]);
    const int64_t since_us = time_us - sittings_[*latest].last_us;
    const bool just_left =
        (event.kind == RoomEventKind::kShared && since_us < absl::ToInt64Microseconds(rules.refresh_within)) ||
        (event.kind == RoomEventKind::kRecorded && since_us <= absl::ToInt64Microseconds(rules.late_within));
    if (!just_left) latest.reset();
  }
  if (!latest.has_value()) {
    const auto started = LatestThat(event.sitting, time_us, [&](size_t i) {
      const Sitting& sitting = sittings_[i];
      return (!sitting.emptied_us.has_value() || sitting.last_us > *sitting.emptied_us) && !IsOver(sitting, time_us);
    });
    if (started.has_value()) return in(*started);
    latest = HeardOfLast(event.sitting, time_us);
  }
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
