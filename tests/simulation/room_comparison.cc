#include "tests/simulation/room_comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/recording/event_intake.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_values.h"
#include "tests/simulation/room_walk.h"

namespace retention::simulation {
namespace {

// Orders go out so long before the day of what they are for is over.
constexpr absl::Duration kOrderedBefore = absl::Hours(1);

std::string Text(absl::CivilDay day) { return absl::FormatCivilTime(day); }

std::string Text(const SeenValue& value) {
  return absl::StrCat(v1::DataCategory_Name(value.category), " ", value.participant, " ", value.text);
}

// What a plan was given over from the one before it is not compared but by its day: how much there was then depends on
// what had come.
bool IsCopied(const OccurrenceModel& of) { return of.plan.has_value() && of.plan->copied; }

// Whether its sittings are the same, and the same people's, if the rest of the room is not looked at: reports and
// statistics read no more.
bool IsCutAlikeAlone(const OccurrenceModel& of) {
  // Reports know who was there when it began.
  if (of.sittings.size() == 1 && of.sittings.front().carried) return true;
  RoomModel alone(of.cuts);
  for (const v1::Event& event : of.events) alone.Add(event);
  std::vector<SittingModel> sittings;
  for (const OccurrenceModel& part : alone.Occurrences()) {
    sittings.insert(sittings.end(), part.sittings.begin(), part.sittings.end());
  }
  const auto are_one = [](const v1::Event& a, const v1::Event& b) { return a.event_id() == b.event_id(); };
  return std::equal(sittings.begin(), sittings.end(), of.sittings.begin(), of.sittings.end(),
                    [&](const SittingModel& a, const SittingModel& b) {
                      return a.start_us == b.start_us && !b.carried &&
                             std::equal(a.events.begin(), a.events.end(), b.events.begin(), b.events.end(), are_one);
                    });
}

class RowsCheck {
 public:
  RowsCheck(const RoomModel& model, const SeenRoom& seen, const std::multiset<std::string>& ordered,
            const PolicyModel& policy, absl::Time now, const RoomScope& scope)
      : model_(model), left_(seen), ordered_(ordered), policy_(policy), now_(now), scope_(scope) {
    const auto waits = [&](const auto& entry) { return WaitsForSweep(entry.second.day); };
    std::erase_if(left_.history, waits);
    std::erase_if(left_.values, waits);
  }

  void Run() {
    std::set<std::string> occurrences;
    for (const OccurrenceModel& of : model_.Occurrences()) {
      const std::string occurrence = OccurrenceOf(of, left_);
      if (!IsHistoryDue(of, policy_, now_)) {
        EXPECT_NE(occurrence, "") << "history is missing of\n" << TextOf(of);
        EXPECT_TRUE(occurrences.insert(occurrence).second) << "two are one occurrence: " << occurrence;
      }
      CheckHistory(of, occurrence);
      CheckValues(of, occurrence);
    }
    for (const auto& [event, place] : left_.history) ADD_FAILURE() << "history of no event, due " << Text(place.day);
    for (const auto& [value, place] : left_.values) {
      std::string brought;
      for (const auto& [id, event] : model_.events()) {
        if (FingerprintOf(id) == value.event) brought = event.ShortDebugString();
      }
      ADD_FAILURE() << Text(value) << " must not be held, with " << place.occurrence << " until " << Text(place.day)
                    << ", of " << brought;
    }
  }

 private:
  // Whether a day is over, and no sweep has come by.
  bool WaitsForSweep(absl::CivilDay day) const {
    return day != absl::CivilDay::max() && now_ >= DueAfter(day) && DueAfter(day) > scope_.swept;
  }
  // Where something lies until its meeting is looked at again, which runs on after the day of its likely end.
  absl::CivilDay DayWhenSwept(v1::DataCategory category, const OccurrenceModel& of) const {
    return LastDayOf(category, of, policy_, std::min(now_, scope_.swept));
  }

  void CheckHistory(const OccurrenceModel& of, const std::string& occurrence) {
    const absl::CivilDay due = LastDayOf(v1::DATA_CATEGORY_HISTORY, of, policy_, now_);
    for (const v1::Event& event : of.events) {
      const auto found = left_.history.find(FingerprintOf(event.event_id()));
      EXPECT_EQ(found != left_.history.end(), now_ < DueAfter(due)) << "history of " << event.ShortDebugString();
      if (found == left_.history.end()) continue;
      EXPECT_EQ(found->second.occurrence, occurrence)
          << event.ShortDebugString() << "\nis not with the rest of its occurrence:\n"
          << TextOf(of);
      EXPECT_EQ(Text(found->second.day), Text(due)) << "due day of " << event.ShortDebugString() << "\nof\n"
                                                    << TextOf(of);
      left_.history.erase(found);
    }
  }

