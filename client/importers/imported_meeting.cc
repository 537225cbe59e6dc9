#include "client/importers/imported_meeting.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/sha.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/human_units.h"
#include "client/importers/imported_text.h"

namespace retention {
namespace {

// Where BigBlueButton's objects are said to be.
constexpr char kBigBlueButton[] = "bigbluebutton";
// The limits of the API (event.proto).
constexpr size_t kNameBytesMax = 256;
constexpr size_t kEmailBytesMax = 254;
constexpr size_t kEmailLocalPartBytesMax = 64;
constexpr size_t kMeetingNameBytesMax = 512;
constexpr size_t kQuestionBytesMax = 1024;
constexpr size_t kOptionBytesMax = 512;
constexpr size_t kOptionsMax = 50;
constexpr size_t kChatBytesMax = 4096;
constexpr size_t kEventIdHashBytes = 16;
constexpr absl::Duration kPlannedLengthMax = absl::Hours(7 * 24);

// A hash: what was said, and who said it, must not be read in an id. `told` is what makes the event this one, besides
// what it holds.
std::string EventIdOf(const v1::Event& event, const std::string& told) {
  std::string hashed;
  {
    google::protobuf::io::StringOutputStream stream(&hashed);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    event.SerializeToCodedStream(&coded);
  }
  // With the length, so that no two pairs read the same.
  absl::StrAppend(&hashed, told, "\n", told.size());
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(hashed.data()), hashed.size(), digest);
  return absl::StrCat(
      "import-", absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), kEventIdHashBytes)));
}

// What comes first of what is recorded for one instant.
int RankOf(const v1::Event& event) {
  switch (event.payload_case()) {
    case v1::Event::kMeetingScheduled:
      return 0;
    case v1::Event::kMeetingRescheduled:
      return 1;
    case v1::Event::kMeetingStarted:
      return 2;
    case v1::Event::kParticipantJoined:
      return 3;
    case v1::Event::kPollCreated:
      return 4;
    case v1::Event::kParticipantLeft:
      return 6;
    case v1::Event::kMeetingEnded:
      return 7;
    case v1::Event::kMeetingDeleted:
      return 8;
    default:
      return 5;
  }
}

// Empty where the server would refuse it, and the join with it.
std::string AcceptableEmail(const std::string& email) {
  const size_t at = email.find('@');
  const bool parts = at != std::string::npos && at > 0 && at <= kEmailLocalPartBytesMax && at + 1 < email.size();
  if (!parts || email.size() > kEmailBytesMax || email.find('@', at + 1) != std::string::npos) return "";
  const std::string domain = email.substr(at + 1);
  const bool labels =
      domain.front() != '.' && domain.back() != '.' && domain.front() != '-' && domain.find("..") == std::string::npos;
  const bool printable =
      std::none_of(email.begin(), email.end(), [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; });
  return labels && printable ? email : "";
}

// What shows that a meeting took place.
bool IsOfCourse(const v1::Event& event) {
  return event.has_participant_joined() || event.has_participant_left() || event.has_meeting_ended() ||
         event.has_chat_message_sent() || event.has_recording_created();
}

// Of events, whatever the order in which they were recorded.
bool ComesBefore(const v1::Event& a, const v1::Event& b) {
  const auto place = [](const v1::Event& event) {
    return std::make_tuple(FromTimestamp(event.time()), RankOf(event), event.event_id());
  };
  return place(a) < place(b);
}

void Move(google::protobuf::Timestamp* time, absl::Duration shift) {
  *time = ToTimestamp(FromTimestamp(*time) + shift);
}

}  // namespace

ImportedMeeting::ImportedMeeting(const ImportOptions& options, const std::string& room, std::string sitting)
    : options_(options),
      meeting_id_(ValidIdentifier(options.meeting_id.empty() ? room : options.meeting_id)),
      sitting_(std::move(sitting)) {}

v1::Event& ImportedMeeting::Append(absl::Time time, const RecordedSession& session, const std::string& told) {
  Recognise(session);
  v1::Event& event = Append(time);
  recorded_.back().session = session.id;
  recorded_.back().told = told;
  recorded_.back().unknown = session.unknown;
  return event;
}

