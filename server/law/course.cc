#include "server/law/course.h"

#include <xxhash.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "server/base/wrapping.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;

// So many words are found without an index as fast as with one.
constexpr size_t kFewWords = 16;

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
    case Entry::KIND_FILE:
      return RoomEventKind::kFile;
    case Entry::KIND_RECORDED:
      return RoomEventKind::kRecorded;
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

bool Before(const CourseSample& a, const CourseSample& b) {
  return std::tie(a.time_us, a.event) < std::tie(b.time_us, b.event);
}

CourseEvent EventOf(const CourseSample& sample) {
  CourseEvent event{.event = sample.event, .time_us = sample.time_us, .kind = Entry::KIND_QUALITY};
  event.participant = sample.participant;
  event.rtt_ms = sample.rtt_ms;
  event.loss_ppm = sample.loss_ppm;
  event.jitter_ms = sample.jitter_ms;
  event.connection = sample.connection;
  event.sitting = sample.sitting;
  event.released_through = sample.released_through;
  return event;
}

// Writes samples of a row.
class SampleWriter {
 public:
  explicit SampleWriter(stored::v1::CourseSamples& samples) : samples_(samples) {}

  void Add(const CourseEvent& event, uint32_t participant) {
    samples_.add_event(event.event);
    samples_.add_time_us(WrappingDifference(event.time_us, std::exchange(last_us_, event.time_us)));
    samples_.add_participant(participant);
    samples_.add_rtt_ms(event.rtt_ms);
    samples_.add_loss_ppm(event.loss_ppm);
    samples_.add_jitter_ms(event.jitter_ms);
    samples_.add_connection(NameOf(event.connection));
    samples_.add_sitting(NameOf(event.sitting));
  }
  void Finish() {
    if (!names_.empty()) return;
    samples_.clear_connection();
    samples_.clear_sitting();
  }

 private:
  uint32_t NameOf(uint64_t name) {
    if (name == 0) return 0;
    const auto [it, is_new] = names_.try_emplace(name, static_cast<uint32_t>(samples_.names_size() + 1));
    if (is_new) samples_.add_names(name);
    return it->second;
  }

  stored::v1::CourseSamples& samples_;
  int64_t last_us_ = 0;
  absl::flat_hash_map<uint64_t, uint32_t> names_;
};

}  // namespace

uint32_t EventsIn(const stored::v1::CourseChunk& chunk) {
  return static_cast<uint32_t>(chunk.entries_size() + chunk.samples().event_size());
}

std::string_view MeetingIdIn(const stored::v1::CourseChunk& chunk) {
  const uint32_t word = chunk.meeting_id();
  if (word == 0 || word > static_cast<uint32_t>(chunk.words_size())) return {};
  return chunk.words(static_cast<int>(word) - 1);
}

