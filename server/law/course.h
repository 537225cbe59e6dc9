// The course of a meeting: the set of its events, and the facts that follow from them.
//
// Everything the engine knows about a meeting is a fold over this set in order of time. So duplicates, disorder and
// late arrival change nothing, and a state lost in a crash is read back from the HISTORY rows.
#ifndef RETENTION_SERVER_LAW_COURSE_H_
#define RETENTION_SERVER_LAW_COURSE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/due_day.h"

namespace retention {

using CourseKind = stored::v1::CourseEntry::Kind;
// A word of the course's dictionary, counted from 1; 0 is "none".
using Word = uint32_t;
// A keyed hash of a person, under their cohort's key.
using PersonToken = std::array<uint8_t, 16>;

// A meeting's plan.
struct MeetingPlan {
  int64_t start_us = 0;  // 0: not planned (quick meeting)
  int64_t end_us = 0;
  Word organizer = 0;
  bool protocolled = false;
};

// One event of the course.
struct CourseEvent {
  uint64_t event = 0;  // fingerprint of the event id
  int64_t time_us = 0;
  CourseKind kind = stored::v1::CourseEntry::KIND_UNSPECIFIED;
  Word participant = 0;
  Word client = 0;
  Word site = 0;
  Word meeting_id = 0;
  uint32_t rtt_ms = 0;
  uint32_t loss_ppm = 0;
  uint32_t jitter_ms = 0;
  MeetingPlan plan;
  std::optional<PersonToken> person;
};

// What follows from a course for one participant.
struct ParticipantFacts {
  Word participant = 0;
  int64_t first_join_us = 0;
  int64_t last_join_us = 0;
  int64_t total_us = 0;  // as far as known; a connection that is still open counts to the meeting's end or `now`
  uint32_t reconnections = 0;
  bool present = false;
  Word client = 0;  // of the first join
  Word site = 0;
  std::optional<PersonToken> person;
};

// What follows from a course.
struct MeetingFacts {
  bool known = false;  // has a plan or has begun
  bool deleted = false;
  std::optional<MeetingPlan> plan;         // the latest; also a quick meeting's organiser and protocol announcement
  std::optional<int64_t> scheduled_on_us;  // first time it was scheduled
  std::optional<int64_t> first_course_us;  // first event of the course proper: what "collection" starts with
  std::optional<int64_t> start_us;
  std::optional<int64_t> end_us;  // known end: reported, or the last present participant left
  Word meeting_id = 0;
  Word organizer = 0;  // who scheduled it; who started it, if nobody is known to have scheduled it
  bool organizer_scheduled = false;
  bool protocolled = false;
  uint32_t present_count = 0;
  std::vector<ParticipantFacts> participants;  // in order of first join
};

// Whether an event belongs to the course proper, and not to its plan: what "collection" means.
bool BelongsToCourseProper(CourseKind kind);

// Not thread-safe.
class Course {
 public:
  // True if an event with this fingerprint is part of the course.
  bool Contains(uint64_t event) const { return seen_.contains(event); }
  // Adds an event; false if it was there. The words in it are this course's.
  bool Add(const CourseEvent& event);
  // The word for `text`; 0 for empty text.
  Word WordFor(std::string_view text);
  // The text of a word; empty for 0.
  const std::string& Text(Word word) const;

  size_t size() const { return events_.size(); }
  // In order of time.
  const std::vector<CourseEvent>& events() const { return events_; }

  // Adds the events of a stored row. False if it is malformed. A chunk whose persons were hashed for another cohort
  // than `cohort_day` gives its events without persons.
  bool AddChunk(const stored::v1::CourseChunk& chunk, DueDay cohort_day);
  // The row that stores `events`. Persons are marked as hashed for `cohort_day`.
  stored::v1::CourseChunk ChunkOf(const std::vector<CourseEvent>& events, DueDay cohort_day) const;

  // The facts. An open connection counts to the known end, else to `now`.
  MeetingFacts Fold(absl::Time now) const;

 private:
  std::vector<std::string> words_;
  absl::flat_hash_map<std::string, Word> word_index_;
  absl::flat_hash_set<uint64_t> seen_;
  std::vector<CourseEvent> events_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_COURSE_H_
