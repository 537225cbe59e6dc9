// One meeting, as readers see it, held against the oracle.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "server/base/errors.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {
namespace {

using Texts = std::set<std::string>;

// What of a category must be there, and what may be.
struct Expected {
  Texts must;
  Texts may;
};

// A meeting with what readers must be shown of it: what is held, but that a refile that is under way may hide it.
MeetingModel AsShown(MeetingModel meeting, const Model& model, absl::Time now) {
  for (PlantedValue& value : meeting.values) value.held = model.Shown(value, now);
  return meeting;
}

Expected ExpectedOf(const MeetingModel& meeting, v1::DataCategory category, const std::string* owner = nullptr) {
  Expected expected;
  for (const PlantedValue& value : meeting.values) {
    if (value.category != category || value.held == Held::kNo) continue;
    if (owner != nullptr && value.owner != *owner) continue;
    expected.may.insert(value.text);
    if (value.held == Held::kYes) expected.must.insert(value.text);
  }
  return expected;
}

void ExpectSet(const Expected& expected, const Texts& found, const char* what) {
  for (const std::string& text : expected.must)
    EXPECT_TRUE(found.contains(text)) << what << " " << text << " is missing";
  for (const std::string& text : found) {
    EXPECT_TRUE(expected.may.contains(text)) << what << " " << text << " must not be readable";
  }
}

// One text of which the latest counts; empty if there is none.
void ExpectLatest(const MeetingModel& meeting, v1::DataCategory category, const std::string* owner,
                  const std::string& found, const char* what) {
  const PlantedValue* latest = nullptr;
  bool unsure = false;
  for (const PlantedValue& value : meeting.values) {
    if (value.category != category || value.held == Held::kNo || value.text.empty()) continue;
    if (owner != nullptr && value.owner != *owner) continue;
    unsure |= value.held == Held::kUnsure;
    if (latest == nullptr || value.time_us > latest->time_us) latest = &value;
  }
  if (!unsure) {
    EXPECT_EQ(found, latest == nullptr ? "" : latest->text) << what;
  } else if (!found.empty()) {
    EXPECT_TRUE(ExpectedOf(meeting, category, owner).may.contains(found)) << what << " must not be readable";
  }
}

Texts RefsOf(const google::protobuf::RepeatedPtrField<v1::StoredObject>& objects) {
  Texts refs;
  for (const v1::StoredObject& object : objects) {
    EXPECT_TRUE(refs.insert(object.object_ref()).second) << "an object is listed twice";
  }
  return refs;
}

std::optional<int64_t> TimeOf(bool present, const google::protobuf::Timestamp& time) {
  if (!present) return std::nullopt;
  return Us(time);
}

// Judges one meeting.
class MeetingCheck {
 public:
  MeetingCheck(const Reader& reader, const Model& model, const PbxModel& pbx, const std::string& pbx_id,
               const std::string& meeting_id, absl::Time now)
      : reader_(reader),
        pbx_(pbx),
        meeting_(AsShown(pbx.meetings.at(meeting_id), model, now)),
        may_be_hidden_(model.MayBeHidden(meeting_, now)),
        pbx_id_(pbx_id),
        meeting_id_(meeting_id),
        now_(now) {}

  void Run() const {
    SCOPED_TRACE(pbx_id_ + "/" + meeting_id_);
    v1::GetMeetingRequest request;
    request.set_pbx_id(pbx_id_);
    request.set_meeting_id(meeting_id_);
    const auto found = reader_.GetMeeting(request, now_);
    if (!Model::Visible(meeting_, now_) && !meeting_.lost) {
      EXPECT_EQ(DetailsOf(found.status()).reason, "MEETING_UNKNOWN") << found.status();
      return CheckReportIsGone();
    }
    if ((meeting_.lost || may_be_hidden_) && !found.ok()) return;
    if (!found.ok()) {
      ADD_FAILURE() << "the meeting is missing: " << found.status();
      return;
    }
    CheckValues(found->meeting());
    CheckParticipants();
    if (meeting_.lost) return;
    CheckFacts(found->meeting());
    CheckPolls(found->meeting());
    CheckReport();
  }

 private:
  void CheckReportIsGone() const {
    v1::GetMeetingReportRequest request;
    request.set_pbx_id(pbx_id_);
    request.set_meeting_id(meeting_id_);
    EXPECT_TRUE(absl::IsNotFound(reader_.GetMeetingReport(request, now_).status()));
    v1::ListParticipantsRequest participants;
    participants.set_pbx_id(pbx_id_);
    participants.set_meeting_id(meeting_id_);
    EXPECT_TRUE(absl::IsNotFound(reader_.ListParticipants(participants, now_).status()));
  }