v1::Event& ImportedMeeting::Append(absl::Time time) {
  Recorded& recorded = recorded_.emplace_back();
  recorded.event.set_meeting_id(meeting_id_);
  *recorded.event.mutable_time() = ToTimestamp(time);
  return recorded.event;
}

void ImportedMeeting::Plan(absl::Time time, const std::string& name, absl::Time start, absl::Duration length) {
  auto* scheduled = Append(time).mutable_meeting_scheduled();
  scheduled->set_name(ShortenedText(name, kMeetingNameBytesMax));
  *scheduled->mutable_planned_start() = ToTimestamp(start);
  *scheduled->mutable_planned_duration() = ToProtoDuration(std::clamp(length, absl::ZeroDuration(), kPlannedLengthMax));
  scheduled->set_organizer_extension(options_.owner_extension);
  scheduled->set_protocolled(options_.protocolled);
}

void ImportedMeeting::Replan(absl::Time time, absl::Time start, absl::Duration length) {
  auto* rescheduled = Append(time).mutable_meeting_rescheduled();
  *rescheduled->mutable_planned_start() = ToTimestamp(start);
  *rescheduled->mutable_planned_duration() =
      ToProtoDuration(std::clamp(length, absl::ZeroDuration(), kPlannedLengthMax));
}

void ImportedMeeting::Start(absl::Time time, const std::string& name) {
  auto* started = Append(time).mutable_meeting_started();
  started->set_name(ShortenedText(name, kMeetingNameBytesMax));
  started->set_organizer_extension(options_.owner_extension);
  started->set_protocolled(options_.protocolled);
}

void ImportedMeeting::DialIn(absl::Time time, const std::string& conference_number, const std::string& dial_in_number) {
  const std::string conference = DialledNumber(conference_number);
  const std::string number = DialledNumber(dial_in_number);
  if (conference.empty() && number.empty()) return;
  auto* dial_in = Append(time).mutable_dial_in_assigned();
  dial_in->set_conference_number(conference);
  if (!number.empty()) dial_in->add_dial_in_numbers(number);
}

void ImportedMeeting::Recognise(const RecordedSession& session) {
  if (session.person.empty()) return;
  const auto [known, is_new] = persons_.try_emplace(session.id, session.person);
  // Whatever the order of lines.
  if (!is_new) known->second = std::min(known->second, session.person);
}

void ImportedMeeting::Join(absl::Time time, const RecordedSession& session) {
  joined_.insert(session.id);
  v1::Event& event = Append(time, session);
  if (!session.connection.empty()) event.set_connection_id(ValidIdentifier(session.connection));
  auto* joined = event.mutable_participant_joined();
  if (!IsTelephoneNumber(session.name)) joined->set_name(ShortenedText(session.name, kNameBytesMax));
  joined->set_email(ShortenedText(AcceptableEmail(session.email), kEmailBytesMax));
}

void ImportedMeeting::Leave(absl::Time time, const RecordedSession& session) {
  v1::Event& event = Append(time, session);
  if (!session.connection.empty()) event.set_connection_id(ValidIdentifier(session.connection));
  event.mutable_participant_left();
}

std::string ImportedMeeting::ObjectFolder(const std::string& platform) const {
  return absl::StrCat(platform, "/", PathComponent(sitting_.empty() ? meeting_id_ : sitting_), "/");
}

void ImportedMeeting::StartRecording(absl::Time time) {
  Append(time).mutable_recording_created();
  recorded_.back().is_bigbluebutton_recording = true;
}

void ImportedMeeting::CreateRecording(absl::Time time, const std::string& platform, const std::string& id) {
  auto* created = Append(time).mutable_recording_created();
  created->set_recording_id(ValidIdentifier(id));
  created->set_object_ref(absl::StrCat(ObjectFolder(platform), PathComponent(created->recording_id())));
}