  void CheckValues(const OccurrenceModel& of, const std::string& occurrence) {
    for (const RoomValue& value : ValuesOf(of, policy_, now_)) {
      const bool gone = value.due != absl::CivilDay::max() && now_ >= DueAfter(value.due);
      bool deleted = of.deleted;
      if (value.what.category == v1::DATA_CATEGORY_PDF_SHARE) deleted = model_.IsDeletedAfter(value.time_us);
      if (value.what.category == v1::DATA_CATEGORY_RECORDING) deleted = model_.IsDeletedByOperator(value.time_us);
      deleted |= scope_.deleted.contains(value.what.text);
      CheckValue(value, !gone && !deleted && !value.ended, of, occurrence);
    }
    // What was given over.
    for (auto it = left_.values.begin(); it != left_.values.end();) {
      const bool given = IsCopied(of) && std::any_of(of.events.begin(), of.events.end(), [&](const v1::Event& event) {
                           return event.has_meeting_rescheduled() && FingerprintOf(event.event_id()) == it->first.event;
                         });
      if (!given) {
        ++it;
        continue;
      }
      EXPECT_EQ(it->second.occurrence, occurrence);
      ExpectLies(it->second.day, LastDayOf(it->first.category, of, policy_, now_), it->first, of);
      it = left_.values.erase(it);
    }
  }

  void CheckValue(const RoomValue& value, bool lives, const OccurrenceModel& of, const std::string& occurrence) {
    const bool is_object = value.what.category == v1::DATA_CATEGORY_FILE_SHARE ||
                           value.what.category == v1::DATA_CATEGORY_PDF_SHARE ||
                           value.what.category == v1::DATA_CATEGORY_RECORDING;
    const auto found = left_.values.find(value.what);
    const bool held = found != left_.values.end();
    const bool waits = value.ended && value.ends > scope_.swept;
    if (is_object && held && !lives && waits) {
      left_.values.erase(found);
      return;
    }
    // In the hour before its day is over, or until it is swept.
    const bool may_be_ordered = value.due != absl::CivilDay::max() && now_ >= DueAfter(value.due) - kOrderedBefore &&
                                DueAfter(value.due) > scope_.swept;
    if (is_object) {
      const size_t orders = ordered_.count(value.what.text);
      const size_t expected = held ? 0 : 1;
      EXPECT_TRUE(orders == expected || (may_be_ordered && orders <= 1))
          << orders << " orders of " << Text(value.what) << "\n"
          << TextOf(of);
      const bool may_have_ended = value.what.category == v1::DATA_CATEGORY_FILE_SHARE && !scope_.in_order;
      if (lives && may_have_ended && !held) return;
    }
    if (lives && !held && !scope_.in_order && MayHaveBeenTakenBack(value)) return;
    // Chat that came first, and seemed to be of a meeting that is protocolled.
    const bool is_chat = value.what.category == v1::DATA_CATEGORY_CHAT_PROTOCOL;
    if (lives && !held && !scope_.in_order && is_chat && !of.ProtocolledAt(value.time_us)) return;
    EXPECT_EQ(held, lives) << Text(value.what) << " due " << Text(value.due) << " of\n" << TextOf(of);
    if (!held) return;
    ExpectLies(found->second.day, value.due, value.what, of);
    const bool of_room = value.what.category == v1::DATA_CATEGORY_PDF_SHARE;
    if (!of_room && !occurrence.empty()) {
      EXPECT_EQ(found->second.occurrence, occurrence) << Text(value.what);
    }
    left_.values.erase(found);
  }

  void ExpectLies(absl::CivilDay day, absl::CivilDay due, const SeenValue& what, const OccurrenceModel& of) const {
    const bool by_meeting = what.category != v1::DATA_CATEGORY_FILE_SHARE &&
                            what.category != v1::DATA_CATEGORY_PDF_SHARE &&
                            what.category != v1::DATA_CATEGORY_RECORDING;
    if (by_meeting && day == DayWhenSwept(what.category, of)) return;
    EXPECT_EQ(Text(day), Text(due)) << Text(what) << " of\n" << TextOf(of);
  }

