#include "server/law/room_cut.h"

#include <algorithm>

namespace retention {

std::vector<FormerSitting> BeforeThoseOf(const OccurrenceFacts& facts) {
  std::vector<FormerSitting> before;
  for (const SittingFacts& sitting : facts.sittings) {
    if (sitting.carried.empty()) continue;
    before.push_back({.start_us = sitting.start_us - 1,
                      .name = sitting.name,
                      .limit_us = sitting.start_us - 1,
                      .until_us = sitting.start_us});
    before.back().open.OpenCarried(sitting.carried, sitting.start_us - 1);
  }
  return before;
}

void RoomCut::Add(const RoomEvent& event, uint64_t occurrence) {
  ids_.insert(event.id);
  if (event.kind == RoomEventKind::kQuality) ++quality_samples_;
  if (occurrence != 0) {
    taken_.insert(occurrence);
    look_over_all_ = true;
  }
  events_.Append(event, occurrence);
}

void RoomCut::AddWall(int64_t time_us, bool with_recordings) {
  // Behind the deletions of its instant.
  events_.Append({.time_us = time_us, .kind = RoomEventKind::kWall, .with_recordings = with_recordings}, 0);
}

void RoomCut::Follow(std::vector<FormerSitting> former) {
  if (former == former_) return;
  former_ = std::move(former);
  if (settled_ == 0) {
    walk_ = Beginning();
    return;
  }
  Settle();
  WalkAgain(/*from=*/0, /*added=*/0);
  Regroup();
}

void RoomCut::Settle() {
  const size_t before = settled_;
  if (before == size()) return;
  const size_t from = events_.SortIn(before);
  settled_ = size();
  bool moved = false;
  if (from == before) {
    const size_t regroupings = walk_.regroupings();
    for (size_t i = from; i < size(); ++i) events_.PlaceAt(i, StepTo(i));
    moved = walk_.regroupings() != regroupings;
  } else {
    moved = WalkAgain(from, size() - before);
  }
  NoteDeletions(from, from < before);
  moved || look_over_all_ ? Regroup() : NumberNew(from);
}

RoomCut::Load RoomCut::load() const {
  const size_t all = size() - quality_samples_;
  return {.events = all - deleted_events_, .in_memory = all, .quality_samples = quality_samples_};
}

size_t RoomCut::MemoryBytes() const {
  // Of an event: its id, and its share of the copies of the walk.
  constexpr size_t kBytesBeside = 32;
  return events_.MemoryBytes() + size() * kBytesBeside;
}

size_t RoomCut::weight_of_copies() const {
  size_t weight = 0;
  for (const Checkpoint& checkpoint : checkpoints_) weight += checkpoint.walk.weight();
  return weight;
}

void RoomCut::NoteDeletions(size_t from, bool late) {
  if (late && deleted_until_ > 0) from = std::min(from, deleted_until_ - 1);
  for (size_t i = size(); i-- > from;) {
    if (events_.KindAt(i) != RoomEventKind::kDeleted && events_.KindAt(i) != RoomEventKind::kWall) continue;
    deleted_until_ = i + 1;
    deleted_events_ = 0;
    for (size_t before = 0; before <= i; ++before) {
      if (events_.KindAt(before) != RoomEventKind::kQuality) ++deleted_events_;
    }
    return;
  }
}

size_t RoomCut::Distance() const { return std::max(events_per_checkpoint_, events_per_copied_ * walk_.weight()); }

CutPlace RoomCut::StepTo(size_t position) {
  const size_t since = position - (checkpoints_.empty() ? 0 : checkpoints_.back().position);
  if (since > 0 && since % events_per_checkpoint_ == 0 && since >= Distance()) {
    checkpoints_.push_back({.position = position, .walk = walk_});
  }
  return walk_.Step(events_.EventAt(position));
}

bool RoomCut::WalkAgain(size_t from, size_t added) {
  RoomWalk before = std::move(walk_);
  std::vector<Checkpoint> later;  // of that walk, latest first
  while (!checkpoints_.empty() && checkpoints_.back().position > from) {
    later.push_back(std::move(checkpoints_.back()));
    checkpoints_.pop_back();
  }
  walk_ = checkpoints_.empty() ? Beginning() : checkpoints_.back().walk;
  bool moved = false;
  size_t passed = 0;  // of those that were added
  for (size_t i = checkpoints_.empty() ? 0 : checkpoints_.back().position; i < events_.size(); ++i) {
    if (!later.empty() && i - passed == later.back().position && passed == added && walk_ == later.back().walk) {
      // From here on all is as it was. Copies keep their distance: each late event moves those after it.
      while (!checkpoints_.empty() && later.back().position + added - checkpoints_.back().position < Distance()) {
        checkpoints_.pop_back();
      }
      for (; !later.empty(); later.pop_back()) {
        later.back().position += added;
        checkpoints_.push_back(std::move(later.back()));
      }
      walk_ = std::move(before);
      return moved;
    }
    while (!later.empty() && i - passed >= later.back().position) later.pop_back();
    const CutPlace place = StepTo(i);
    if (!events_.IsPlacedAt(i)) {
      ++passed;
    } else if (const CutPlace former = events_.PlaceAt(i); place.of != former.of || place.index != former.index) {
      moved = true;
    }
    events_.PlaceAt(i, place);
  }
  const RoomWalk::Difference difference = before.To(walk_);
  for (const CutGroup& group : difference.facts) {
    const auto known = groups_.find(group);
    if (known != groups_.end()) changes_.touched.insert(known->second.occurrence);
  }
  return moved || difference.groups;
}

CutChanges RoomCut::TakeChanges() {
  Settle();
  for (size_t i = 0; any_moved_ && i < size(); ++i) {
    const uint64_t filed = events_.FiledAt(i);
    const uint64_t occurrence = events_.OccurrenceAt(i);
    if (filed == occurrence) continue;
    if (!changes_.fresh.contains(events_.IdAt(i))) {
      changes_.moved[events_.IdAt(i)] = occurrence;
      changes_.left.insert(filed);
      changes_.touched.insert({filed, occurrence});
      const RoomEventKind kind = events_.KindAt(i);
      if (kind == RoomEventKind::kScheduled || kind == RoomEventKind::kUninvited) {
        changes_.takes_back.insert(occurrence);
      }
    }
    events_.SetFiled(i, occurrence);
  }
  any_moved_ = false;
  return std::exchange(changes_, {});
}

void RoomCut::Group::Note(const RoomEvent& event) {
  first_us = std::min(first_us, event.time_us);
  last_us = std::max(last_us, event.time_us);
  if (event.kind == RoomEventKind::kJoinFailed) {
    const OccurrenceFacts::Tries others = tries.value_or(OccurrenceFacts::Tries{event.time_us, event.time_us});
    tries = {.first_us = std::min(others.first_us, event.time_us), .last_us = std::max(others.last_us, event.time_us)};
  }
  if (event.kind == RoomEventKind::kUninvited) {
    int64_t& uninvited = uninvited_us.try_emplace(event.participant, event.time_us).first->second;
    uninvited = std::max(uninvited, event.time_us);
  }
  if (event.kind != RoomEventKind::kScheduled && event.kind != RoomEventKind::kStarted) return;
  const auto at = std::upper_bound(said.begin(), said.end(), event);
  if (at == said.end()) {
    said.push_back(event);
    return Fold(event);
  }
  said.insert(at, event);
  scheduled_on_us.reset();
  announcements.clear();
  organizer = 0;
  organizer_scheduled = false;
  for (const RoomEvent& saying : said) Fold(saying);
}

void RoomCut::Group::Fold(const RoomEvent& saying) {
  const auto announce = [&](bool protocolled) {
    const bool before = !announcements.empty() && announcements.back().protocolled;
    if (before != protocolled) announcements.push_back({.time_us = saying.time_us, .protocolled = protocolled});
  };
  if (saying.kind == RoomEventKind::kScheduled) {
    if (!scheduled_on_us.has_value()) scheduled_on_us = saying.time_us;
    last_scheduled = saying.id;
    announce(saying.protocolled);
    if (saying.organizer != 0) {
      organizer = saying.organizer;
      organizer_scheduled = true;
    }
  } else {
    if (saying.protocolled) announce(true);
    // Who starts a meeting that somebody else has scheduled does not take it over.
    if (!organizer_scheduled && saying.organizer != 0) organizer = saying.organizer;
  }
}

bool RoomCut::IsTakenBack(uint64_t occurrence, const PlannedSaying& saying) const {
  const Group& group = groups_.at(group_of_.at(occurrence));
  // What was copied from a plan that was planned anew is the copy's, until the meeting is planned again.
  if (saying.by_plan && group.last_scheduled != 0 && group.last_scheduled != saying.event) return true;
  const auto uninvited = group.uninvited_us.find(saying.participant);
  return saying.participant != 0 && uninvited != group.uninvited_us.end() && uninvited->second >= saying.time_us;
}

const RoomPlan* RoomCut::PlanOf(uint64_t occurrence) const {
  const CutGroup& key = group_of_.at(occurrence);
  return key.of == CutPlace::Of::kPlan ? &walk_.plans()[key.index] : nullptr;
}

uint64_t RoomCut::PlannedAnewBy(uint64_t occurrence) const {
  const RoomPlan* plan = PlanOf(occurrence);
  return plan == nullptr ? 0 : plan->planned_anew;
}

std::vector<uint64_t> RoomCut::FollowedBy(uint64_t occurrence) const {
  std::vector<uint64_t> followed;
  if (PlannedAnewBy(occurrence) == 0) return followed;
  const std::vector<RoomPlan>& plans = walk_.plans();
  for (auto plan = PlanOf(occurrence)->follows; plan.has_value(); plan = plans[*plan].follows) {
    const auto former = groups_.find({.of = CutPlace::Of::kPlan, .index = *plan});
    if (former != groups_.end()) followed.push_back(former->second.occurrence);
    if (plans[*plan].dated) break;
  }
  return followed;
}

std::set<uint64_t> RoomCut::Followed() const {
  std::set<uint64_t> all;
  for (const auto& [occurrence, group] : group_of_) {
    const std::vector<uint64_t> followed = FollowedBy(occurrence);
    all.insert(followed.begin(), followed.end());
  }
  return all;
}

uint64_t RoomCut::NumberFor(const RoomEvent& event) {
  uint64_t number = number_of_ ? number_of_(event) : event.id;
  while (number == 0 || !taken_.insert(number).second) ++number;
  return number;
}

void RoomCut::NumberNew(size_t from) {
  for (size_t i = from; i < size(); ++i) {
    if (events_.OccurrenceAt(i) != 0 || events_.KindAt(i) == RoomEventKind::kWall) continue;
    const RoomEvent event = events_.EventAt(i);
    const CutGroup key = walk_.GroupOf(events_.PlaceAt(i));
    Group& group = groups_[key];
    if (group.occurrence == 0) {
      group.occurrence = NumberFor(event);
      group_of_[group.occurrence] = key;
    }
    events_.SetOccurrence(i, group.occurrence);
    events_.SetFiled(i, group.occurrence);
    changes_.fresh[event.id] = group.occurrence;
    changes_.touched.insert(group.occurrence);
    group.Note(event);
  }
}

void RoomCut::Regroup() {
  look_over_all_ = false;
  any_moved_ = true;
  changes_.regrouped = true;
  groups_.clear();
  std::set<uint64_t> claimed;
  // Each goes on under the number of the first of its events whose number nobody before it goes on under.
  for (size_t i = 0; i < size(); ++i) {
    if (events_.KindAt(i) == RoomEventKind::kWall) continue;
    Group& group = groups_[walk_.GroupOf(events_.PlaceAt(i))];
    const uint64_t occurrence = events_.OccurrenceAt(i);
    if (group.occurrence == 0 && occurrence != 0 && claimed.insert(occurrence).second) group.occurrence = occurrence;
    group.Note(events_.EventAt(i));
  }
  group_of_.clear();
  for (size_t i = 0; i < size(); ++i) {
    if (events_.KindAt(i) == RoomEventKind::kWall) continue;
    const CutGroup key = walk_.GroupOf(events_.PlaceAt(i));
    Group& group = groups_[key];
    if (group.occurrence == 0) group.occurrence = NumberFor(events_.EventAt(i));
    if (!group_of_.contains(group.occurrence)) {
      group_of_[group.occurrence] = key;
      changes_.touched.insert(group.occurrence);
    }
    if (events_.OccurrenceAt(i) != group.occurrence) events_.SetOccurrence(i, group.occurrence);
    const uint64_t id = events_.IdAt(i);
    if (events_.FiledAt(i) == 0 || changes_.fresh.contains(id)) changes_.fresh[id] = group.occurrence;
  }
}

std::vector<uint64_t> RoomCut::occurrences() const {
  std::vector<uint64_t> all;
  for (const auto& [number, group] : group_of_) all.push_back(number);
  return all;
}

OccurrenceFacts RoomCut::FactsOf(uint64_t occurrence, uint32_t& organizer_number) const {
  const CutGroup& key = group_of_.at(occurrence);
  const Group& group = groups_.at(key);
  OccurrenceFacts facts;
  facts.first_us = group.first_us;
  facts.last_us = group.last_us;
  facts.tries = group.tries;
  facts.waits_until_us = group.first_us + absl::ToInt64Microseconds(rules_.At(group.first_us).presumed_end_after);
  facts.scheduled_on_us = group.scheduled_on_us;
  facts.deleted = walk_.IsDeleted(key);
  facts.recordings_deleted = walk_.IsDeletedWithRecordings(key);
  facts.protocolled = !group.announcements.empty() && group.announcements.back().protocolled;
  organizer_number = group.organizer;
  facts.only_started = organizer_number != 0 && !group.organizer_scheduled;
  std::vector<size_t> sittings;
  size_t took_place_in = 0;
  if (key.of == CutPlace::Of::kPlan) {
    const RoomPlan& plan = walk_.plans()[key.index];
    if (!group.organizer_scheduled && plan.scheduler != 0) {
      organizer_number = plan.scheduler;
      facts.only_started = false;
      facts.taken_over = plan.planned_anew != 0;
    }
    if (plan.dated) {
      const CutRules& rules = walk_.RulesOf(plan);
      // It is known what its start will find. That follows from what is of it, whatever comes later elsewhere.
      const auto open = plan.took_place ? std::nullopt : walk_.OpenAtStart(key.index);
      took_place_in = open.value_or(plan.took_place_in);
      facts.plan = PlanFacts{.start_us = plan.start_us,
                             .end_us = plan.end_us,
                             .took_place = plan.took_place || open.has_value(),
                             .took_place_us = open.has_value() ? plan.start_us : plan.took_place_us,
                             .early_us = absl::ToInt64Microseconds(rules.early_within),
                             .name = plan.name};
      facts.waits_until_us = plan.end_us + absl::ToInt64Microseconds(rules.late_within);
    }
    sittings = walk_.SittingsOf(key.index);
    std::sort(sittings.begin(), sittings.end());
    if (facts.TookPlace()) {
      const auto in = std::lower_bound(sittings.begin(), sittings.end(), took_place_in);
      facts.plan->took_place_in = static_cast<size_t>(in - sittings.begin());
    }
  } else if (key.of == CutPlace::Of::kSitting) {
    sittings.push_back(key.index);
  }
  for (const size_t index : sittings) {
    const Sitting& sitting = walk_.sittings()[index];
    const CutRules& rules = walk_.RulesOf(sitting);
    facts.sittings.push_back({.start_us = sitting.start_us,
                              .last_us = sitting.last_us,
                              .emptied_us = sitting.emptied_us,
                              .nobody_until_us = sitting.nobody_until_us,
                              .limit_us = walk_.LimitOf(sitting),
                              .gone_us = sitting.gone_us,
                              .presumed_us = absl::ToInt64Microseconds(rules.presumed_end_after),
                              .refresh_us = absl::ToInt64Microseconds(rules.refresh_within),
                              .name = sitting.name,
                              .carried = sitting.carried});
    // Who went over is there once.
    const bool goes_on = sitting.goes_on && index != sittings.back();
    if (!sitting.emptied_us.has_value() && !goes_on) facts.present += static_cast<uint32_t>(walk_.PresentIn(index));
  }
  return facts;
}

RoomWalk RoomCut::WalkUpTo(const RoomEvent& event) const {
  const auto near = std::find_if(checkpoints_.rbegin(), checkpoints_.rend(), [&](const Checkpoint& checkpoint) {
    return events_.IsBefore(checkpoint.position - 1, event);
  });
  const bool any = near != checkpoints_.rend();
  RoomWalk walk = any ? near->walk : Beginning();
  for (size_t i = any ? near->position : 0; i < size() && events_.IsBefore(i, event); ++i) {
    walk.Step(events_.EventAt(i));
  }
  return walk;
}

bool RoomCut::Knows(const RoomEvent& event) const {
  return IsLast(event) ? walk_.Knows(event) : WalkUpTo(event).Knows(event);
}

const RoomCut::Group* RoomCut::GroupOfShown(const RoomEvent& event) const {
  CutGroup key;
  if (IsLast(event)) {
    key = walk_.GroupOf(walk_.PlaceOfShared(event));
  } else {
    const RoomWalk walk = WalkUpTo(event);
    const CutPlace place = walk.PlaceOfShared(event);
    // Which occurrence it is in is known by now; its number of then is the same.
    key = place.of == CutPlace::Of::kSitting ? walk_.GroupOf(place) : walk.GroupOf(place);
  }
  const auto group = groups_.find(key);
  return group == groups_.end() ? nullptr : &group->second;
}

bool RoomCut::IsProtocolledAt(const RoomEvent& event) const {
  const Group* group = GroupOfShown(event);
  return group != nullptr && IsProtocolled(*group, event.time_us);
}

uint64_t RoomCut::OccurrenceOfShown(const RoomEvent& event) const {
  const Group* group = GroupOfShown(event);
  return group == nullptr ? 0 : group->occurrence;
}

bool RoomCut::IsProtocolled(uint64_t occurrence, int64_t time_us) const {
  return IsProtocolled(groups_.at(group_of_.at(occurrence)), time_us);
}

bool RoomCut::IsProtocolled(const Group& group, int64_t time_us) {
  bool protocolled = false;
  for (const Announcement& announcement : group.announcements) {
    if (announcement.time_us > time_us) break;
    protocolled = announcement.protocolled;
  }
  return protocolled;
}

}  // namespace retention
