#include "server/law/room_cut.h"

#include <algorithm>

namespace retention {
namespace {

// A copy of the walk is kept every so many events, and so many of them: what comes late, comes a little late.
constexpr size_t kEventsPerCheckpoint = 256;
constexpr size_t kMaxCheckpoints = 4;

}  // namespace

void RoomCut::Add(const RoomEvent& event, uint64_t occurrence) {
  ids_.insert(event.id);
  if (occurrence != 0) {
    taken_.insert(occurrence);
    look_over_all_ = true;
  }
  const CutEvent added{.event = event, .place = {}, .occurrence = occurrence, .filed = occurrence};
  if (events_.empty() || events_.back().event < event) {
    events_.push_back(added);
    return;
  }
  const auto at = std::upper_bound(events_.begin(), events_.end(), added,
                                   [](const CutEvent& a, const CutEvent& b) { return a.event < b.event; });
  const auto position = static_cast<size_t>(at - events_.begin());
  events_.insert(at, added);
  if (position >= walked_) return;
  look_over_all_ = true;
  while (!checkpoints_.empty() && checkpoints_.back().first > position) checkpoints_.pop_back();
  if (checkpoints_.empty()) {
    walk_ = RoomWalk(rules_);
    walked_ = 0;
  } else {
    walked_ = checkpoints_.back().first;
    walk_ = checkpoints_.back().second;
  }
}

void RoomCut::Walk() {
  for (; walked_ < events_.size(); ++walked_) {
    if (walked_ > 0 && walked_ % kEventsPerCheckpoint == 0 &&
        (checkpoints_.empty() || checkpoints_.back().first < walked_)) {
      checkpoints_.emplace_back(walked_, walk_);
      if (checkpoints_.size() > kMaxCheckpoints) checkpoints_.erase(checkpoints_.begin());
    }
    events_[walked_].place = walk_.Step(events_[walked_].event);
  }
}

void RoomCut::Settle() {
  const size_t from = walked_;
  Walk();
  if (look_over_all_ || walk_.regroupings() != regrouped_) return Regroup();
  SettleInOrder(from);
}

CutChanges RoomCut::TakeChanges() {
  Settle();
  for (CutEvent& event : events_) {
    if (!any_moved_) break;
    if (event.filed == event.occurrence) continue;
    if (!changes_.fresh.contains(event.event.id)) {
      changes_.moved[event.event.id] = event.occurrence;
      changes_.left.insert(event.filed);
      changes_.touched.insert({event.filed, event.occurrence});
    }
    event.filed = event.occurrence;
  }
  any_moved_ = false;
  return std::exchange(changes_, {});
}

void RoomCut::Note(const RoomEvent& event, Group& group) const {
  if (group.first_us == 0) group.first_us = event.time_us;
  group.last_us = event.time_us;
  group.only_deletions &= event.kind == RoomEventKind::kDeleted;
  const auto announce = [&](bool protocolled) {
    const bool before = !group.announcements.empty() && group.announcements.back().protocolled;
    if (before != protocolled) group.announcements.push_back({.time_us = event.time_us, .protocolled = protocolled});
  };
  if (event.kind == RoomEventKind::kScheduled) {
    if (!group.scheduled_on_us.has_value()) group.scheduled_on_us = event.time_us;
    group.last_scheduled = event.id;
    announce(event.protocolled);
    if (event.organizer != 0) {
      group.organizer = event.organizer;
      group.organizer_scheduled = true;
    }
  } else if (event.kind == RoomEventKind::kStarted) {
    if (event.protocolled) announce(true);
    // Who starts a meeting that somebody else has scheduled does not take it over.
    if (!group.organizer_scheduled && event.organizer != 0) group.organizer = event.organizer;
  } else if (event.kind == RoomEventKind::kUninvited) {
    group.uninvited_us[event.participant] = event.time_us;
  }
}

bool RoomCut::IsTakenBack(uint64_t occurrence, const PlannedSaying& saying) const {
  const Group& group = groups_.at(group_of_.at(occurrence));
  // What was copied from a plan that was planned anew is the copy's, until the meeting is planned again.
  if (saying.by_plan && group.last_scheduled != 0 && group.last_scheduled != saying.event) return true;
  const auto uninvited = group.uninvited_us.find(saying.participant);
  return saying.participant != 0 && uninvited != group.uninvited_us.end() && uninvited->second >= saying.time_us;
}

uint64_t RoomCut::FollowedBy(uint64_t occurrence) const {
  const CutGroup& key = group_of_.at(occurrence);
  if (key.of != CutPlace::Of::kPlan || !walk_.plans()[key.index].follows.has_value()) return 0;
  const auto former = groups_.find({.of = CutPlace::Of::kPlan, .index = *walk_.plans()[key.index].follows});
  return former == groups_.end() ? 0 : former->second.occurrence;
}

uint64_t RoomCut::NumberFor(const RoomEvent& event) {
  uint64_t number = number_of_ ? number_of_(event) : event.id;
  while (number == 0 || !taken_.insert(number).second) ++number;
  return number;
}

void RoomCut::SettleInOrder(size_t from) {
  for (size_t i = from; i < events_.size(); ++i) {
    CutEvent& event = events_[i];
    const CutGroup key = walk_.GroupOf(event.place);
    Group& group = groups_[key];
    if (group.occurrence == 0) {
      group.occurrence = NumberFor(event.event);
      group_of_[group.occurrence] = key;
    }
    event.occurrence = event.filed = group.occurrence;
    changes_.fresh[event.event.id] = group.occurrence;
    changes_.touched.insert(group.occurrence);
    Note(event.event, group);
  }
}

void RoomCut::Regroup() {
  look_over_all_ = false;
  any_moved_ = true;
  regrouped_ = walk_.regroupings();
  groups_.clear();
  std::set<uint64_t> claimed;
  // Each goes on under the number of the first of its events whose number nobody before it goes on under.
  for (const CutEvent& event : events_) {
    Group& group = groups_[walk_.GroupOf(event.place)];
    if (group.occurrence == 0 && event.occurrence != 0 && claimed.insert(event.occurrence).second) {
      group.occurrence = event.occurrence;
    }
    Note(event.event, group);
  }
  group_of_.clear();
  for (CutEvent& event : events_) {
    const CutGroup key = walk_.GroupOf(event.place);
    Group& group = groups_[key];
    if (group.occurrence == 0) group.occurrence = NumberFor(event.event);
    group_of_.try_emplace(group.occurrence, key);
    event.occurrence = group.occurrence;
    changes_.touched.insert(group.occurrence);
    if (event.filed == 0 || changes_.fresh.contains(event.event.id)) changes_.fresh[event.event.id] = group.occurrence;
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
  facts.scheduled_on_us = group.scheduled_on_us;
  facts.deleted = walk_.IsDeleted(key) || group.only_deletions;
  facts.protocolled = !group.announcements.empty() && group.announcements.back().protocolled;
  organizer_number = group.organizer;
  std::vector<size_t> sittings;
  if (key.of == CutPlace::Of::kPlan) {
    const RoomPlan& plan = walk_.plans()[key.index];
    if (plan.dated) {
      facts.plan = PlanFacts{.start_us = plan.start_us, .end_us = plan.end_us, .took_place = plan.took_place};
    }
    sittings = walk_.SittingsOf(key.index);
    std::sort(sittings.begin(), sittings.end());
  } else if (key.of == CutPlace::Of::kSitting) {
    sittings.push_back(key.index);
  }
  for (const size_t index : sittings) {
    const Sitting& sitting = walk_.sittings()[index];
    facts.sittings.push_back({.start_us = sitting.start_us,
                              .last_us = sitting.last_us,
                              .emptied_us = sitting.emptied_us,
                              .limit_us = walk_.LimitOf(sitting),
                              .gone_us = sitting.gone_us});
    if (!sitting.emptied_us.has_value()) facts.present += static_cast<uint32_t>(walk_.PresentIn(index));
  }
  return facts;
}

bool RoomCut::IsProtocolledAt(const RoomEvent& event) const {
  CutGroup key;
  if (events_.empty() || events_.back().event < event) {
    key = walk_.GroupOf(walk_.PlaceOfShared(event));
  } else {
    RoomWalk walk(rules_);
    size_t from = 0;
    for (const auto& [position, checkpoint] : checkpoints_) {
      if (position > 0 && events_[position - 1].event < event) {
        walk = checkpoint;
        from = position;
      }
    }
    for (; from < events_.size() && events_[from].event < event; ++from) walk.Step(events_[from].event);
    const CutPlace place = walk.PlaceOfShared(event);
    // Which occurrence it is in is known by now; its number of then is the same.
    key = place.of == CutPlace::Of::kSitting ? walk_.GroupOf(place) : walk.GroupOf(place);
  }
  const auto group = groups_.find(key);
  if (group == groups_.end()) return false;
  bool protocolled = false;
  for (const Announcement& announcement : group->second.announcements) {
    if (announcement.time_us > event.time_us) break;
    protocolled = announcement.protocolled;
  }
  return protocolled;
}

}  // namespace retention
