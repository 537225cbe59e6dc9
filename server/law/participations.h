// The participations of an occurrence, as cohorts count them: each follows from its owner's events alone.
//
// A participation is a stay of one participant in the room, cut as a sitting of theirs would be in which nobody else
// was (occurrences.h): by their own absence, and by the end of the meeting, which is nobody's. So no event of somebody
// else moves, joins or divides it. Who never left is counted to their own last sign of life.
#ifndef RETENTION_SERVER_LAW_PARTICIPATIONS_H_
#define RETENTION_SERVER_LAW_PARTICIPATIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/law/course.h"
#include "server/law/cut_rules.h"
#include "storage/due_day.h"

namespace retention {

// The stays of one participant that began on one day.
struct OwnPresence {
  DueDay cohort;  // that day
  int64_t first_join_us = 0;
  int64_t total_us = 0;        // the union of all their connections
  uint32_t reconnections = 0;  // joins and reconnects less one
  Word client = 0;             // of the first join
  Word site = 0;
  // Of their first join on that day that was known before the release of the cohort; else of the first that names them.
  // Nothing of who only reconnected.
  std::optional<PersonToken> person;
  bool in_time = false;  // `person` was hashed for the cohort
  bool late = false;     // some of it came after the release
};

struct Participations {
  std::vector<OwnPresence> all;
  size_t participants = 0;  // who came
};
// A reconnect begins no stay where there was one before: it goes on with that.
Participations FoldParticipations(const Course& course, const CutHistory& rules, const absl::TimeZone& zone);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_PARTICIPATIONS_H_
