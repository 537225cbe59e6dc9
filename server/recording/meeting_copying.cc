// What was said of a meeting that is planned anew is said of the new plan too.
//
// What is copied follows from the cut: all that was said of the former plan, and not taken back, by the event that
// planned it anew. So it is compared whenever an event comes late, and is renewed where it is something else by now.
#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "server/law/filing.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/opened_rows.h"
#include "server/rows/value_chunk.h"

namespace retention {
namespace {

bool IsSaid(CategoryNumber category, const stored::v1::Value& value) {
  return value.source() != stored::v1::Value::SOURCE_UNSPECIFIED || category == kDialIn;
}

bool IsSaying(stored::v1::CourseEntry::Kind kind) {
  using Entry = stored::v1::CourseEntry;
  return kind == Entry::KIND_SCHEDULED || kind == Entry::KIND_RESCHEDULED || kind == Entry::KIND_PLANNED ||
         kind == Entry::KIND_UNINVITED;
}

struct Saying {
  CategoryNumber category;
  stored::v1::Value value;
};
using Sayings = std::vector<Saying>;

// In the order in which one supersedes another. An address without a text says only whose it would be.
bool IsBefore(const Saying& a, const Saying& b) {
  return std::make_tuple(!a.value.text().empty(), a.value.time_us(), a.value.event()) <
         std::make_tuple(!b.value.text().empty(), b.value.time_us(), b.value.event());
}

bool AreSame(const Sayings& a, const Sayings& b) {
  const auto texts = [](const Sayings& sayings) {
    std::vector<std::pair<CategoryNumber, std::string>> texts;
    for (const Saying& saying : sayings) texts.emplace_back(saying.category, saying.value.SerializeAsString());
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  return texts(a) == texts(b);
}

// Whether the plan that an event planned anew may be one that is fixed, or of which nothing is held any more: it is not
// in the cut, and what was copied from it stays.
bool MayBeFixed(const Room& room, const RoomEvent& reschedule, absl::Time now) {
  constexpr absl::Duration kHistoryLasts = absl::Hours(24 * 28);  // a month at least, whatever the policy
  if (now - absl::FromUnixMicros(reschedule.time_us) > kHistoryLasts) return true;
  return std::any_of(room.meetings.begin(), room.meetings.end(), [&](const auto& meeting) {
    return meeting.second.fixed && meeting.second.locator.facts.first_us <= reschedule.time_us;
  });
}

// Whether an event that came with this change deleted what `reschedule` may have been copied from. What is fixed is cut
// no more: what was copied from it stays.
bool IsSourceDeleted(const TouchedRoom& touched, const RoomEvent& reschedule) {
  return std::any_of(touched.fresh.begin(), touched.fresh.end(), [&](const FreshEvent& fresh) {
    const int64_t deleted_us = fresh.entry.time_us;
    if (fresh.entry.kind != stored::v1::CourseEntry::KIND_DELETED || deleted_us > reschedule.time_us) return false;
    const auto& meetings = touched.room->meetings;
    return std::none_of(meetings.begin(), meetings.end(), [&](const auto& meeting) {
      const int64_t first_us = meeting.second.locator.facts.first_us;
      return meeting.second.fixed && first_us > deleted_us && first_us < reschedule.time_us;
    });
  });
}

}  // namespace

absl::StatusOr<MeetingFiler::Copies> MeetingFiler::CopyPlans(TouchedRoom& touched, const CutChanges& changes,
                                                             Outcomes& outcomes, Change& change) {
  Copies copies;
  Room& room = *touched.room;
  const bool any_said = std::any_of(touched.fresh.begin(), touched.fresh.end(),
                                    [](const FreshEvent& fresh) { return IsSaying(fresh.entry.kind); });
  if (!changes.regrouped && !any_said) return copies;
  std::set<uint64_t> concerned = room.cut.Followed();
  const bool is_asked = changes.regrouped || std::any_of(outcomes.begin(), outcomes.end(), [&](const auto& outcome) {
                          const auto& fresh = outcome.second.fresh;
                          return std::any_of(fresh.begin(), fresh.end(), [&](const FreshEvent* of_it) {
                            // A plan may turn out to have been there, which another only changed.
                            return of_it->entry.kind == stored::v1::CourseEntry::KIND_SCHEDULED ||
                                   of_it->entry.kind == stored::v1::CourseEntry::KIND_RESCHEDULED ||
                                   (IsSaying(of_it->entry.kind) && concerned.contains(outcome.first));
                          });
                        });
  if (!is_asked) return copies;
  std::vector<CutEvent> reschedules;
  const CutEvents& events = room.cut.events();
  for (size_t i = 0; i < events.size(); ++i) {
    if (events.KindAt(i) == RoomEventKind::kRescheduled) reschedules.push_back(events[i]);
  }
  if (reschedules.empty()) return copies;
  copies.looked_at = true;

  std::map<uint64_t, Sayings> said;                        // by occurrence
  std::map<uint64_t, Sayings> copied;                      // by reschedule
  std::map<uint64_t, std::set<uint64_t>> copies_lie_with;  // occurrences, by reschedule
  for (const auto& [number, outcome] : outcomes) {
    concerned.insert(number);
    for (const FreshEvent* fresh : outcome.fresh) {
      for (const PendingValue& pending : fresh->values) {
        if (IsSaid(pending.category, *pending.value)) said[number].push_back({pending.category, *pending.value});
      }
    }
  }
  for (const CutEvent& event : reschedules) concerned.insert(event.occurrence);
  for (const uint64_t number : concerned) {
    const auto known = room.meetings.find(number);
    if (known == room.meetings.end() || !known->second.stored || known->second.fixed) continue;
    const Meeting& meeting = known->second;
    for (const CategoryNumber category : kSaid) {
      const DueDay day = meeting.locator.days[category];
      if (day == DueDay::None() || day <= change.last_due()) continue;
      const auto visit = [&](const FiledKey&, std::string_view, const std::string& row) -> RowOutcome {
        stored::v1::ValueChunk chunk;
        if (!UnpackValues(row, chunk)) return RowOutcome::Malformed();
        for (const stored::v1::Value& value : chunk.values()) {
          if (!IsSaid(category, value)) continue;
          if (value.copied()) {
            copied[value.event()].push_back({category, value});
            copies_lie_with[value.event()].insert(number);
            continue;
          }
          const auto moved = changes.moved.find(value.event());
          said[moved == changes.moved.end() ? number : moved->second].push_back({category, value});
        }
        return absl::OkStatus();
      };
      // What is restricted is stored, and used for nothing else.
      absl::Status status = VisitOpenedRows(holdings_.store, holdings_.vault,
                                            FiledPrefix(day, category, room.pbx, meeting.id), Opener::kReader, visit);
      if (!status.ok()) return status;
    }
  }

  // Of whose values of a category nothing can be held any more, though they are cut still: what was copied stays.
  const auto is_over = [&](uint64_t number, CategoryNumber category) {
    const OccurrenceFacts facts = room.FactsOf(number);
    return !facts.deleted && FileMeeting(facts, holdings_.policy(), change.now()).days[category] <= change.last_due();
  };

  // In order of time, so that what a plan holds by copying is known before it is copied on.
  for (const CutEvent& event : reschedules) {
    const uint64_t number = event.occurrence;
    const uint64_t id = event.event.id;
    const bool plans_anew = room.cut.PlannedAnewBy(number) == id;
    const std::vector<uint64_t> followed = plans_anew ? room.cut.FollowedBy(number) : std::vector<uint64_t>();
    Sayings wanted;
    if (plans_anew && followed.empty() && MayBeFixed(room, event.event, change.now()) &&
        !IsSourceDeleted(touched, event.event)) {
      wanted = copied[id];
    } else {
      std::map<std::pair<CategoryNumber, std::string>, const Saying*> latest;  // by whom it is said of
      for (const uint64_t former : followed) {
        if (room.FactsOf(former).deleted) continue;
        for (const Saying& saying : said[former]) {
          if (saying.value.time_us() > event.event.time_us || IsTakenBack(room, former, saying.category, saying.value))
            continue;
          const Saying*& counts = latest[{saying.category, saying.value.participant_id()}];
          if (counts == nullptr || IsBefore(*counts, saying)) counts = &saying;
        }
      }
      for (const Saying& saying : copied[id]) {
        const bool is_known = std::none_of(followed.begin(), followed.end(),
                                           [&](uint64_t former) { return is_over(former, saying.category); });
        if (is_known || IsTakenBack(room, number, saying.category, saying.value)) continue;
        latest.try_emplace({saying.category, saying.value.participant_id()}, &saying);
      }
      for (const auto& [of, saying] : latest) {
        Saying copy = *saying;
        copy.value.set_event(id);
        copy.value.set_time_us(event.event.time_us);
        copy.value.set_copied(true);
        if (!IsTakenBack(room, number, copy.category, copy.value)) wanted.push_back(std::move(copy));
      }
    }
    for (const Saying& saying : wanted) said[number].push_back(saying);
    if (AreSame(wanted, copied[id])) {
      copies.standing.insert(id);
      continue;
    }
    copies.outdated_in.insert(copies_lie_with[id].begin(), copies_lie_with[id].end());
    for (const uint64_t lies_with : copies_lie_with[id]) OutcomeOf(lies_with, room, outcomes, change);
    for (Saying& saying : wanted) {
      auto* value = google::protobuf::Arena::CreateMessage<stored::v1::Value>(touched.arena());
      *value = std::move(saying.value);
      OutcomeOf(number, room, outcomes, change).copied.push_back({.category = saying.category, .value = value});
    }
  }
  return copies;
}

}  // namespace retention