  // Of a plan that was sent again, or an invitation that was withdrawn, by all that was known then, what it said went
  // at once: nothing brings it back.
  bool MayHaveBeenTakenBack(const RoomValue& value) const {
    bool of_plan = false;
    bool of_invitation = false;
    for (const auto& [id, event] : model_.events()) {
      if (FingerprintOf(id) != value.what.event) continue;
      of_plan = event.has_meeting_scheduled();
      of_invitation = event.has_participant_invited();
    }
    return std::any_of(model_.events().begin(), model_.events().end(), [&](const auto& entry) {
      const v1::Event& event = entry.second;
      if (Us(event.time()) < value.time_us || FingerprintOf(entry.first) == value.what.event) return false;
      const bool withdrawn =
          event.has_participant_uninvited() && event.participant_uninvited().participant_id() == value.what.participant;
      return (of_plan && event.has_meeting_scheduled()) || ((of_plan || of_invitation) && withdrawn);
    });
  }

  const RoomModel& model_;
  SeenRoom left_;  // that nothing was said about
  const std::multiset<std::string>& ordered_;
  const PolicyModel& policy_;
  const absl::Time now_;
  const RoomScope& scope_;
};

// One occurrence, as readers see it.
class ReadsCheck {
 public:
  ReadsCheck(TestEngine& engine, absl::Time now, const std::string& meeting_id, const std::string& occurrence,
             const RoomModel& model, const OccurrenceModel& of, const SeenRoom& seen)
      : reader_(engine), now_(now), meeting_id_(meeting_id), occurrence_(occurrence), model_(model), of_(of) {
    std::map<uint64_t, int64_t> time_us;
    for (const v1::Event& event : of.events) time_us[FingerprintOf(event.event_id())] = Us(event.time());
    for (const auto& [value, place] : seen.values) {
      if (value.category == v1::DATA_CATEGORY_PDF_SHARE) pdfs_.insert(value.text);
      if (place.occurrence != occurrence || place.day == absl::CivilDay::max() || now_ >= DueAfter(place.day)) continue;
      values_.push_back({.what = value, .due = place.day, .time_us = time_us.at(value.event)});
    }
  }

  void Run() const {
    SCOPED_TRACE(absl::StrCat(meeting_id_, "\n", TextOf(of_)));
    const auto found = reader_.GetMeeting(Request<v1::GetMeetingRequest>(), now_);
    ASSERT_TRUE(found.ok()) << found.status();
    CheckFacts(found->meeting());
    CheckContent(found->meeting());
    CheckParticipants();
    const auto report = reader_.GetMeetingReport(Request<v1::GetMeetingReportRequest>(), now_);
    // Of a meeting to which nobody came there is none.
    if (of_.sittings.empty()) {
      EXPECT_TRUE(absl::IsNotFound(report.status()));
      return;
    }
    ASSERT_TRUE(report.ok()) << report.status();
    CheckReport(report->report());
  }

 private:
  template <typename T>
  T Request() const {
    T request;
    request.set_pbx_id("pbx");
    request.set_meeting_id(meeting_id_);
    request.set_occurrence(occurrence_);
    return request;
  }

  // The latest text of a category, nothing where two are of one instant.
  std::optional<std::string> Latest(v1::DataCategory category, const std::string& participant) const {
    std::string text;
    int64_t latest_us = 0;
    bool tied = false;
    for (const RoomValue& value : values_) {
      if (value.what.category != category || value.what.participant != participant || value.what.text.empty()) continue;
      if (value.time_us < latest_us) continue;
      tied = value.time_us == latest_us;
      latest_us = value.time_us;
      text = value.what.text;
    }
    return tied ? std::nullopt : std::optional(text);
  }

  void CheckFacts(const v1::Meeting& found) const {
    EXPECT_EQ(found.meeting_id(), meeting_id_);
    EXPECT_EQ(found.has_planned_start(), of_.plan.has_value());
    if (of_.plan.has_value()) {
      EXPECT_EQ(Us(found.planned_start()), of_.plan->start_us);
      EXPECT_EQ(Us(found.planned_end()), of_.plan->end_us);
    }
    EXPECT_EQ(found.has_start_time(), !of_.sittings.empty());
    if (!of_.sittings.empty()) {
      EXPECT_EQ(Us(found.start_time()), of_.sittings.front().start_us);
    }
    EXPECT_EQ(found.end_presumed(), of_.IsOpen());
    EXPECT_EQ(found.has_end_time(), of_.TookPlace() && !of_.IsOpen());
    if (found.has_end_time()) {
      EXPECT_EQ(Us(found.end_time()), absl::ToUnixMicros(of_.End()));
    }
    EXPECT_EQ(found.organizer_extension(), of_.Organizer());
    EXPECT_EQ(found.protocolled(), of_.ProtocolledAt(INT64_MAX));
    EXPECT_EQ(found.present_count(), now_ < of_.End() ? of_.Present() : 0);
    const auto name = Latest(v1::DATA_CATEGORY_MEETING_NAME, "");
    if (name.has_value()) {
      EXPECT_EQ(found.name(), *name);
    }
    const auto number = Latest(v1::DATA_CATEGORY_DIAL_IN, "");
    if (number.has_value()) {
      EXPECT_EQ(found.conference_number(), *number);
    }
  }

