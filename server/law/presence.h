// Who was in an occurrence, how long, and how often they came back: what its report is made of.
//
// A fold over its own events. What it says never depends on when it is asked.
#ifndef RETENTION_SERVER_LAW_PRESENCE_H_
#define RETENTION_SERVER_LAW_PRESENCE_H_

#include <cstdint>
#include <vector>

#include "server/law/course.h"
#include "server/law/cut_rules.h"
#include "server/law/filing.h"
#include "server/law/occurrences.h"

namespace retention {

// One person, or one participant.
struct Presence {
  std::vector<Word> participants;  // in order of their first join
  int64_t first_join_us = 0;
  uint64_t first_join = 0;     // event
  int64_t total_us = 0;        // the union of all their connections
  uint32_t reconnections = 0;  // joins and reconnects less one: nobody can tell a second device from a refresh
  bool presumed = false;       // nobody said when they left
  bool present = false;        // nobody said yet that they left
};

// By participants, or with those together that are one person: who share a user id or an address, transitively.
enum class PresenceOf : uint8_t { kParticipants, kPersons };

// In the order of the first join. `before`: the sittings before those of the course (BeforeThoseOf). Who went over from
// them was there from the begin on, and has a line if anything is heard of them.
std::vector<Presence> FoldPresence(const Course& course, PresenceOf of, const CutHistory& rules,
                                   std::vector<FormerSitting> before = {});
// Both, by one walk over the course.
struct Presences {
  std::vector<Presence> participants;
  std::vector<Presence> persons;
};
Presences FoldPresence(const Course& course, const CutHistory& rules, std::vector<FormerSitting> before);
// What the events of an occurrence say of it by themselves, where nothing else is left of it. REQUIRES: there are any.
OccurrenceFacts FactsOf(const Course& course, const CutHistory& rules);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_PRESENCE_H_
