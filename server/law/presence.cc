#include "server/law/presence.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/law/attendance.h"
#include "server/law/occurrences.h"
#include "server/law/room_cut.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

// Which participants are one person.
class Persons {
 public:
  void Add(Word participant, const std::vector<Word>& same) {
    Find(participant);
    for (const Word mark : same) {
      const auto [it, inserted] = first_with_.try_emplace(mark, participant);
      if (!inserted) parent_[Find(participant)] = Find(it->second);
    }
  }
  Word Find(Word participant) {
    Word root = parent_.try_emplace(participant, participant).first->second;
    while (parent_.at(root) != root) root = parent_.at(root);
    parent_[participant] = root;
    return root;
  }

 private:
  absl::flat_hash_map<Word, Word> parent_;
  absl::flat_hash_map<Word, Word> first_with_;
};

// What a participant's first join says, and who is one person.
class Joins {
 public:
  explicit Joins(const Course& course, PresenceOf of) : of_(of) {
    for (const CourseEvent& event : course.events()) {
      if (!Enters(event.kind)) continue;
      const uint64_t fingerprint = course.RoomEventOf(event).participant;
      first_.try_emplace(fingerprint, &event);
      if (of == PresenceOf::kPersons) persons_.Add(event.participant, event.same);
    }
    // Who was there before the occurrence began leaves it without a join.
    for (const CourseEvent& event : course.events()) {
      if (event.kind != Entry::KIND_LEFT) continue;
      const auto [first, is_new] = first_.try_emplace(course.RoomEventOf(event).participant, &event);
      if (is_new && of == PresenceOf::kPersons) persons_.Add(event.participant, {});
    }
  }
  uint64_t PersonOf(uint64_t participant) {
    if (of_ == PresenceOf::kParticipants) return participant;
    return persons_.Find(first_.at(participant)->participant);
  }
  const std::map<uint64_t, const CourseEvent*>& first() const { return first_; }

 private:
  PresenceOf of_;
  std::map<uint64_t, const CourseEvent*> first_;  // by the participant's fingerprint
  Persons persons_;
};

// A walk over the events of a course by themselves.
struct Walked {
  Walked(const Course& course, const CutHistory& rules, std::vector<FormerSitting> before)
      : walk(rules, std::move(before)) {
    course.ForEach([&](const CourseEvent& event) {
      const RoomEvent room_event = course.RoomEventOf(event);
      const CutPlace place = walk.Step(room_event);
      if (place.of != CutPlace::Of::kSitting || !place.counts) return;
      const auto [attendance, begins] = attendances.try_emplace(place.index);
      const Sitting& sitting = walk.sittings()[place.index];
      if (begins) attendance->second.Begin(sitting.carried, sitting.start_us);
      attendance->second.Step(room_event);
    });
  }

  RoomWalk walk;
  std::map<size_t, Attendance> attendances;  // by sitting
};

std::vector<Presence> PresencesIn(const Course& course, const Walked& walked, PresenceOf of) {
  Joins joins(course, of);
  std::map<uint64_t, Presence> persons;
  std::map<uint64_t, std::vector<Interval>> connections;  // in all sittings: two of them can be at once
  for (const auto& [sitting, attendance] : walked.attendances) {
    for (const PersonAttendance& line : attendance.Lines([&](uint64_t id) { return joins.PersonOf(id); })) {
      const auto [it, inserted] = persons.try_emplace(line.person);
      Presence& person = it->second;
      if (inserted || line.first_join_us < person.first_join_us) person.first_join_us = line.first_join_us;
      std::vector<Interval>& all = connections[line.person];
      all.insert(all.end(), line.connections.begin(), line.connections.end());
      person.reconnections += line.reconnections + (inserted ? 0 : 1);
      person.presumed |= line.presumed;
      person.present |= line.present && !walked.walk.sittings()[sitting].emptied_us.has_value();
    }
  }
  for (auto& [id, person] : persons) person.total_us = LengthOfUnion(std::move(connections[id]));
  std::vector<std::pair<const CourseEvent*, uint64_t>> in_order;
  for (const auto& [participant, first] : joins.first()) in_order.emplace_back(first, participant);
  std::sort(in_order.begin(), in_order.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.first->time_us, a.first->event) < std::make_pair(b.first->time_us, b.first->event);
  });
  std::vector<uint64_t> order;
  for (const auto& [first, participant] : in_order) {
    const uint64_t key = joins.PersonOf(participant);
    const auto it = persons.find(key);
    if (it == persons.end()) continue;
    Presence& person = it->second;
    if (person.participants.empty()) {
      person.first_join = first->event;
      order.push_back(key);
    }
    person.participants.push_back(first->participant);
  }
  std::vector<Presence> sorted;
  sorted.reserve(order.size());
  for (const uint64_t key : order) sorted.push_back(std::move(persons.at(key)));
  return sorted;
}

}  // namespace

std::vector<Presence> FoldPresence(const Course& course, PresenceOf of, const CutHistory& rules,
                                   std::vector<FormerSitting> before) {
  return PresencesIn(course, Walked(course, rules, std::move(before)), of);
}

Presences FoldPresence(const Course& course, const CutHistory& rules, std::vector<FormerSitting> before) {
  const Walked walked(course, rules, std::move(before));
  return {.participants = PresencesIn(course, walked, PresenceOf::kParticipants),
          .persons = PresencesIn(course, walked, PresenceOf::kPersons)};
}

OccurrenceFacts FactsOf(const Course& course, const CutHistory& rules) {
  RoomCut cut(rules);
  course.ForEach([&](const CourseEvent& event) { cut.Add(course.RoomEventOf(event), 0); });
  cut.Settle();
  uint32_t organizer = 0;
  return cut.occurrences().empty() ? OccurrenceFacts() : cut.FactsOfAll(organizer);
}

}  // namespace retention