  void CheckValues(const v1::Meeting& found) const {
    ExpectLatest(meeting_, v1::DATA_CATEGORY_MEETING_NAME, nullptr, found.name(), "meeting name");
    ExpectLatest(meeting_, v1::DATA_CATEGORY_MEETING_COMMENT, nullptr, found.comment(), "comment");
    ExpectLatest(meeting_, v1::DATA_CATEGORY_DIAL_IN, nullptr, found.conference_number(), "dial-in");
    EXPECT_EQ(found.conference_number().empty(), found.dial_in_numbers().empty());
    ExpectSet(ExpectedOf(meeting_, v1::DATA_CATEGORY_RECORDING), RefsOf(found.recordings()), "recording");
    ExpectSet(ExpectedOf(meeting_, v1::DATA_CATEGORY_FILE_SHARE), RefsOf(found.files()), "file");
    ExpectSet(ExpectedOf(meeting_, v1::DATA_CATEGORY_PDF_SHARE), RefsOf(found.pdfs()), "PDF");
    Texts chat;
    int64_t last_us = 0;
    for (const v1::ChatLine& line : found.chat()) {
      chat.insert(line.text());
      EXPECT_LT(last_us, Us(line.time())) << "chat out of order";
      last_us = Us(line.time());
    }
    ExpectSet(ExpectedOf(meeting_, v1::DATA_CATEGORY_CHAT_PROTOCOL), chat, "chat");
  }

  void CheckFacts(const v1::Meeting& found) const {
    const MeetingState state = meeting_.At(now_);
    EXPECT_EQ(found.meeting_id(), meeting_id_);
    EXPECT_EQ(found.organizer_extension(), pbx_.extensions.NumberOf(state.organizer));
    EXPECT_EQ(found.protocolled(), state.protocolled);
    EXPECT_EQ(TimeOf(found.has_start_time(), found.start_time()), state.start_us) << "start";
    EXPECT_EQ(TimeOf(found.has_end_time(), found.end_time()), state.end_us) << "end";
    std::optional<int64_t> planned;
    if (state.plan_us.has_value()) planned = state.plan_us->first;
    EXPECT_EQ(TimeOf(found.has_planned_start(), found.planned_start()), planned) << "plan";
    const auto present = std::count_if(state.participants.begin(), state.participants.end(),
                                       [](const auto& participant) { return participant.second.present; });
    EXPECT_EQ(found.present_count(), static_cast<uint32_t>(present));
  }

  void CheckPolls(const v1::Meeting& found) const {
    std::map<std::string, std::vector<uint32_t>> expected;
    for (const auto& [id, poll] : pbx_.polls) {
      // It is listed as long as the meeting's course remembers that it was asked there.
      if (poll.meeting_id != meeting_id_ || !meeting_.events.contains(poll.event_id)) continue;
      auto& counts = expected[id];
      counts.resize(static_cast<size_t>(poll.created.options_size()));
      for (const auto& [participant, answer] : poll.answers) {
        for (const uint32_t index : answer.second.option_indexes()) ++counts[index];
      }
    }
    for (const v1::MeetingPoll& poll : found.polls()) {
      const auto it = expected.find(poll.poll_id());
      if (it == expected.end()) {
        ADD_FAILURE() << "poll " << poll.poll_id() << " must not be readable";
        continue;
      }
      EXPECT_EQ(std::vector<uint32_t>(poll.answer_counts().begin(), poll.answer_counts().end()), it->second);
      EXPECT_EQ(poll.question(), pbx_.polls.at(poll.poll_id()).created.question());
      expected.erase(it);
    }
    for (const auto& [id, counts] : expected) ADD_FAILURE() << "poll " << id << " is missing";
  }