  // Of objects, polls and chat all is shown that lives, and nothing that has ended, swept or not.
  void CheckContent(const v1::Meeting& found) const {
    std::set<std::string> ended;
    std::set<std::string> polls;
    for (const v1::Event& event : of_.events) {
      if (event.has_file_shared() && now_ >= of_.FileEnd(event)) ended.insert(event.file_shared().object_ref());
      const std::string& poll_id = event.poll_created().poll_id();
      if (event.has_poll_created() && !model_.IsPollDeleted(poll_id)) polls.insert(poll_id);
    }
    const auto held = [&](v1::DataCategory category) {
      std::multiset<std::string> texts;
      for (const RoomValue& value : values_) {
        if (value.what.category == category && !ended.contains(value.what.text)) texts.insert(value.what.text);
      }
      return texts;
    };
    const auto shown = [](const auto& objects) {
      std::multiset<std::string> references;
      for (const v1::StoredObject& object : objects) references.insert(object.object_ref());
      return references;
    };
    EXPECT_EQ(shown(found.files()), held(v1::DATA_CATEGORY_FILE_SHARE)) << "files";
    EXPECT_EQ(shown(found.recordings()), held(v1::DATA_CATEGORY_RECORDING)) << "recordings";
    EXPECT_EQ(shown(found.pdfs()), pdfs_) << "PDFs";
    std::multiset<std::string> lines;
    for (const v1::ChatLine& line : found.chat()) lines.insert(line.text());
    EXPECT_EQ(lines, held(v1::DATA_CATEGORY_CHAT_PROTOCOL)) << "chat";
    std::set<std::string> found_polls;
    for (const v1::MeetingPoll& poll : found.polls()) found_polls.insert(poll.poll_id());
    EXPECT_EQ(found_polls, polls) << "polls";
  }

  void CheckParticipants() const {
    auto request = Request<v1::ListParticipantsRequest>();
    request.set_page_size(1000);
    const auto found = reader_.ListParticipants(request, now_);
    ASSERT_TRUE(found.ok()) << found.status();
    std::set<std::string> expected;
    for (const RoomValue& value : values_) {
      const bool personal = value.what.category == v1::DATA_CATEGORY_PARTICIPANT_NAME ||
                            value.what.category == v1::DATA_CATEGORY_PARTICIPANT_EMAIL ||
                            value.what.category == v1::DATA_CATEGORY_PARTICIPANT_IP;
      if (personal) expected.insert(value.what.participant);
    }
    const bool knows_its_begin =
        IsCutAlikeAlone(of_) || std::none_of(of_.sittings.begin(), of_.sittings.end(),
                                             [](const SittingModel& sitting) { return sitting.carried; });
    std::map<std::string, int64_t> first_join_us;
    for (const PersonModel& person : of_.Report(/*by_persons=*/false)) {
      first_join_us[*person.participants.begin()] = person.first_join_us;
    }
    for (const v1::Participant& participant : found->participants()) {
      const std::string& id = participant.participant_id();
      if (!expected.erase(id)) {
        EXPECT_TRUE(absl::StartsWith(id, "participant ")) << "must not be readable: " << id;
        continue;
      }
      const auto name = Latest(v1::DATA_CATEGORY_PARTICIPANT_NAME, id);
      if (name.has_value()) {
        EXPECT_EQ(participant.name(), *name) << "of " << id;
      }
      const auto email = Latest(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, id);
      if (email.has_value()) {
        EXPECT_EQ(participant.email(), *email) << "of " << id;
      }
      if (!knows_its_begin) continue;
      EXPECT_EQ(participant.has_first_join_time(), first_join_us.contains(id)) << id;
      if (participant.has_first_join_time()) {
        EXPECT_EQ(Us(participant.first_join_time()), first_join_us[id]) << id;
      }
    }
    for (const std::string& id : expected) ADD_FAILURE() << "participant " << id << " is missing";
  }