void ImportedMeeting::SharePdf(absl::Time time, const std::string& presentation_id) {
  auto* pdf = Append(time).mutable_pdf_shared();
  pdf->set_pdf_id(ValidIdentifier(presentation_id));
  pdf->set_object_ref(absl::StrCat(ObjectFolder(kBigBlueButton), PathComponent(pdf->pdf_id())));
}

void ImportedMeeting::CreatePoll(absl::Time time, const std::string& poll_id, const std::string& question,
                                 const std::vector<std::string>& options) {
  if (options_.owner_extension.empty()) return LeaveOut("poll (needs an owner extension)");
  auto* poll = Append(time).mutable_poll_created();
  poll->set_poll_id(ValidIdentifier(poll_id));
  poll->set_owner_extension(options_.owner_extension);
  poll->set_question(ShortenedText(question, kQuestionBytesMax));
  for (size_t i = 0; i < std::min(options.size(), kOptionsMax); ++i) {
    poll->add_options(ShortenedText(options[i], kOptionBytesMax));
  }
  poll_options_[poll->poll_id()] = static_cast<uint32_t>(poll->options_size());
}

void ImportedMeeting::AnswerPoll(absl::Time time, const std::string& poll_id, const RecordedSession& session,
                                 const std::vector<uint32_t>& option_indexes) {
  if (options_.owner_extension.empty()) return LeaveOut("answer to a poll that was not imported");
  auto* answer = Append(time, session).mutable_poll_answered();
  answer->set_poll_id(ValidIdentifier(poll_id));
  for (const uint32_t index : option_indexes) answer->add_option_indexes(index);
}

void ImportedMeeting::PublicChat(absl::Time time, const RecordedSession& session, const std::string& message_id,
                                 const std::string& text) {
  if (!options_.protocolled) return LeaveOut("chat (the meeting is not imported as protocolled)");
  if (text.empty()) return LeaveOut("chat without text");
  auto* message = Append(time, session, absl::StrCat(message_id, " ", session.id)).mutable_chat_message_sent();
  message->set_text(ShortenedText(text, kChatBytesMax));
}

void ImportedMeeting::End(absl::Time time) {
  ended_ = true;
  Append(time).mutable_meeting_ended();
}

void ImportedMeeting::Delete(absl::Time time) { Append(time).mutable_meeting_deleted(); }

std::string ImportedMeeting::PersonOf(const std::string& session_id) const {
  const auto person = persons_.find(session_id);
  return PersonIdentifier(person == persons_.end() ? session_id : person->second);
}

void ImportedMeeting::LeaveOutUnknown() {
  std::erase_if(recorded_, [&](const Recorded& recorded) {
    const bool is_known = persons_.contains(recorded.session) || joined_.contains(recorded.session);
    if (!recorded.unknown.has_value() || is_known) return false;
    imported_.left_out.push_back(*recorded.unknown);
    return true;
  });
}

// A log that begins in the middle of a meeting does not say that it began, and chat is refused before that was
// announced as protocolled.
void ImportedMeeting::AnnounceProtocol() {
  absl::Time first = absl::InfiniteFuture();
  bool has_chat = false;
  for (const Recorded& recorded : recorded_) {
    if (recorded.event.has_meeting_started()) return;
    has_chat = has_chat || recorded.event.has_chat_message_sent();
    if (IsOfCourse(recorded.event)) first = std::min(first, FromTimestamp(recorded.event.time()));
  }
  if (has_chat) Start(first, "");
}

absl::Time ImportedMeeting::first() const {
  absl::Time first = absl::InfiniteFuture();
  for (const Recorded& recorded : recorded_) first = std::min(first, FromTimestamp(recorded.event.time()));
  return first;
}

bool ImportedMeeting::HasItsOptions(const v1::Event& event) {
  if (!event.has_poll_answered()) return true;
  const auto poll = poll_options_.find(event.poll_answered().poll_id());
  const uint32_t options = poll == poll_options_.end() ? kOptionsMax : poll->second;
  for (const uint32_t index : event.poll_answered().option_indexes()) {
    if (index < options) continue;
    LeaveOut(options == 0 ? "typed answer whose text is not recorded" : "answer outside the options of its poll");
    return false;
  }
  return true;
}

