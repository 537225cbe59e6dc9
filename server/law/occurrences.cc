#include "server/law/occurrences.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include "server/base/field_checks.h"

namespace retention {
namespace {

int64_t Us(absl::Duration length) { return absl::ToInt64Microseconds(length); }

constexpr int64_t kDayUs = int64_t{24} * 60 * 60 * 1000000;
// Days are told apart by the deletions before them: no time has so many days.
constexpr size_t kDaysOfDeletion = size_t{1} << 32;

}  // namespace

CutGroup RoomWalk::GroupOf(const CutPlace& place) const {
  if (place.of == CutPlace::Of::kWaitingFile) return GroupOf(waiting_files_[place.index].place);
  if (place.of == CutPlace::Of::kSitting && sittings_[place.index].plan.has_value()) {
    return {.of = CutPlace::Of::kPlan, .index = *sittings_[place.index].plan};
  }
  if (place.of == CutPlace::Of::kPlan) {
    return {.of = CutPlace::Of::kPlan, .index = plans_[place.index].back_to.value_or(place.index)};
  }
  return {.of = place.of, .index = place.index};
}

bool RoomWalk::Lies(const CutGroup& group, const Deletion& before) {
  switch (group.of) {
    case CutPlace::Of::kPlan:
      return group.index < before.plans;
    case CutPlace::Of::kSitting:
      return group.index < before.sittings;
    case CutPlace::Of::kDay:
      return group.index / kDaysOfDeletion < before.deletions;
    case CutPlace::Of::kWaitingFile:
      break;  // no group is of it
  }
  return false;
}

size_t RoomWalk::weight() const {
  size_t weight = plans_.size() + sittings_.size() + former_.size() + waiting_files_.size();
  for (const OpenConnections& open : open_) weight += open.size();
  for (const FormerSitting& former : former_) weight += former.open.size();
  return weight;
}

RoomWalk::Difference RoomWalk::To(const RoomWalk& other) const {
  Difference difference;
  difference.groups = !(deleted_ == other.deleted_ && deleted_with_recordings_ == other.deleted_with_recordings_) ||
                      sittings_.size() > other.sittings_.size() || plans_.size() > other.plans_.size() ||
                      waiting_files_.size() > other.waiting_files_.size() ||
                      !std::equal(waiting_files_.begin(), waiting_files_.end(), other.waiting_files_.begin());
  for (size_t i = 0; i < sittings_.size() && !difference.groups; ++i) {
    difference.groups = sittings_[i].plan != other.sittings_[i].plan;
    const bool same = sittings_[i] == other.sittings_[i] && PresentIn(i) == other.PresentIn(i);
    if (!same) difference.facts.push_back(GroupOf({.of = CutPlace::Of::kSitting, .index = i}));
  }
  for (size_t i = 0; i < plans_.size() && !difference.groups; ++i) {
    difference.groups = plans_[i].back_to != other.plans_[i].back_to;
    if (!(plans_[i] == other.plans_[i])) difference.facts.push_back({.of = CutPlace::Of::kPlan, .index = i});
  }
  return difference;
}

bool operator==(const RoomWalk& a, const RoomWalk& b) {
  return a.deleted_ == b.deleted_ && a.deleted_with_recordings_ == b.deleted_with_recordings_ &&
         a.sittings_ == b.sittings_ && a.plans_ == b.plans_ && a.waiting_ == b.waiting_ &&
         a.sittings_of_ == b.sittings_of_ && a.open_ == b.open_ && a.plan_named_ == b.plan_named_ &&
         a.former_ == b.former_ && a.waiting_files_ == b.waiting_files_;
}

CutPlace RoomWalk::PlaceOfDay(const RoomEvent& event) const {
  const auto day = static_cast<size_t>(event.time_us / kDayUs);
  return {.of = CutPlace::Of::kDay, .index = deleted_.deletions * kDaysOfDeletion + day};
}

bool RoomWalk::InWindow(const RoomPlan& plan, int64_t time_us) const {
  return plan.dated && time_us >= plan.start_us - Us(RulesOf(plan).early_within) &&
         time_us <= plan.end_us + Us(RulesOf(plan).late_within);
}

int64_t RoomWalk::LimitOf(const Sitting& sitting) const {
  const CutRules& rules = RulesOf(sitting);
  int64_t from_us = sitting.start_us;
  if (sitting.plan.has_value()) {
    // A plan that is moved on and on does not lengthen a sitting on and on.
    from_us = std::clamp(plans_[*sitting.plan].start_us, from_us, from_us + Us(rules.early_within));
  }
  return from_us + Us(rules.longest_sitting);
}

bool RoomWalk::IsAbsent(const Sitting& sitting, int64_t time_us) const {
  if (sitting.name != 0) return false;
  const CutRules& rules = RulesOf(sitting);
  // Somebody may have said since that it starts.
  if (sitting.emptied_us.has_value()) return time_us > sitting.last_us + Us(rules.reopen_within);
  return time_us > sitting.last_us + Us(rules.presumed_end_after) + Us(rules.reopen_within);
}

bool RoomWalk::IsOver(const Sitting& sitting, int64_t time_us) const {
  return time_us > LimitOf(sitting) || IsAbsent(sitting, time_us);
}

bool RoomWalk::IsLongPast(const Sitting& sitting, int64_t time_us) const {
  return time_us > sitting.start_us + Us(kMaxEarlyWithin) + Us(kMaxLongestSitting);
}

void RoomWalk::Sign(size_t index, int64_t time_us, int64_t now_us) {
  Sitting& sitting = sittings_[index];
  sitting.last_us = std::max(sitting.last_us, time_us);
  if (!sitting.plan.has_value()) return;
  const RoomPlan& plan = plans_[*sitting.plan];
  if (plan.dated && !plan.took_place && time_us >= plan.start_us) TakePlace(*sitting.plan, index, now_us);
}

void RoomWalk::Join(size_t sitting, size_t plan, int64_t now_us) {
  sittings_[sitting].plan = plan;
  sittings_of_[plan].push_back(sitting);
  if (!plans_[plan].took_place) starts_.emplace(plans_[plan].start_us, plan);
  Sign(sitting, sittings_[sitting].last_us, now_us);
}

std::optional<size_t> RoomWalk::PlanNamed(uint64_t name) const {
  const auto found = plan_named_.find(name);
  return found == plan_named_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<size_t> RoomWalk::SittingNamed(uint64_t name) const {
  const auto found = sittings_named_.find(name);
  return name == 0 || found == sittings_named_.end() ? std::nullopt : std::optional(found->second.back());
}

std::optional<size_t> RoomWalk::LatestThat(uint64_t name, int64_t time_us,
                                           absl::FunctionRef<bool(size_t sitting)> is) const {
  if (name == 0) {
    for (size_t i = sittings_.size(); i-- > deleted_.sittings;) {
      ++looked_at_;
      if (IsLongPast(sittings_[i], time_us)) break;
      if (is(i)) return i;
    }
    return std::nullopt;
  }
  // However many others there are: those without a name and those of this one.
  const auto all_named = [&](uint64_t of) -> std::span<const size_t> {
    const auto found = sittings_named_.find(of);
    return found == sittings_named_.end() ? std::span<const size_t>() : found->second;
  };
  std::span<const size_t> unnamed = all_named(0);
  std::span<const size_t> named = all_named(name);
  while (!unnamed.empty() || !named.empty()) {
    auto& later = named.empty() || (!unnamed.empty() && unnamed.back() > named.back()) ? unnamed : named;
    const size_t i = later.back();
    later = later.first(later.size() - 1);
    ++looked_at_;
    if (IsLongPast(sittings_[i], time_us)) break;
    if (is(i)) return i;
  }
  return std::nullopt;
}

std::optional<size_t> RoomWalk::LatestRunning(uint64_t name, int64_t time_us) const {
  return LatestThat(name, time_us, [&](size_t i) { return !IsOver(sittings_[i], time_us); });
}

std::optional<size_t> RoomWalk::WaitingPlan(uint64_t name, int64_t time_us, std::optional<size_t> except) const {
  std::optional<size_t> nearest;
  const auto rank = [&](size_t i) {
    return std::make_tuple(std::abs(plans_[i].start_us - time_us), plans_[i].start_us, i);
  };
  for (const size_t i : waiting_) {
    if (i == except || plans_[i].took_place || !InWindow(plans_[i], time_us) || !MayBeNamed(plans_[i].name, name))
      continue;
    if (!nearest.has_value() || rank(i) < rank(*nearest)) nearest = i;
  }
  return nearest;
}

std::optional<size_t> RoomWalk::PlanOfNewSitting(const RoomEvent& event) const {
  const auto runs = [&](std::optional<size_t> plan) {
    return plan.has_value() && plans_[*plan].took_place && InWindow(plans_[*plan], event.time_us) &&
           event.time_us < plans_[*plan].end_us;
  };
  if (event.sitting != 0) {
    // The plan for that name before all others.
    const auto own = PlanNamed(event.sitting);
    const bool waits = own.has_value() && !plans_[*own].took_place && InWindow(plans_[*own], event.time_us);
    if (waits || runs(own)) return own;
  }
  if (const auto waiting = WaitingPlan(event.sitting, event.time_us, std::nullopt)) return waiting;
  const auto plan = PlanNamed(0);
  return runs(plan) ? plan : std::nullopt;
}

CutPlace RoomWalk::Step(const RoomEvent& event) {
  LetStartsCome(event.time_us, INT64_MIN);
  switch (event.kind) {
    case RoomEventKind::kScheduled:
    case RoomEventKind::kRescheduled:
      return Plan(event);
    case RoomEventKind::kStarted:
    case RoomEventKind::kJoined:
    case RoomEventKind::kReconnected:
      return Enter(event);
    case RoomEventKind::kQuality:
    case RoomEventKind::kLeft:
    case RoomEventKind::kEnded:
      return Speak(event);
    case RoomEventKind::kPlanned:
    case RoomEventKind::kUninvited:
      return PlaceOfPlanned(event);
    case RoomEventKind::kShared:
    case RoomEventKind::kRecorded:
      return PlaceOfShared(event);
    case RoomEventKind::kJoinFailed:
      return PlaceOfTry(event);
    case RoomEventKind::kFile:
      return ShareFile(event);
    case RoomEventKind::kDeleted:
    case RoomEventKind::kWall:
      break;
  }
  const CutPlace place = PlaceOfDay(event);
  Delete(event);
  return place;
}

size_t RoomWalk::Begin(const RoomEvent& event) {
  const size_t index = sittings_.size();
  const auto plan = PlanOfNewSitting(event);
  std::vector<CarriedConnection> carried = TakeOver(event);
  Sitting& sitting = sittings_.emplace_back();
  sitting.start_us = sitting.last_us = event.time_us;
  sitting.name = event.sitting;
  if (event.kind == RoomEventKind::kStarted && carried.empty()) sitting.nobody_until_us = kNobodyCame;
  sitting.carried = std::move(carried);
  open_.emplace_back().OpenCarried(sitting.carried, event.time_us);
  sittings_named_[event.sitting].push_back(index);
  if (plan.has_value()) Join(index, *plan, event.time_us);
  TakeFiles(index);
  return index;
}

bool RoomWalk::ComesToAnother(const RoomEvent& event, const Sitting& sitting) const {
  const CutRules& rules = RulesOf(sitting);
  const int64_t now_us = event.time_us;
  if (now_us > sitting.last_us + Us(rules.reopen_within)) {
    return event.kind == RoomEventKind::kStarted || WaitingPlan(event.sitting, now_us, sitting.plan).has_value();
  }
  // Who comes back to a page that is refreshed, or reconnects, goes on. When all have left, who comes comes to what is
  // next, if that is near.
  const bool have_left = sitting.emptied_us.has_value() && now_us >= *sitting.emptied_us + Us(rules.refresh_within);
  if (!have_left || event.kind == RoomEventKind::kReconnected) return false;
  const auto next = WaitingPlan(event.sitting, now_us, std::nullopt);
  return next.has_value() && next != sitting.plan && plans_[*next].start_us - now_us < Us(rules.reopen_within);
}

CutPlace RoomWalk::Enter(const RoomEvent& event) {
  const int64_t now_us = event.time_us;
  std::erase_if(waiting_, [&](size_t i) {
    return plans_[i].took_place || now_us > plans_[i].end_us + Us(RulesOf(plans_[i]).late_within);
  });
  std::optional<size_t> index = SittingNamed(event.sitting);
  const bool by_name = index.has_value();
  if (!by_name) index = LatestRunning(event.sitting, now_us);
  bool begins = !index.has_value() || IsOver(sittings_[*index], now_us);
  if (!begins && !by_name) begins = ComesToAnother(event, sittings_[*index]);
  if (begins) {
    const auto before = index;
    index = Begin(event);
    const bool repeats = before.has_value() && event.kind == RoomEventKind::kStarted &&
                         !IsOver(sittings_[*before], now_us) && sittings_[*before].plan == sittings_[*index].plan;
    if (repeats) sittings_[*index].repeats = open_[*before].empty() ? sittings_[*before].repeats : before;
    if (const auto repeated = sittings_[*index].repeats) repeated_by_[*repeated].push_back(*index);
  }
  Sitting& sitting = sittings_[*index];
  if (sitting.name == 0 && event.sitting != 0) {
    sitting.name = event.sitting;
    std::erase(sittings_named_[0], *index);
    sittings_named_[event.sitting].push_back(*index);  // the only one: another would have been taken
    const auto plan = PlanNamed(event.sitting);
    if (!sitting.plan.has_value() && plan.has_value() && InWindow(plans_[*plan], sitting.start_us)) {
      Join(*index, *plan, now_us);
      ++regroupings_;
    }
  }
  if (event.kind != RoomEventKind::kStarted) {
    open_[*index].Open(event);
    if (sitting.nobody_until_us == kNobodyCame) sitting.nobody_until_us = now_us;
  }
  // Who starts it brings nobody: what people have left stays left until somebody comes.
  const bool was_visited = sitting.nobody_until_us != kNobodyCame || sitting.repeats.has_value();
  if (event.kind != RoomEventKind::kStarted || !was_visited) {
    const int64_t refreshes_from_us = now_us - Us(RulesOf(sitting).refresh_within);
    if (sitting.emptied_us.has_value() && refreshes_from_us >= *sitting.emptied_us) sitting.gone_us = refreshes_from_us;
    sitting.emptied_us.reset();
  }
  Sign(*index, now_us, now_us);
  return {.of = CutPlace::Of::kSitting, .index = *index, .counts = true};
}

void RoomWalk::EndRepeated(size_t sitting, int64_t time_us) {
  const auto repeated = repeated_by_.find(sitting);
  if (repeated == repeated_by_.end()) return;
  // What has ended so, and what people came to, is of no more concern.
  std::erase_if(repeated->second, [&](size_t i) {
    ++looked_at_;
    Sitting& later = sittings_[i];
    if (later.nobody_until_us != kNobodyCame || later.emptied_us.has_value()) return true;
    if (later.last_us >= time_us) return false;
    later.emptied_us = later.last_us = time_us;
    ++regroupings_;
    return true;
  });
  if (repeated->second.empty()) repeated_by_.erase(repeated);
}

bool RoomWalk::Knows(size_t sitting, const RoomEvent& event) const {
  if (event.kind == RoomEventKind::kEnded) return !sittings_[sitting].emptied_us.has_value();
  return event.kind == RoomEventKind::kQuality ? open_[sitting].IsPresent(event.participant)
                                               : open_[sitting].CanClose(event);
}

std::optional<size_t> RoomWalk::SittingSpokenOf(const RoomEvent& event) const {
  // The end that is said of the latest replaces the one that was presumed.
  bool replaces = event.kind == RoomEventKind::kEnded;
  return LatestThat(event.sitting, event.time_us, [&](size_t i) {
    const bool is_over =
        std::exchange(replaces, false) ? event.time_us > LimitOf(sittings_[i]) : IsOver(sittings_[i], event.time_us);
    return !is_over && Knows(i, event);
  });
}

CutPlace RoomWalk::Speak(const RoomEvent& event) {
  const auto index = SittingSpokenOf(event);
  if (!index.has_value()) {
    LeaveAtTheLimit(event);
    return PlaceOfShared(event);
  }
  Sitting& sitting = sittings_[*index];
  if (event.kind == RoomEventKind::kEnded) open_[*index].CloseAll();
  if (event.kind == RoomEventKind::kLeft) open_[*index].Close(event);
  if (event.kind != RoomEventKind::kQuality && open_[*index].empty()) {
    sitting.emptied_us = event.time_us;
    EndRepeated(*index, event.time_us);
  }
  Sign(*index, event.time_us, event.time_us);
  return {.of = CutPlace::Of::kSitting, .index = *index, .counts = true};
}

void RoomWalk::Delete(const RoomEvent& event) {
  deleted_ = {.sittings = sittings_.size(),
              .plans = plans_.size(),
              .files = waiting_files_.size(),
              .deletions = deleted_.deletions + 1};
  if (event.with_recordings) deleted_with_recordings_ = deleted_;
  ++regroupings_;
  waiting_.clear();
  starts_.clear();
  plan_named_.clear();
  sittings_named_.clear();
  repeated_by_.clear();
  std::erase_if(former_, [&](const FormerSitting& former) { return former.start_us <= event.time_us; });
}

}  // namespace retention
