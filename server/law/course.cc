#include "server/law/course.h"

#include <algorithm>
#include <tuple>

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

// What comes first among events of one instant: plans before presence, coming before going, ends last.
int RankOf(CourseKind kind) {
  switch (kind) {
    case Entry::KIND_SCHEDULED:
      return 0;
    case Entry::KIND_RESCHEDULED:
      return 1;
    case Entry::KIND_STARTED:
      return 2;
    case Entry::KIND_JOINED:
      return 3;
    case Entry::KIND_RECONNECTED:
      return 4;
    case Entry::KIND_QUALITY:
      return 5;
    case Entry::KIND_LEFT:
      return 6;
    case Entry::KIND_ENDED:
      return 7;
    case Entry::KIND_DELETED:
      return 8;
    default:
      return 9;
  }
}

bool Before(const CourseEvent& a, const CourseEvent& b) {
  return std::make_tuple(a.time_us, RankOf(a.kind), a.event) < std::make_tuple(b.time_us, RankOf(b.kind), b.event);
}

// Who is in the meeting, while the events pass by in order of time.
class CourseAttendance {
 public:
  CourseAttendance(MeetingFacts& facts, size_t words) : facts_(facts), index_(words + 1, -1) {}

  void Join(const CourseEvent& event) {
    ParticipantFacts& participant = Find(event);
    if (!participant.person.has_value()) participant.person = event.person;
    if (participant.present) return;
    participant.present = true;
    participant.last_join_us = event.time_us;
    participant.total_us -= event.time_us;
    ++facts_.present_count;
    ever_present_ = true;
  }
  void Reconnect(const CourseEvent& event) {
    ++Find(event).reconnections;
    Join(event);
  }
  void Leave(const CourseEvent& event) {
    if (event.participant >= index_.size() || index_[event.participant] < 0) return;
    ParticipantFacts& participant = facts_.participants[index_[event.participant]];
    if (!participant.present) return;
    participant.present = false;
    participant.total_us += event.time_us;
    if (--facts_.present_count == 0) emptied_us_ = event.time_us;
  }
  // The earlier of this and the moment the last present participant left.
  int64_t End(int64_t time_us) {
    const int64_t end_us = facts_.present_count == 0 && ever_present_ ? emptied_us_ : time_us;
    CloseAll(time_us);
    for (ParticipantFacts& participant : facts_.participants) participant.present = false;
    facts_.present_count = 0;
    return end_us;
  }
  // Counts open connections up to `time_us` without ending them.
  void CloseAll(int64_t time_us) {
    for (ParticipantFacts& participant : facts_.participants) {
      if (participant.present) participant.total_us += std::max(time_us, participant.last_join_us);
    }
  }
  std::optional<int64_t> Emptied() const {
    if (!ever_present_ || facts_.present_count > 0) return std::nullopt;
    return emptied_us_;
  }

 private:
  ParticipantFacts& Find(const CourseEvent& event) {
    int32_t& index = index_[event.participant];
    if (index < 0) {
      index = static_cast<int32_t>(facts_.participants.size());
      facts_.participants.push_back({.participant = event.participant,
                                     .first_join_us = event.time_us,
                                     .client = event.client,
                                     .site = event.site,
                                     .person = event.person});
    }
    return facts_.participants[index];
  }

  MeetingFacts& facts_;
  std::vector<int32_t> index_;
  bool ever_present_ = false;
  int64_t emptied_us_ = 0;
};

void NotePlan(const CourseEvent& event, MeetingFacts& facts) {
  if (event.kind == Entry::KIND_STARTED) {
    // Who starts a meeting that somebody else has scheduled does not take it over.
    if (!facts.organizer_scheduled && event.plan.organizer != 0) facts.organizer = event.plan.organizer;
    facts.protocolled |= event.plan.protocolled;
    return;
  }
  facts.plan = event.plan;
  if (event.kind == Entry::KIND_SCHEDULED) {
    if (event.plan.organizer != 0) {
      facts.organizer = event.plan.organizer;
      facts.organizer_scheduled = true;
    }
    facts.protocolled = event.plan.protocolled;
    if (!facts.scheduled_on_us.has_value()) facts.scheduled_on_us = event.time_us;
  }
}

}  // namespace

bool BelongsToCourseProper(CourseKind kind) {
  return kind == Entry::KIND_STARTED || kind == Entry::KIND_JOINED || kind == Entry::KIND_LEFT ||
         kind == Entry::KIND_RECONNECTED || kind == Entry::KIND_QUALITY || kind == Entry::KIND_ENDED;
}

bool Course::Add(const CourseEvent& event) {
  if (!seen_.insert(event.event).second) return false;
  if (events_.empty() || !Before(event, events_.back())) {
    events_.push_back(event);
  } else {
    events_.insert(std::upper_bound(events_.begin(), events_.end(), event, Before), event);
  }
  return true;
}

Word Course::WordFor(std::string_view text) {
  if (text.empty()) return 0;
  const auto [it, inserted] = word_index_.try_emplace(std::string(text), static_cast<Word>(words_.size() + 1));
  if (inserted) words_.emplace_back(text);
  return it->second;
}

