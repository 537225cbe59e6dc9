// The participations of an occurrence, as cohorts count them: each follows from its owner's events alone.
//
// A participation is a run of one participant's presence in a room: cut where they come back later than `reopen_within`
// after their own last sign of life, or to a sitting of another name, and by the explicit end of the meeting, which is
// nobody's. It ends with their own leave; who never left, or says nothing for `presumed_end_after`, was there until
// their own last sign of life. None is longer than `longest_sitting`. No event of somebody else moves, joins or divides
// it, where the platform names the sitting in all events of the room, or in none: what has no name is of the
// sitting that is there, and one person of another name changes which that is. An occurrence is cut only where nobody
// was heard of for as long (occurrences.h), so none of these runs goes on in another one.
#ifndef RETENTION_SERVER_LAW_PARTICIPATIONS_H_
#define RETENTION_SERVER_LAW_PARTICIPATIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/law/cohort_days.h"
#include "server/law/course.h"
#include "server/law/cut_rules.h"
#include "storage/due_day.h"

namespace retention {

// Means over the samples of a run.
struct OwnQuality {
  uint32_t rtt_ms = 0, loss_ppm = 0, jitter_ms = 0;
};

// One run, or one failed try to join.
struct OwnPresence {
  DueDay day;                  // on which it began
  CohortDays cohort;           // in which that is
  int64_t begin_us = 0;        //
  int64_t total_us = 0;        // the union of all their connections
  uint32_t reconnections = 0;  // joins and reconnects less one
  uint64_t sitting = 0;        // as the platform names it, by the first that has a name; 0 for none
  uint32_t failure_cause = 0;  // of a failed try; else 0
  Word client = 0;             // of the first event
  Word site = 0;
  std::optional<OwnQuality> quality;
  // Of the first event that names them and was known before the release of the cohort; else of the first at all.
  std::optional<PersonToken> person;
  bool in_time = false;  // `person` was hashed for the cohort
  bool late = false;     // some of it came after the release
};

// In no particular order.
std::vector<OwnPresence> FoldParticipations(const Course& course, const CutHistory& rules,
                                            const ProfileHistory& profiles, const absl::TimeZone& zone);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_PARTICIPATIONS_H_