uint64_t ParticipantFingerprint(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

bool Enters(CourseKind kind) { return kind == Entry::KIND_JOINED || kind == Entry::KIND_RECONNECTED; }

bool IsOfPresence(CourseKind kind) {
  return kind == Entry::KIND_STARTED || kind == Entry::KIND_JOINED || kind == Entry::KIND_LEFT ||
         kind == Entry::KIND_RECONNECTED || kind == Entry::KIND_QUALITY || kind == Entry::KIND_ENDED;
}

bool Course::Add(const CourseEvent& event) {
  if (!seen_.insert(event.event).second) return false;
  if (event.kind == Entry::KIND_QUALITY) {
    const CourseSample sample{.event = event.event,
                              .time_us = event.time_us,
                              .connection = event.connection,
                              .sitting = event.sitting,
                              .participant = event.participant,
                              .rtt_ms = event.rtt_ms,
                              .loss_ppm = event.loss_ppm,
                              .jitter_ms = event.jitter_ms,
                              .released_through = event.released_through};
    samples_in_order_ = samples_in_order_ && (samples_.empty() || !Before(sample, samples_.back()));
    samples_.push_back(sample);
    return true;
  }
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

void Course::ForEach(absl::FunctionRef<void(const CourseEvent& event)> visit) const {
  const std::vector<CourseEvent>& others = events();
  if (!samples_in_order_) {
    std::sort(samples_.begin(), samples_.end(),
              [](const CourseSample& a, const CourseSample& b) { return Before(a, b); });
    samples_in_order_ = true;
  }
  auto sample = samples_.begin();
  const auto visit_samples = [&](const CourseEvent* until) {
    for (; sample != samples_.end(); ++sample) {
      const CourseEvent event = EventOf(*sample);
      if (until != nullptr && !Before(event, *until)) return;
      visit(event);
    }
  };
  for (const CourseEvent& event : others) {
    visit_samples(&event);
    visit(event);
  }
  visit_samples(nullptr);
}

Word Course::WordFor(std::string_view text) {
  if (text.empty()) return 0;
  if (words_.size() > kFewWords) {
    const auto [it, inserted] = word_index_.try_emplace(std::string(text), static_cast<Word>(words_.size() + 1));
    if (inserted) words_.emplace_back(text);
    return it->second;
  }
  const auto known = std::find(words_.begin(), words_.end(), text);
  if (known != words_.end()) return static_cast<Word>(known - words_.begin() + 1);
  words_.emplace_back(text);
  if (words_.size() > kFewWords) {
    for (size_t i = 0; i < words_.size(); ++i) word_index_.emplace(words_[i], static_cast<Word>(i + 1));
  }
  return static_cast<Word>(words_.size());
}

const std::string& Course::Text(Word word) const {
  static const std::string& none = *new std::string();
  return word == 0 || word > words_.size() ? none : words_[word - 1];
}

bool Course::AddChunk(const stored::v1::CourseChunk& chunk) {
  std::vector<Word> words = {0};
  for (const std::string& text : chunk.words()) words.push_back(WordFor(text));
  const DueDay released_through = DueDay::FromNumber(chunk.released_through());
  int64_t time_us = 0;
  for (const Entry& entry : chunk.entries()) {
    const Word limit = static_cast<Word>(words.size());
    const auto& plan = entry.plan();
    if (entry.participant() >= limit || entry.client() >= limit || entry.site() >= limit || plan.organizer() >= limit) {
      return false;
    }
    time_us = WrappingSum(time_us, entry.time_us());
    CourseEvent event{.event = entry.event(),
                      .time_us = time_us,
                      .kind = entry.kind(),
                      .participant = words[entry.participant()],
                      .client = words[entry.client()],
                      .site = words[entry.site()],
                      .cause = entry.cause(),
                      .with_recordings = entry.with_recordings(),
                      .connection = entry.connection(),
                      .sitting = entry.sitting(),
                      .plan = {.start_us = plan.start_us(),
                               .end_us = plan.end_us(),
                               .organizer = words[plan.organizer()],
                               .protocolled = plan.protocolled()},
                      .same = {},
                      .person = {},
                      .released_through = released_through};
    for (const uint32_t word : entry.same()) {
      if (word >= limit) return false;
      event.same.push_back(words[word]);
    }
    if (entry.person().size() == sizeof(PersonToken)) {
      event.person.emplace();
      std::copy(entry.person().begin(), entry.person().end(), event.person->begin());
    }
    Add(event);
  }
  return AddSamples(chunk.samples(), released_through, words);
}

bool Course::AddSamples(const stored::v1::CourseSamples& samples, DueDay released_through,
                        const std::vector<Word>& words) {
  const int count = samples.event_size();
  const auto is_whole = [&](const auto& list) { return list.size() == count; };
  const bool any_names = samples.names_size() > 0;
  if (!is_whole(samples.time_us()) || !is_whole(samples.participant()) || !is_whole(samples.rtt_ms()) ||
      !is_whole(samples.loss_ppm()) || !is_whole(samples.jitter_ms()) ||
      (any_names && (!is_whole(samples.connection()) || !is_whole(samples.sitting())))) {
    return false;
  }
  int64_t time_us = 0;
  for (int i = 0; i < count; ++i) {
    time_us = WrappingSum(time_us, samples.time_us(i));
    if (samples.participant(i) >= words.size()) return false;
    CourseEvent event{.event = samples.event(i), .time_us = time_us, .kind = Entry::KIND_QUALITY};
    event.participant = words[samples.participant(i)];
    event.rtt_ms = samples.rtt_ms(i);
    event.loss_ppm = samples.loss_ppm(i);
    event.jitter_ms = samples.jitter_ms(i);
    event.released_through = released_through;
    if (any_names) {
      const auto names = static_cast<uint32_t>(samples.names_size());
      if (samples.connection(i) > names || samples.sitting(i) > names) return false;
      const auto name = [&](uint32_t word) { return word == 0 ? 0 : samples.names(static_cast<int>(word) - 1); };
      event.connection = name(samples.connection(i));
      event.sitting = name(samples.sitting(i));
    }
    Add(event);
  }
  return true;
}

void Course::PutInto(stored::v1::CourseChunk& chunk, const std::vector<CourseEvent>& events,
                     std::string_view meeting_id) const {
  absl::flat_hash_map<Word, Word> local;
  const auto word = [&](Word global) -> Word {
    if (global == 0) return 0;
    const auto [it, inserted] = local.try_emplace(global, static_cast<Word>(chunk.words_size() + 1));
    if (inserted) chunk.add_words(Text(global));
    return it->second;
  };
  if (!meeting_id.empty()) {
    chunk.add_words(meeting_id.data(), meeting_id.size());
    chunk.set_meeting_id(1);
  }
  if (!events.empty()) chunk.set_released_through(events.front().released_through.number());
  std::optional<SampleWriter> samples;
  int64_t before_us = 0;
  for (const CourseEvent& event : events) {
    if (event.kind == Entry::KIND_QUALITY) {
      if (!samples.has_value()) samples.emplace(*chunk.mutable_samples());
      samples->Add(event, word(event.participant));
      continue;
    }
    Entry& entry = *chunk.add_entries();
    entry.set_event(event.event);
    entry.set_time_us(WrappingDifference(event.time_us, std::exchange(before_us, event.time_us)));
    entry.set_kind(event.kind);
    entry.set_participant(word(event.participant));
    entry.set_client(word(event.client));
    entry.set_site(word(event.site));
    entry.set_cause(event.cause);
    entry.set_with_recordings(event.with_recordings);
    entry.set_connection(event.connection);
    entry.set_sitting(event.sitting);
    for (const Word same : event.same) entry.add_same(word(same));
    if (event.plan.start_us != 0 || event.plan.organizer != 0 || event.plan.protocolled) {
      auto& plan = *entry.mutable_plan();
      plan.set_start_us(event.plan.start_us);
      plan.set_end_us(event.plan.end_us);
      plan.set_organizer(word(event.plan.organizer));
      plan.set_protocolled(event.plan.protocolled);
    }
    if (event.person.has_value()) entry.set_person(event.person->data(), event.person->size());
  }
  if (samples.has_value()) samples->Finish();
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
