// The course of a meeting: the set of its events, as HISTORY rows hold them.
//
// Everything the engine knows about a meeting is a fold over this set in order of time (room_cut.h, presence.h). So
// duplicates, disorder and late arrival change nothing, and a state lost in a crash is read back from the rows.
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
#include "absl/functional/function_ref.h"
#include "retention/stored/v1/course.pb.h"
#include "server/law/room_event.h"
#include "storage/due_day.h"

namespace retention {

using CourseKind = stored::v1::CourseEntry::Kind;
// A word of the course's dictionary, counted from 1; 0 is "none".
using Word = uint32_t;
// A keyed hash of a person, under the key of the cohort of the day on which they joined; of who joined after its
// release, under the ring's hash key.
using PersonToken = std::array<uint8_t, 16>;

// A plan, as an event says.
struct MeetingPlan {
  int64_t start_us = 0;  // 0: none
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
  uint32_t rtt_ms = 0;
  uint32_t loss_ppm = 0;
  uint32_t jitter_ms = 0;
  uint32_t cause = 0;
  bool with_recordings = false;
  uint64_t connection = 0;
  uint64_t sitting = 0;
  MeetingPlan plan;
  std::vector<Word> same;  // what tells that participants are one person
  std::optional<PersonToken> person;
  // All cohorts up to that of this day had been released when it was committed.
  DueDay released_through;
};

// A sample of quality, of which a course can have a million.
struct CourseSample {
  uint64_t event = 0;
  int64_t time_us = 0;
  uint64_t connection = 0;
  uint64_t sitting = 0;
  Word participant = 0;
  uint32_t rtt_ms = 0;
  uint32_t loss_ppm = 0;
  uint32_t jitter_ms = 0;
  DueDay released_through;
};

// How many events a row holds.
uint32_t EventsIn(const stored::v1::CourseChunk& chunk);
// The id of its meeting, as the portal gave it; empty if the row does not say.
std::string_view MeetingIdIn(const stored::v1::CourseChunk& chunk);

// Of a participant, by the name that history gives them: RoomEvent.participant.
uint64_t ParticipantFingerprint(std::string_view name);

// Whether it opens a connection.
bool Enters(CourseKind kind);
// Whether an event is of presence, and not of a plan: what "collection" means.
bool IsOfPresence(CourseKind kind);

// Not thread-safe, not even what is const: the first look at its events puts them in order.
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

  size_t size() const { return events_.size() + samples_.size(); }
  // All but samples of quality, in the order of the walk. The rows that they come from are in none: they are sorted
  // once, however many there are.
  const std::vector<CourseEvent>& events() const;
  // All, in that order.
  void ForEach(absl::FunctionRef<void(const CourseEvent& event)> visit) const;

  // Adds the events of a stored row. False if it is malformed.
  bool AddChunk(const stored::v1::CourseChunk& chunk);
  // Puts `events`, of the meeting with this id, into a row, which is empty before. REQUIRES: they were committed
  // together.
  void PutInto(stored::v1::CourseChunk& chunk, const std::vector<CourseEvent>& events,
               std::string_view meeting_id) const;
  stored::v1::CourseChunk ChunkOf(const std::vector<CourseEvent>& events, std::string_view meeting_id) const {
    stored::v1::CourseChunk chunk;
    PutInto(chunk, events, meeting_id);
    return chunk;
  }

  // What the cut looks at of one of its events. Without the organiser.
  RoomEvent RoomEventOf(const CourseEvent& event) const;

 private:
  bool AddSamples(const stored::v1::CourseSamples& samples, DueDay released_through, const std::vector<Word>& words);

  std::vector<std::string> words_;
  absl::flat_hash_map<std::string, Word> word_index_;  // where there are many
  absl::flat_hash_set<uint64_t> seen_;
  mutable std::vector<CourseEvent> events_;
  mutable bool in_order_ = true;
  mutable std::vector<CourseSample> samples_;
  mutable bool samples_in_order_ = true;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_COURSE_H_