  void CheckParticipants() const {
    v1::ListParticipantsRequest request;
    request.set_pbx_id(pbx_id_);
    request.set_meeting_id(meeting_id_);
    const auto found = reader_.ListParticipants(request, now_);
    if (!found.ok()) {
      ADD_FAILURE() << found.status();
      return;
    }
    const MeetingState state = meeting_.At(now_);
    Texts listed;
    Texts owners;
    for (const PlantedValue& value : meeting_.values) owners.insert(value.owner);
    size_t joined = 0;
    for (const v1::Participant& participant : found->participants()) {
      const std::string& id = participant.participant_id();
      joined += participant.has_first_join_time() ? 1 : 0;
      if (id.rfind("participant ", 0) == 0) continue;  // nothing lives any more of what names them
      listed.insert(id);
      ExpectLatest(meeting_, v1::DATA_CATEGORY_PARTICIPANT_NAME, &id, participant.name(), "participant's name");
      ExpectLatest(meeting_, v1::DATA_CATEGORY_PARTICIPANT_EMAIL, &id, participant.email(), "e-mail");
      ExpectSet(ExpectedOf(meeting_, v1::DATA_CATEGORY_PARTICIPANT_IP, &id),
                Texts(participant.ips().begin(), participant.ips().end()), "IP");
      if (meeting_.lost) continue;
      const auto known = state.participants.find(id);
      const bool there = known != state.participants.end();
      EXPECT_EQ(participant.has_first_join_time(), there);
      if (!there) continue;
      EXPECT_EQ(Us(participant.first_join_time()), known->second.first_join_us) << "first join of " << id;
      EXPECT_EQ(participant.present(), known->second.present) << "presence of " << id;
    }
    if (meeting_.lost) return;
    EXPECT_EQ(joined, state.participants.size());
    for (const std::string& id : owners) {
      for (const auto category : {v1::DATA_CATEGORY_PARTICIPANT_NAME, v1::DATA_CATEGORY_PARTICIPANT_EMAIL,
                                  v1::DATA_CATEGORY_PARTICIPANT_IP}) {
        const bool must = !ExpectedOf(meeting_, category, &id).must.empty();
        EXPECT_TRUE(!must || listed.contains(id)) << id << " is missing";
      }
    }
  }

  void CheckReport() const {
    v1::GetMeetingReportRequest request;
    request.set_pbx_id(pbx_id_);
    request.set_meeting_id(meeting_id_);
    const auto found = reader_.GetMeetingReport(request, now_);
    const MeetingState state = meeting_.At(now_);
    // Of what nobody has come to there is none.
    if (absl::IsNotFound(found.status()) && state.order.empty()) return;
    if (!found.ok()) {
      ADD_FAILURE() << found.status();
      return;
    }
    const v1::MeetingReport& report = found->report();
    ExpectLatest(meeting_, v1::DATA_CATEGORY_MEETING_NAME, nullptr, report.meeting_name(), "name in the report");
    if (report.participants_size() != static_cast<int>(state.order.size())) {
      ADD_FAILURE() << "the report has " << report.participants_size() << " participants for " << state.order.size();
      return;
    }
    for (int i = 0; i < report.participants_size(); ++i) {
      const std::string& id = state.order[static_cast<size_t>(i)];
      const ParticipantState& expected = state.participants.at(id);
      const v1::ParticipantReport& participant = report.participants(i);
      EXPECT_EQ(Us(participant.total_time()), expected.total_us) << "time of " << id;
      EXPECT_EQ(participant.reconnections(), expected.reconnections) << "of " << id;
      const std::string stand_in = "participant " + std::to_string(i + 1);
      ExpectLatest(meeting_, v1::DATA_CATEGORY_PARTICIPANT_NAME, &id,
                   participant.name() == stand_in ? "" : participant.name(), "name of a report's participant");
    }
  }

  const Reader& reader_;
  const PbxModel& pbx_;
  const MeetingModel meeting_;
  const bool may_be_hidden_;
  const std::string& pbx_id_;
  const std::string& meeting_id_;
  const absl::Time now_;
};

void CompareMeetingLists(const Reader& reader, const Model& model, const PbxModel& pbx, const std::string& pbx_id,
                         absl::Time now) {
  Texts listed;
  v1::ListMeetingsRequest request;
  request.set_pbx_id(pbx_id);
  request.set_page_size(3);
  do {
    const auto page = reader.ListMeetings(request, now);
    if (!page.ok()) {
      ADD_FAILURE() << page.status();
      return;
    }
    for (const v1::Meeting& meeting : page->meetings()) listed.insert(meeting.meeting_id());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  for (const auto& [id, meeting] : pbx.meetings) {
    if (meeting.lost || (!listed.contains(id) && model.MayBeHidden(meeting, now))) continue;
    EXPECT_EQ(listed.contains(id), Model::Visible(meeting, now)) << pbx_id << "/" << id << " in the list";
  }
  for (const std::string& id : listed) EXPECT_TRUE(pbx.meetings.contains(id)) << id << " must not be listed";
}

}  // namespace

void CompareMeetings(TestEngine& engine, const Model& model, const std::string& pbx_id, absl::Time now) {
  const Reader reader(engine);
  const PbxModel& pbx = model.pbxs().at(pbx_id);
  CompareMeetingLists(reader, model, pbx, pbx_id, now);
  for (const auto& [meeting_id, meeting] : pbx.meetings)
    MeetingCheck(reader, model, pbx, pbx_id, meeting_id, now).Run();
}

}  // namespace retention::simulation