  void CheckReport(const v1::MeetingReport& found) const {
    if (!IsCutAlikeAlone(of_)) return;
    const std::vector<PersonModel> expected = of_.Report(/*by_persons=*/true);
    using Line = std::tuple<int64_t, uint32_t, bool>;
    std::multiset<Line> lines;
    for (const PersonModel& person : expected) lines.emplace(person.total_us, person.reconnections, person.presumed);
    std::multiset<Line> found_lines;
    bool presumed = false;
    for (const v1::ParticipantReport& line : found.participants()) {
      found_lines.emplace(Us(line.total_time()), line.reconnections(), line.presumed());
      presumed |= line.presumed();
    }
    EXPECT_EQ(found_lines, lines) << "times, reconnections and presumptions of a report";
    EXPECT_EQ(found.presumed(), presumed);
  }

  const Reader reader_;
  const absl::Time now_;
  const std::string& meeting_id_;
  const std::string& occurrence_;
  const RoomModel& model_;
  const OccurrenceModel& of_;
  std::vector<RoomValue> values_;    // that its rows hold
  std::multiset<std::string> pdfs_;  // of the room
};

// Whether there is more to an occurrence than history: then it is listed, and can be asked for.
bool ShowsAnything(const RoomModel& model, const OccurrenceModel& of, const SeenRoom& seen, const PolicyModel& policy,
                   absl::Time now) {
  if (of.IsMeeting()) return true;
  const auto holds_poll = [&](const v1::Event& event) {
    return event.has_poll_created() && !model.IsPollDeleted(event.poll_created().poll_id());
  };
  if (std::any_of(of.events.begin(), of.events.end(), holds_poll)) return true;
  const std::vector<RoomValue> values = ValuesOf(of, policy, now);
  return std::any_of(values.begin(), values.end(), [&](const RoomValue& value) {
    const bool of_room = value.what.category == v1::DATA_CATEGORY_PDF_SHARE;
    return !of_room && seen.values.contains(value.what) && !value.ended && now < DueAfter(value.due);
  });
}

}  // namespace

void CompareRoomRows(const RoomModel& model, const SeenRoom& seen, const std::multiset<std::string>& ordered,
                     const PolicyModel& policy, absl::Time now, const RoomScope& scope) {
  RowsCheck(model, seen, ordered, policy, now, scope).Run();
}

void CompareRoomReads(TestEngine& engine, const std::string& meeting_id, const RoomModel& model, const SeenRoom& seen,
                      const PolicyModel& policy, absl::Time now) {
  v1::ListMeetingsRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id(meeting_id);
  request.set_page_size(200);
  const auto listed = Reader(engine).ListMeetings(request, now);
  ASSERT_TRUE(listed.ok()) << listed.status();
  std::set<std::string> found;
  for (const v1::Meeting& meeting : listed->meetings()) found.insert(meeting.occurrence());
  for (const OccurrenceModel& of : model.Occurrences()) {
    if (of.deleted || IsHistoryDue(of, policy, now) || !ShowsAnything(model, of, seen, policy, now)) continue;
    const std::string occurrence = OccurrenceOf(of, seen);
    EXPECT_EQ(found.erase(occurrence), 1) << "not listed, or twice:\n" << TextOf(of);
    ReadsCheck(engine, now, meeting_id, occurrence, model, of, seen).Run();
  }
  EXPECT_TRUE(found.empty()) << found.size() << " occurrences too many are listed of " << meeting_id;
}

void ExpectDueInTime(const RoomModel& model, const SeenRoom& seen, const PolicyModel& policy) {
  std::map<uint64_t, int64_t> from_us;  // by event
  for (const OccurrenceModel& of : model.Occurrences()) {
    for (const v1::Event& event : of.events) {
      from_us[FingerprintOf(event.event_id())] =
          std::max(Us(event.time()), of.plan.has_value() ? of.plan->end_us : INT64_MIN);
    }
  }
  const auto expect = [&](v1::DataCategory category, uint64_t event, const SeenPlace& place) {
    if (place.day == absl::CivilDay::max() || !from_us.contains(event)) return;
    const absl::CivilDay latest = DayAtUs(from_us.at(event) + model.cuts().LongestUs());
    const bool at_once = category == v1::DATA_CATEGORY_FILE_SHARE;
    EXPECT_LE(place.day, at_once ? latest : policy.LastDay(category, latest)) << v1::DataCategory_Name(category);
  };
  for (const auto& [event, place] : seen.history) expect(v1::DATA_CATEGORY_HISTORY, event, place);
  for (const auto& [value, place] : seen.values) expect(value.category, value.event, place);
}

}  // namespace retention::simulation
