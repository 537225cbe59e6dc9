#include "server/law/course.h"

#include <xxhash.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

RoomEventKind RoomKindOf(CourseKind kind) {
  switch (kind) {
    case Entry::KIND_SCHEDULED:
      return RoomEventKind::kScheduled;
    case Entry::KIND_RESCHEDULED:
      return RoomEventKind::kRescheduled;
    case Entry::KIND_STARTED:
      return RoomEventKind::kStarted;
    case Entry::KIND_JOINED:
      return RoomEventKind::kJoined;
    case Entry::KIND_RECONNECTED:
      return RoomEventKind::kReconnected;
    case Entry::KIND_QUALITY:
      return RoomEventKind::kQuality;
    case Entry::KIND_LEFT:
      return RoomEventKind::kLeft;
    case Entry::KIND_ENDED:
      return RoomEventKind::kEnded;
    case Entry::KIND_PLANNED:
      return RoomEventKind::kPlanned;
    case Entry::KIND_UNINVITED:
      return RoomEventKind::kUninvited;
    case Entry::KIND_JOIN_FAILED:
      return RoomEventKind::kJoinFailed;
    case Entry::KIND_DELETED:
      return RoomEventKind::kDeleted;
    default:
      return RoomEventKind::kShared;
  }
}

bool Before(const CourseEvent& a, const CourseEvent& b) {
  return std::make_tuple(a.time_us, RoomKindOf(a.kind), a.event) <
         std::make_tuple(b.time_us, RoomKindOf(b.kind), b.event);
}

}  // namespace

uint64_t ParticipantFingerprint(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

bool IsOfPresence(CourseKind kind) {
  return kind == Entry::KIND_STARTED || kind == Entry::KIND_JOINED || kind == Entry::KIND_LEFT ||
         kind == Entry::KIND_RECONNECTED || kind == Entry::KIND_QUALITY || kind == Entry::KIND_ENDED;
}

bool Course::Add(const CourseEvent& event) {
  if (!seen_.insert(event.event).second) return false;
  in_order_ = in_order_ && (events_.empty() || !Before(event, events_.back()));
  events_.push_back(event);
  return true;
}

const std::vector<CourseEvent>& Course::events() const {
  if (in_order_) return events_;
  // An event is moved once, not at every comparison.
  std::vector<size_t> order(events_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) { return Before(events_[a], events_[b]); });
  std::vector<CourseEvent> sorted;
  sorted.reserve(events_.size());
  for (const size_t at : order) sorted.push_back(std::move(events_[at]));
  events_ = std::move(sorted);
  in_order_ = true;
  return events_;
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
                      .cause = entry.cause(),
                      .with_recordings = entry.with_recordings(),
                      .connection = entry.connection(),
                      .sitting = entry.sitting(),
                      .plan = {.start_us = plan.start_us(),
                               .end_us = plan.end_us(),
                               .organizer = words[plan.organizer()],
                               .protocolled = plan.protocolled()},
                      .same = {},
                      .person = {}};
    for (const uint32_t word : entry.same()) {
      if (word >= limit) return false;
      event.same.push_back(words[word]);
    }
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
    entry.set_cause(event.cause);
    entry.set_with_recordings(event.with_recordings);
    entry.set_connection(event.connection);
    entry.set_sitting(event.sitting);
    for (const Word same : event.same) entry.add_same(word(same));
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

RoomEvent Course::RoomEventOf(const CourseEvent& event) const {
  return {.id = event.event,
          .time_us = event.time_us,
          .kind = RoomKindOf(event.kind),
          .protocolled = event.plan.protocolled,
          .with_recordings = event.with_recordings,
          .participant = ParticipantFingerprint(Text(event.participant)),
          .connection = event.connection,
          .sitting = event.sitting,
          .planned_start_us = event.plan.start_us,
          .planned_end_us = event.plan.end_us};
}

}  // namespace retention
