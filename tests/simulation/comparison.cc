#include "tests/simulation/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>

#include "retention/stored/v1/stored.pb.h"
#include "server/engine/errors.h"
#include "server/engine/reader.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/simulation/calendar.h"

namespace retention::simulation {
namespace {

using Texts = std::set<std::string>;

int64_t Us(const google::protobuf::Timestamp& time) { return time.seconds() * 1000000 + time.nanos() / 1000; }
int64_t Us(const google::protobuf::Duration& length) { return length.seconds() * 1000000 + length.nanos() / 1000; }

// What of a category must be there, and what may be.
struct Expected {
  Texts must;
  Texts may;
};

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
    if (value.category != category || value.held == Held::kNo) continue;
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
  MeetingCheck(const Reader& reader, const PbxModel& pbx, const std::string& pbx_id, const std::string& meeting_id,
               absl::Time now)
      : reader_(reader),
        pbx_(pbx),
        meeting_(pbx.meetings.at(meeting_id)),
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
    if (meeting_.lost && !found.ok()) return;
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
    EXPECT_EQ(found.organizer_extension(), pbx_.extensions.contains(state.organizer) ? state.organizer : "");
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
      for (const auto& [event_id, answer] : poll.answers) {
        for (const uint32_t index : answer.option_indexes()) ++counts[index];
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
    for (const v1::Participant& participant : found->participants()) {
      const std::string& id = participant.participant_id();
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
    for (const auto& [id, participant] : state.participants) EXPECT_TRUE(listed.contains(id)) << id << " is missing";
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
    if (!found.ok()) {
      ADD_FAILURE() << found.status();
      return;
    }
    const MeetingState state = meeting_.At(now_);
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
      EXPECT_EQ(participant.reconnections(), expected.reconnections);
      const std::string stand_in = "participant " + std::to_string(i + 1);
      ExpectLatest(meeting_, v1::DATA_CATEGORY_PARTICIPANT_NAME, &id,
                   participant.name() == stand_in ? "" : participant.name(), "name of a report's participant");
    }
  }

  const Reader& reader_;
  const PbxModel& pbx_;
  const MeetingModel& meeting_;
  const std::string& pbx_id_;
  const std::string& meeting_id_;
  const absl::Time now_;
};

void ComparePbx(const Reader& reader, const PbxModel& pbx, const std::string& pbx_id, absl::Time now) {
  v1::GetPbxRequest request;
  request.set_pbx_id(pbx_id);
  const auto found = reader.GetPbx(request, now);
  if (!found.ok()) {
    ADD_FAILURE() << pbx_id << " is missing: " << found.status();
    return;
  }
  EXPECT_EQ(found->pbx().profile().SerializeAsString(), pbx.data.profile().SerializeAsString());
  Texts extensions;
  for (const v1::Extension& extension : found->pbx().extensions()) {
    const auto it = pbx.extensions.find(extension.number());
    EXPECT_TRUE(it != pbx.extensions.end()) << "extension " << extension.number() << " must not be readable";
    if (it == pbx.extensions.end()) continue;
    EXPECT_EQ(extension.SerializeAsString(), it->second.second.SerializeAsString());
    extensions.insert(extension.number());
  }
  for (const auto& [number, extension] : pbx.extensions) {
    EXPECT_TRUE(extensions.contains(number)) << pbx_id << ": extension " << number << " is missing";
  }
}

void CompareMeetingLists(const Reader& reader, const PbxModel& pbx, const std::string& pbx_id, absl::Time now) {
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
    if (meeting.lost) continue;
    EXPECT_EQ(listed.contains(id), Model::Visible(meeting, now)) << pbx_id << "/" << id << " in the list";
  }
  for (const std::string& id : listed) EXPECT_TRUE(pbx.meetings.contains(id)) << id << " must not be listed";
}

// Rows and values by bucket, as a walk over the rows finds them.
std::map<DueDay, DayCount> CountRows(Engine& engine) {
  std::map<DueDay, DayCount> counts;
  auto cursor = engine.store().Scan(Family::kFiled, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    EXPECT_TRUE(key.has_value());
    if (!key.has_value()) continue;
    if (key->day <= engine.ring().destroyed_through()) continue;  // unreadable; its files are being dropped
    BucketCount& count = counts[key->day][key->category];
    ++count.rows;
    count.values += Vault::ValueCount(cursor->value());
  }
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return counts;
}

