// What a room knows of its occurrences.
#include <algorithm>
#include <utility>

#include "server/meetings/meeting_cache.h"
#include "server/meetings/remnant.h"
#include "server/rows/row_keys.h"

namespace retention {
namespace {

// An order that nothing that comes late changes.
bool BeganBefore(const Meeting* a, const Meeting* b) {
  return std::make_pair(a->locator.facts.first_us, OccurrenceOf(a->id)) <
         std::make_pair(b->locator.facts.first_us, OccurrenceOf(b->id));
}

// Whether any of those whom `event` speaks of had come by then, whether or not they left since.
bool HadCome(const RoomCut& own, const OccurrenceFacts& facts, const RoomEvent& event) {
  const bool is_of_all = event.kind == RoomEventKind::kEnded;
  const auto may_be_named = [&](uint64_t sitting) {
    return event.sitting == 0 || sitting == event.sitting || (sitting == 0 && !is_of_all);
  };
  const CutEvents& events = own.events();
  for (size_t i = 0; i < events.size() && events.TimeAt(i) <= event.time_us; ++i) {
    if (!Enters(events.KindAt(i))) continue;
    const RoomEvent came = events.EventAt(i);
    if (may_be_named(came.sitting) && (is_of_all || came.participant == event.participant)) return true;
  }
  return std::any_of(facts.sittings.begin(), facts.sittings.end(), [&](const SittingFacts& sitting) {
    if (sitting.start_us > event.time_us || !may_be_named(sitting.name)) return false;
    return std::any_of(sitting.carried.begin(), sitting.carried.end(), [&](const CarriedConnection& carried) {
      return is_of_all || carried.participant == event.participant;
    });
  });
}

}  // namespace

int64_t CarriesUntil(const SittingFacts& sitting, const CutHistory& rules) {
  if (sitting.emptied_us.has_value()) return INT64_MIN;
  const int64_t until_us =
      GoesOverUntil(rules.At(sitting.start_us), sitting.name != 0, sitting.last_us, sitting.limit_us);
  return until_us > sitting.limit_us ? until_us : INT64_MIN;
}

int64_t CarriesUntil(const OccurrenceFacts& facts, const CutHistory& rules) {
  int64_t until_us = INT64_MIN;
  for (const SittingFacts& sitting : facts.sittings) until_us = std::max(until_us, CarriesUntil(sitting, rules));
  return until_us;
}

std::vector<const Meeting*> Room::AllFixedAt(int64_t time_us) const {
  std::vector<const Meeting*> all;
  if (time_us > fixed_until_us) return all;
  for (const auto& [number, meeting] : meetings) {
    if (!meeting.fixed || time_us < meeting.locator.facts.first_us) continue;
    // What the same change adds to it counts.
    const OccurrenceFacts facts = fixed.contains(number) ? FactsOf(number) : meeting.locator.facts;
    const int64_t until_us = std::max({FactsWithSpan(meeting.locator).last_us, facts.last_us,
                                       SpokenUntil(facts, cut.rules()), CarriesUntil(facts, cut.rules())});
    if (time_us <= until_us) all.push_back(&meeting);
  }
  return all;
}

const Meeting* Room::FixedAt(const RoomEvent& event) const {
  if (event.kind == RoomEventKind::kDeleted) return nullptr;
  const int64_t deleted_until_us = deletions.empty() ? INT64_MAX : deletions.back().time_us;
  std::vector<const Meeting*> spans;
  const Meeting* knows = nullptr;  // beyond its span
  for (const Meeting* meeting : AllFixedAt(event.time_us)) {
    const uint64_t number = OccurrenceOf(meeting->id);
    const OccurrenceFacts facts = FactsOf(number);
    if (facts.deleted && event.time_us > deleted_until_us) continue;  // the room begins anew
    if (Spans(meeting->locator, event)) spans.push_back(meeting);
    const auto own = fixed.find(number);
    // What is said of somebody who is there belongs to where they are.
    if (!Speaks(event.kind) || own == fixed.end() || event.time_us > SpokenUntil(facts, cut.rules())) continue;
    RoomEvent as_told = event;
    as_told.sitting = NameIn(*meeting, event);
    if (own->second.Knows(as_told) && (knows == nullptr || BeganBefore(knows, meeting))) knows = meeting;
  }
  if (spans.empty()) return knows;
  std::sort(spans.begin(), spans.end(), BeganBefore);
  if (!Speaks(event.kind) || spans.size() == 1) return spans.front();
  // Where they came last, though it be told by now that they left. Who is told late to have come is of the first that
  // spans it: whether that is known yet makes no difference here.
  const auto came = std::find_if(spans.rbegin(), spans.rend(), [&](const Meeting* meeting) {
    RoomEvent as_told = event;
    as_told.sitting = NameIn(*meeting, event);
    const auto own = fixed.find(OccurrenceOf(meeting->id));
    return own != fixed.end() && HadCome(own->second, meeting->locator.facts, as_told);
  });
  return came == spans.rend() ? spans.front() : *came;
}

uint64_t Room::NameIn(const Meeting& meeting, const RoomEvent& event) const {
  // An end is of those alone whose meeting it names.
  if (event.sitting == 0 || event.kind == RoomEventKind::kEnded) return event.sitting;
  const OccurrenceFacts facts = FactsOf(OccurrenceOf(meeting.id));
  const bool is_known = std::any_of(facts.sittings.begin(), facts.sittings.end(),
                                    [&](const SittingFacts& sitting) { return sitting.name == event.sitting; });
  const uint64_t planned = facts.plan.has_value() ? facts.plan->name : 0;
  if (is_known || event.sitting == planned) return event.sitting;
  const bool is_planned =
      Plans(event.kind) || event.kind == RoomEventKind::kPlanned || event.kind == RoomEventKind::kUninvited;
  return is_planned ? planned : 0;
}

std::vector<const Meeting*> Room::AllFixedNear(int64_t time_us) const {
  const int64_t long_us = absl::ToInt64Microseconds(kMaxEarlyWithin + kMaxLongestSitting);
  std::vector<const Meeting*> all;
  for (const auto& [number, meeting] : meetings) {
    const OccurrenceFacts& facts = meeting.locator.facts;
    if (!meeting.fixed || time_us < facts.first_us) continue;
    const int64_t last_us = std::max(facts.last_us, facts.plan.has_value() ? facts.plan->end_us : INT64_MIN);
    if (time_us <= last_us + long_us) all.push_back(&meeting);
  }
  return all;
}

RoomCut Room::Whole() const {
  RoomCut whole(cut.rules());
  const auto add = [&whole](const RoomCut& part, uint64_t occurrence) {
    const CutEvents& events = part.events();
    for (size_t i = 0; i < events.size(); ++i) {
      const RoomEvent event = events.EventAt(i);
      if (event.kind == RoomEventKind::kWall) {
        if (occurrence == 0) whole.AddWall(event.time_us, event.with_recordings);
      } else if (!whole.Contains(event.id)) {
        whole.Add(event, occurrence == 0 ? events.OccurrenceAt(i) : occurrence);
      }
    }
  };
  add(cut, 0);
  for (const auto& [number, own] : fixed) add(own, number);
  whole.Settle();
  return whole;
}

const Meeting* Room::ShownIn(const RoomEvent& event) {
  const std::vector<const Meeting*> near = AllFixedNear(event.time_us);
  if (near.empty() || fixed.empty()) return FixedAt(event);
  if (!whole.has_value()) {
    whole = Whole();
    ++made_whole;
  }
  whole->Settle();
  const uint64_t occurrence = whole->OccurrenceOfShown(event);
  if (occurrence == 0) return FixedAt(event);
  const auto shown_in = std::find_if(near.begin(), near.end(),
                                     [&](const Meeting* meeting) { return OccurrenceOf(meeting->id) == occurrence; });
  return shown_in != near.end() && fixed.contains(occurrence) ? *shown_in : nullptr;
}

void Room::Add(const RoomEvent& event, const Meeting* to) {
  to == nullptr ? cut.Add(event, 0) : AddToFixed(event, OccurrenceOf(to->id));
  const bool is_shown = event.kind == RoomEventKind::kShared;
  if (whole.has_value() && !is_shown && !whole->Contains(event.id)) whole->Add(event, 0);
}

void Room::AddToFixed(const RoomEvent& event, uint64_t occurrence) {
  RoomCut& own = fixed.at(occurrence);
  own.Add(event, 0);
  own.Settle();
  const int64_t longest_us =
      absl::ToInt64Microseconds(kMaxEarlyWithin + kMaxLongestSitting + kMaxPresumedEndAfter + kMaxReopenWithin);
  const int64_t last_us = std::max(event.time_us, meetings.at(occurrence).locator.facts.last_us);
  fixed_until_us = std::max(fixed_until_us, last_us + longest_us);
  FollowFixed();
}

uint64_t Room::OverAt(const RoomEvent& event) const {
  if (event.kind == RoomEventKind::kDeleted) return 0;
  const int64_t deleted_until_us = deletions.empty() ? INT64_MAX : deletions.back().time_us;
  for (const auto& [number, facts] : over) {
    if (facts.deleted && event.time_us > deleted_until_us) continue;  // the room begins anew
    if (MayHaveBeenOf(facts, event, cut.rules(), read_at)) return number;
  }
  return 0;
}

std::string Room::NameOf(const Vault& vault, std::string_view participant_id) const {
  return ParticipantName(vault, pbx, id, participant_id);
}

uint32_t Room::OrganizerNumber(std::string_view name) {
  if (name.empty()) return 0;
  auto it = std::find(organizers.begin(), organizers.end(), name);
  if (it == organizers.end()) it = organizers.emplace(organizers.end(), name);
  return static_cast<uint32_t>(it - organizers.begin()) + 1;
}

const RoomCut* Room::CutWith(uint64_t occurrence) const {
  const auto own = fixed.find(occurrence);
  // What lies within the span of one that is fixed is its own, even where it would be cut otherwise.
  if (own != fixed.end()) {
    return own->second.occurrences().size() == 1 && !cut_by_others.contains(occurrence) ? &own->second : nullptr;
  }
  return cut.Has(occurrence) ? &cut : nullptr;
}

std::optional<std::string> Room::SchedulerBefore(uint64_t occurrence, const RoomPlan& plan) const {
  const OccurrenceFacts* latest = nullptr;
  bool deleted = false;  // the latest, before that plan
  for (const auto& [number, meeting] : meetings) {
    const OccurrenceFacts& facts = meeting.locator.facts;
    if (number == occurrence || !facts.plan.has_value() || facts.plan->name != plan.name) continue;
    if (facts.first_us >= plan.first_us || (latest != nullptr && facts.first_us <= latest->first_us)) continue;
    const bool is_deleted = std::any_of(deletions.begin(), deletions.end(), [&](const RoomDeletion& deletion) {
      return deletion.time_us >= facts.first_us && deletion.time_us < plan.first_us;
    });
    if (!is_deleted && cut.Has(number)) continue;  // the cut would tell
    latest = &facts;
    deleted = is_deleted;
  }
  if (latest == nullptr) return std::nullopt;
  return deleted ? std::string() : latest->Scheduler();
}

std::string Room::SchedulerBeyond(const RoomCut& knows, uint64_t occurrence) const {
  // The first of the plans that were planned anew, one from the other.
  for (auto followed = knows.FollowedBy(occurrence); !followed.empty(); followed = knows.FollowedBy(occurrence)) {
    const RoomPlan* former = knows.PlanOf(followed.back());
    if (former == nullptr || !former->dated) break;
    occurrence = followed.back();
  }
  if (knows.PlannedAnewBy(occurrence) == 0) return {};
  if (auto before = SchedulerBefore(occurrence, *knows.PlanOf(occurrence)); before.has_value()) return *before;
  // The history of that is over: what was taken over of it stays.
  const auto own = meetings.find(occurrence);
  return own == meetings.end() || !own->second.locator.facts.taken_over ? std::string()
                                                                        : own->second.locator.facts.Scheduler();
}

OccurrenceFacts Room::FactsOf(uint64_t occurrence) const {
  const auto meeting = meetings.find(occurrence);
  const auto own = fixed.find(occurrence);
  const bool is_fixed = own != fixed.end() && !cut_by_others.contains(occurrence);
  const RoomCut* knows = is_fixed ? &own->second : CutWith(occurrence);
  if (knows == nullptr) return meeting == meetings.end() ? OccurrenceFacts() : meeting->second.locator.facts;
  uint32_t organizer = 0;
  OccurrenceFacts facts;
  if (is_fixed) {
    // What came late may part it: it is one all the same.
    occurrence = knows->Speaker();
    facts = knows->FactsOfAll(organizer);
  } else {
    facts = knows->FactsOf(occurrence, organizer);
  }
  if (organizer != 0) facts.organizer = organizers[organizer - 1];
  if (facts.Scheduler().empty()) {
    if (std::string scheduler = SchedulerBeyond(*knows, occurrence); !scheduler.empty()) {
      facts.organizer = std::move(scheduler);
      facts.only_started = false;
      facts.taken_over = true;
    }
  }
  // A room is deleted by an event that is none of one that is fixed.
  facts.deleted |= knows != &cut && meeting != meetings.end() && meeting->second.locator.facts.deleted;
  return facts;
}

void Room::FollowFixed() {
  std::vector<FormerSitting> former;
  int64_t from_us = INT64_MAX;  // the first from which anybody can go over
  for (const auto& [number, own] : fixed) {
    for (FormerSitting& sitting : own.Former()) {
      if (!sitting.open.empty()) from_us = std::min(from_us, sitting.start_us);
      former.push_back(std::move(sitting));
    }
  }
  if (from_us == INT64_MAX) return cut.Follow({});
  std::erase_if(former, [&](const FormerSitting& sitting) { return sitting.start_us < from_us; });
  // Those of others come between, though nobody goes over from them.
  for (const auto& [number, meeting] : meetings) {
    if (!meeting.fixed || fixed.contains(number)) continue;
    for (const SittingFacts& sitting : meeting.locator.facts.sittings) {
      if (sitting.start_us < from_us) continue;
      former.push_back({.start_us = sitting.start_us, .name = sitting.name, .limit_us = sitting.limit_us});
    }
  }
  std::sort(former.begin(), former.end(), [](const auto& a, const auto& b) { return a.start_us < b.start_us; });
  cut.Follow(std::move(former));
}

Meeting& Room::MeetingOf(uint64_t occurrence) {
  const auto [it, inserted] = meetings.try_emplace(occurrence);
  if (inserted) {
    it->second.pbx = pbx;
    it->second.id = OccurrenceOwner(id, occurrence);
  }
  return it->second;
}

}  // namespace retention