const std::string& Course::Text(Word word) const {
  static const std::string& none = *new std::string();
  return word == 0 || word > words_.size() ? none : words_[word - 1];
}

bool Course::AddChunk(const stored::v1::CourseChunk& chunk, DueDay cohort_day) {
  std::vector<Word> words = {0};
  for (const std::string& text : chunk.words()) words.push_back(WordFor(text));
  const bool same_cohort = chunk.cohort_day() == cohort_day.number();
  for (const Entry& entry : chunk.entries()) {
    const Word limit = static_cast<Word>(words.size());
    const auto& plan = entry.plan();
    if (entry.participant() >= limit || entry.client() >= limit || entry.site() >= limit || plan.organizer() >= limit ||
        plan.meeting_id() >= limit) {
      return false;
    }
    CourseEvent event{.event = entry.event(),
                      .time_us = entry.time_us(),
                      .kind = entry.kind(),
                      .participant = words[entry.participant()],
                      .client = words[entry.client()],
                      .site = words[entry.site()],
                      .meeting_id = words[plan.meeting_id()],
                      .rtt_ms = entry.rtt_ms(),
                      .loss_ppm = entry.loss_ppm(),
                      .jitter_ms = entry.jitter_ms(),
                      .plan = {.start_us = plan.start_us(),
                               .end_us = plan.end_us(),
                               .organizer = words[plan.organizer()],
                               .protocolled = plan.protocolled()}};
    if (same_cohort && entry.person().size() == sizeof(PersonToken)) {
      event.person.emplace();
      std::copy(entry.person().begin(), entry.person().end(), event.person->begin());
    }
    Add(event);
  }
  return true;
}

stored::v1::CourseChunk Course::ChunkOf(const std::vector<CourseEvent>& events, DueDay cohort_day) const {
  stored::v1::CourseChunk chunk;
  absl::flat_hash_map<Word, Word> local;
  const auto word = [&](Word global) -> Word {
    if (global == 0) return 0;
    const auto [it, inserted] = local.try_emplace(global, static_cast<Word>(chunk.words_size() + 1));
    if (inserted) chunk.add_words(Text(global));
    return it->second;
  };
  for (const CourseEvent& event : events) {
    Entry& entry = *chunk.add_entries();
    entry.set_event(event.event);
    entry.set_time_us(event.time_us);
    entry.set_kind(event.kind);
    entry.set_participant(word(event.participant));
    entry.set_client(word(event.client));
    entry.set_site(word(event.site));
    entry.set_rtt_ms(event.rtt_ms);
    entry.set_loss_ppm(event.loss_ppm);
    entry.set_jitter_ms(event.jitter_ms);
    if (event.meeting_id != 0 || event.plan.start_us != 0 || event.plan.organizer != 0 || event.plan.protocolled) {
      auto& plan = *entry.mutable_plan();
      plan.set_start_us(event.plan.start_us);
      plan.set_end_us(event.plan.end_us);
      plan.set_organizer(word(event.plan.organizer));
      plan.set_protocolled(event.plan.protocolled);
      plan.set_meeting_id(word(event.meeting_id));
    }
    if (event.person.has_value()) {
      entry.set_person(event.person->data(), event.person->size());
      chunk.set_cohort_day(cohort_day.number());
    }
  }
  return chunk;
}

MeetingFacts Course::Fold(absl::Time now) const {
  MeetingFacts facts;
  CourseAttendance attendance(facts, words_.size());
  std::optional<int64_t> explicit_end_us;
  for (const CourseEvent& event : events_) {
    if (event.meeting_id != 0) facts.meeting_id = event.meeting_id;
    if (BelongsToCourseProper(event.kind)) {
      facts.known = true;
      if (!facts.first_course_us.has_value()) facts.first_course_us = event.time_us;
    }
    const bool over = explicit_end_us.has_value();
    switch (event.kind) {
      case Entry::KIND_SCHEDULED:
      case Entry::KIND_RESCHEDULED:
        facts.known = true;
        NotePlan(event, facts);
        break;
      case Entry::KIND_STARTED:
        NotePlan(event, facts);
        if (!facts.start_us.has_value()) facts.start_us = event.time_us;
        break;
      case Entry::KIND_JOINED:
      case Entry::KIND_RECONNECTED:
        if (over) break;
        if (!facts.start_us.has_value()) facts.start_us = event.time_us;
        event.kind == Entry::KIND_JOINED ? attendance.Join(event) : attendance.Reconnect(event);
        break;
      case Entry::KIND_LEFT:
        if (!over) attendance.Leave(event);
        break;
      case Entry::KIND_ENDED:
        if (!over) {
          explicit_end_us = event.time_us;
          facts.end_us = attendance.End(event.time_us);
        }
        break;
      case Entry::KIND_DELETED:
        facts.deleted = true;
        break;
      default:
        break;
    }
  }
  if (!explicit_end_us.has_value()) {
    facts.end_us = attendance.Emptied();
    attendance.CloseAll(absl::ToUnixMicros(now));
  }
  return facts;
}

}  // namespace retention