void CompareCounts(Engine& engine, const Model& model, absl::Time now) {
  const std::map<DueDay, DayCount> walked = CountRows(engine);
  const std::map<DueDay, DayCount> counted = engine.counts().Read();
  std::map<Model::Bucket, uint64_t> found;
  for (const auto& [day, counts] : counted) {
    const auto it = walked.find(day);
    for (size_t i = 1; i < kCategories; ++i) {
      const BucketCount rows = it == walked.end() ? BucketCount{} : it->second[i];
      EXPECT_EQ(counts[i].rows, rows.rows) << "rows of category " << i << " on day " << day.number();
      EXPECT_EQ(counts[i].values, rows.values) << "values of category " << i << " on day " << day.number();
      const bool due = day.is_civil() && now >= DueAfter(day.civil());
      const absl::CivilDay civil = day.is_civil() ? day.civil() : Model::NoDay();
      if (!due && counts[i].values > 0) found[{civil, static_cast<v1::DataCategory>(i)}] = counts[i].values;
    }
  }
  for (const auto& [day, counts] : walked)
    EXPECT_TRUE(counted.contains(day)) << "rows on uncounted day " << day.number();

  // The engine files every value under the day that the rules give it. Files whose end has come wait for the sweep.
  const auto comparable = [&](const Model::Bucket& bucket) {
    const bool due = bucket.first != Model::NoDay() && now >= DueAfter(bucket.first);
    return !due && bucket.second != v1::DATA_CATEGORY_FILE_SHARE && !model.fuzzy().contains(bucket);
  };
  const Model::Buckets expected = model.ExpectedValues();
  for (const auto& [bucket, values] : expected) {
    if (!comparable(bucket)) continue;
    const auto it = found.find(bucket);
    const uint64_t held = it == found.end() ? 0 : it->second;
    EXPECT_TRUE(held >= values.min && held <= values.max)
        << held << " values, not " << values.min << " to " << values.max << ", of "
        << v1::DataCategory_Name(bucket.second) << " due after " << absl::FormatCivilTime(bucket.first);
  }
  for (const auto& [bucket, values] : found) {
    if (!comparable(bucket)) continue;
    EXPECT_TRUE(expected.contains(bucket)) << values << " values of " << v1::DataCategory_Name(bucket.second)
                                           << " due after " << absl::FormatCivilTime(bucket.first);
  }
}

std::set<PlantedObject> OrderedObjects(Engine& engine) {
  std::set<PlantedObject> ordered;
  auto cursor = engine.store().ScanPrefix(Family::kState, OrderPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    auto plaintext = engine.vault().OpenState(cursor->key(), cursor->value());
    stored::v1::ErasureOrder order;
    if (!plaintext.ok() || !order.ParseFromString(plaintext->Reveal())) {
      ADD_FAILURE() << "an erasure order does not open";
      continue;
    }
    ordered.insert({order.category(), order.pbx_id(), order.object().object_ref()});
  }
  return ordered;
}

}  // namespace

void CompareWithModel(Engine& engine, const Model& model, absl::Time now) {
  const Reader reader(engine);
  const auto pbxs = reader.ListPbxs({}, now);
  ASSERT_TRUE(pbxs.ok()) << pbxs.status();
  Texts listed;
  for (const v1::Pbx& pbx : pbxs->pbxs()) listed.insert(pbx.pbx_id());
  for (const std::string& pbx_id : listed) EXPECT_TRUE(model.pbxs().contains(pbx_id)) << pbx_id << " must be gone";
  for (const auto& [pbx_id, pbx] : model.pbxs()) {
    EXPECT_TRUE(listed.contains(pbx_id)) << pbx_id << " is missing";
    ComparePbx(reader, pbx, pbx_id, now);
    CompareMeetingLists(reader, pbx, pbx_id, now);
    for (const auto& [meeting_id, meeting] : pbx.meetings) MeetingCheck(reader, pbx, pbx_id, meeting_id, now).Run();
  }
  CompareCounts(engine, model, now);
  const std::set<PlantedObject> ordered = OrderedObjects(engine);
  for (const PlantedObject& object : model.LivingObjects(now)) {
    EXPECT_FALSE(ordered.contains(object)) << object.ref << " lives, and its erasure was ordered";
  }
}