void ImportedMeeting::Settle(absl::Duration shift, Recorded& recorded) const {
  v1::Event& event = recorded.event;
  Move(event.mutable_time(), shift);
  if (event.has_meeting_scheduled()) Move(event.mutable_meeting_scheduled()->mutable_planned_start(), shift);
  if (event.has_meeting_rescheduled()) Move(event.mutable_meeting_rescheduled()->mutable_planned_start(), shift);
  if (!sitting_.empty()) {
    const std::string moved = absl::StrCat(sitting_, " ", absl::ToInt64Microseconds(shift));
    event.set_occurrence_id(ValidIdentifier(shift == absl::ZeroDuration() ? sitting_ : moved));
  }
  const std::string person = recorded.session.empty() ? "" : PersonOf(recorded.session);
  if (event.has_participant_joined()) event.mutable_participant_joined()->set_participant_id(person);
  if (event.has_participant_left()) event.mutable_participant_left()->set_participant_id(person);
  if (event.has_poll_answered()) event.mutable_poll_answered()->set_participant_id(person);
  event.set_event_id(EventIdOf(event, recorded.told));
  event.set_pbx_id(options_.pbx_id);
  if (event.has_chat_message_sent()) event.mutable_chat_message_sent()->set_participant_id(person);
  if (!recorded.is_bigbluebutton_recording) return;
  auto& recording = *event.mutable_recording_created();
  recording.set_recording_id(absl::StrCat("recording-", event.event_id()));
  recording.set_object_ref(absl::StrCat(ObjectFolder(kBigBlueButton), event.event_id()));
}

ImportedEvents ImportedMeeting::Take(absl::Duration shift) {
  LeaveOutUnknown();
  AnnounceProtocol();
  std::set<std::string> seen;  // Platforms post a callback again that was not acknowledged in time.
  for (Recorded& recorded : recorded_) {
    Settle(shift, recorded);
    if (!seen.insert(recorded.event.event_id()).second || !HasItsOptions(recorded.event)) continue;
    imported_.events.push_back(std::move(recorded.event));
  }
  recorded_.clear();
  std::sort(imported_.events.begin(), imported_.events.end(), ComesBefore);
  return std::move(imported_);
}

void ImportedMeetings::Recognise(const std::string& sitting, const std::string& room) {
  if (sitting.empty() || room.empty()) return;
  const auto [known, is_new] = rooms_.try_emplace(sitting, room);
  if (!is_new) known->second = std::min(known->second, room);
}

std::string ImportedMeetings::RoomOf(const std::string& sitting) const {
  const auto known = rooms_.find(sitting);
  return known == rooms_.end() ? sitting : known->second;
}

ImportedMeeting* ImportedMeetings::Find(const std::string& room, const std::string& sitting) {
  if (!options_.meeting_id.empty() && !meetings_.empty() && meetings_.begin()->first.first != room) return nullptr;
  return &meetings_.try_emplace({room, sitting}, options_, room, sitting).first->second;
}

ImportedEvents ImportedMeetings::Take(std::vector<LeftOutLine> left_out) {
  ImportedEvents all;
  all.not_imported = std::move(not_imported_);
  all.left_out = std::move(left_out);
  absl::Time first = absl::InfiniteFuture();
  for (const auto& [key, meeting] : meetings_) first = std::min(first, meeting.first());
  absl::Duration shift;
  if (options_.shift_to.has_value() && first != absl::InfiniteFuture()) shift = *options_.shift_to - first;
  for (auto& [key, meeting] : meetings_) {
    ImportedEvents one = meeting.Take(shift);
    std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
    for (const auto& [kind, count] : one.not_imported) all.not_imported[kind] += count;
    std::move(one.left_out.begin(), one.left_out.end(), std::back_inserter(all.left_out));
  }
  std::stable_sort(all.left_out.begin(), all.left_out.end(),
                   [](const LeftOutLine& a, const LeftOutLine& b) { return a.line < b.line; });
  std::sort(all.events.begin(), all.events.end(), ComesBefore);
  return all;
}

}  // namespace retention