void CheckSwept(Engine& engine, const Model& model, absl::Time now) {
  const DueDay last(DayAt(now) - 1);
  EXPECT_GE(engine.ring().destroyed_through(), last) << "keys of due days are held";
  const auto view = engine.store().Snapshot();
  auto cursor = view->Scan(Family::kFiled, "", PrefixEnd(FiledPrefix(last)));
  EXPECT_FALSE(cursor->Valid()) << "rows of due days are held";
  for (const auto& [day, counts] : engine.counts().Read()) EXPECT_GT(day, last) << "a due day is still counted";
  EXPECT_EQ(engine.OldestOverdue(now).value(), absl::ZeroDuration());
  const std::set<PlantedObject> ordered = OrderedObjects(engine);
  for (const PlantedObject& object : model.gone_objects()) {
    EXPECT_TRUE(ordered.contains(object)) << object.ref << " is gone, and its erasure was not ordered";
  }
}

void Witness::Look(Engine& engine, absl::Time now) {
  std::vector<std::string> seen;
  days_ended_.clear();
  released_.clear();
  pbxs_ended_ = 0;
  const absl::Status verified = VerifyLedger(engine.store(), [&](const stored::v1::LedgerEntry& entry) {
    seen.push_back(entry.hash());
    const absl::CivilDay day = absl::CivilDay(1970, 1, 1) + static_cast<int64_t>(entry.day());
    if (entry.kind() == stored::v1::LedgerEntry::KIND_DAY_ENDED) ++days_ended_[day];
    if (entry.kind() == stored::v1::LedgerEntry::KIND_COHORT_RELEASED) ++released_[day];
    if (entry.kind() == stored::v1::LedgerEntry::KIND_PBX_ENDED) ++pbxs_ended_;
  });
  EXPECT_TRUE(verified.ok()) << verified;
  EXPECT_GE(seen.size(), ledger_.size()) << "the ledger shrank";
  EXPECT_TRUE(std::equal(ledger_.begin(),
                         ledger_.begin() + static_cast<std::ptrdiff_t>(std::min(ledger_.size(), seen.size())),
                         seen.begin()))
      << "the ledger's past changed";
  ledger_ = std::move(seen);
  for (const auto& [day, times] : released_) EXPECT_EQ(times, 1) << absl::FormatCivilTime(day) << " was drawn again";
  for (const auto& [day, times] : days_ended_) EXPECT_EQ(times, 1) << absl::FormatCivilTime(day) << " ended again";

  std::map<std::string, std::string> cubes;
  auto cursor = engine.store().Scan(Family::kStatistics, "", "");
  for (; cursor->Valid(); cursor->Next()) cubes.emplace(cursor->key(), cursor->value());
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  for (const auto& [key, cells] : cubes_) {
    const auto parts = DecodeCubeKey(key);
    const auto it = cubes.find(key);
    if (it != cubes.end()) {
      EXPECT_EQ(it->second, cells) << "a cube changed";
    } else {
      EXPECT_TRUE(parts->erase_day.is_civil() && now >= DueAfter(parts->erase_day.civil())) << "a cube is missing";
    }
  }
  cubes_ = std::move(cubes);
}

void Witness::ExpectEnded(const std::set<absl::CivilDay>& days) const {
  for (const absl::CivilDay day : days) {
    EXPECT_TRUE(days_ended_.contains(day)) << absl::FormatCivilTime(day) << " ended without a ledger entry";
  }
}

void Witness::ExpectReleased(absl::CivilDay first, absl::Time now) const {
  for (absl::CivilDay day = first; absl::FromCivil(day + 1, Berlin()) + absl::Hours(48) <= now; ++day) {
    EXPECT_TRUE(released_.contains(day)) << absl::FormatCivilTime(day) << " was not released";
  }
}

}  // namespace retention::simulation
