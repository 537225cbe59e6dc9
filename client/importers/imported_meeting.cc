#include "client/importers/imported_meeting.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/human_units.h"
#include "client/importers/imported_text.h"

namespace retention {
namespace {

// The limits of the API (event.proto).
constexpr size_t kNameBytesMax = 256;
constexpr size_t kEmailBytesMax = 254;
constexpr size_t kEmailLocalPartBytesMax = 64;
constexpr size_t kMeetingNameBytesMax = 512;
constexpr size_t kQuestionBytesMax = 1024;
constexpr size_t kOptionBytesMax = 512;
constexpr size_t kOptionsMax = 50;
constexpr size_t kChatBytesMax = 4096;
constexpr size_t kDialInBytesMax = 32;
constexpr size_t kEventIdHashBytes = 16;
constexpr absl::Duration kPlannedLengthMax = absl::Hours(7 * 24);

// A hash: what was said, and who said it, must not be read in an id.
std::string EventIdOf(const std::string& meeting_id, absl::Time time, const std::vector<std::string>& content) {
  std::string hashed = absl::StrCat(absl::ToUnixMicros(time), "\n", meeting_id.size(), "\n", meeting_id);
  // With lengths, so that no two lists of parts read the same.
  for (const std::string& part : content) absl::StrAppend(&hashed, "\n", part.size(), "\n", part);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(hashed.data()), hashed.size(), digest);
  return absl::StrCat(
      "import-", absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), kEventIdHashBytes)));
}

// What comes first of what is recorded for one instant. A person who changes from one session to another comes before
// going, and so never leaves.
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

}  // namespace

void ArrangeInTime(const ImportOptions& options, ImportedEvents* imported) {
  auto& events = imported->events;
  std::stable_sort(events.begin(), events.end(), [](const v1::Event& a, const v1::Event& b) {
    return FromTimestamp(a.time()) < FromTimestamp(b.time());
  });
  if (events.empty() || !options.shift_to.has_value()) return;
  const absl::Duration shift = *options.shift_to - FromTimestamp(events.front().time());
  const auto move = [&](google::protobuf::Timestamp* time) { *time = ToTimestamp(FromTimestamp(*time) + shift); };
  for (auto& event : events) {
    move(event.mutable_time());
    if (event.has_meeting_scheduled()) move(event.mutable_meeting_scheduled()->mutable_planned_start());
    if (event.has_meeting_rescheduled()) move(event.mutable_meeting_rescheduled()->mutable_planned_start());
  }
}

ImportedMeeting::ImportedMeeting(const ImportOptions& options, const std::string& recorded_id)
    : options_(options), meeting_id_(ValidIdentifier(options.meeting_id.empty() ? recorded_id : options.meeting_id)) {}

v1::Event& ImportedMeeting::Append(absl::Time time, const std::vector<std::string>& content,
                                   const std::string& session_id) {
  Recorded& recorded = recorded_.emplace_back();
  recorded.session = session_id;
  recorded.event.set_event_id(EventIdOf(meeting_id_, time, content));
  recorded.event.set_pbx_id(options_.pbx_id);
  recorded.event.set_meeting_id(meeting_id_);
  *recorded.event.mutable_time() = ToTimestamp(time);
  return recorded.event;
}

void ImportedMeeting::Plan(absl::Time time, const std::string& name, absl::Time start, absl::Duration length) {
  const std::string when = absl::StrCat(absl::ToUnixMicros(start), " ", absl::ToInt64Seconds(length));
  auto* scheduled = Append(time, {"plan", when, name}).mutable_meeting_scheduled();
  scheduled->set_name(ShortenedText(name, kMeetingNameBytesMax));
  *scheduled->mutable_planned_start() = ToTimestamp(start);
  *scheduled->mutable_planned_duration() = ToProtoDuration(std::clamp(length, absl::ZeroDuration(), kPlannedLengthMax));
  scheduled->set_organizer_extension(options_.owner_extension);
  scheduled->set_protocolled(options_.protocolled);
}

void ImportedMeeting::Replan(absl::Time time, absl::Time start, absl::Duration length) {
  const std::string when = absl::StrCat(absl::ToUnixMicros(start), " ", absl::ToInt64Seconds(length));
  auto* rescheduled = Append(time, {"new plan", when}).mutable_meeting_rescheduled();
  *rescheduled->mutable_planned_start() = ToTimestamp(start);
  *rescheduled->mutable_planned_duration() =
      ToProtoDuration(std::clamp(length, absl::ZeroDuration(), kPlannedLengthMax));
}

void ImportedMeeting::Start(absl::Time time, const std::string& name) {
  auto* started = Append(time, {"start"}).mutable_meeting_started();
  started->set_name(ShortenedText(name, kMeetingNameBytesMax));
  started->set_organizer_extension(options_.owner_extension);
  started->set_protocolled(options_.protocolled);
}

void ImportedMeeting::DialIn(absl::Time time, const std::string& conference_number, const std::string& dial_in_number) {
  if (conference_number.empty() && dial_in_number.empty()) return;
  auto* dial_in = Append(time, {"dial-in", conference_number, dial_in_number}).mutable_dial_in_assigned();
  dial_in->set_conference_number(ShortenedText(conference_number, kDialInBytesMax));
  if (!dial_in_number.empty()) dial_in->add_dial_in_numbers(ShortenedText(dial_in_number, kDialInBytesMax));
}

void ImportedMeeting::Recognise(const RecordedSession& session) {
  if (!session.person.empty()) persons_.try_emplace(session.id, session.person);
}

void ImportedMeeting::Join(absl::Time time, const RecordedSession& session) {
  Recognise(session);
  auto* joined = Append(time, {"join", session.id}, session.id).mutable_participant_joined();
  joined->set_name(ShortenedText(session.name, kNameBytesMax));
  joined->set_email(ShortenedText(AcceptableEmail(session.email), kEmailBytesMax));
}

void ImportedMeeting::Leave(absl::Time time, const RecordedSession& session) {
  Recognise(session);
  Append(time, {"leave", session.id}, session.id).mutable_participant_left();
}

void ImportedMeeting::SwitchRecording(absl::Time time, bool on) {
  v1::Event& event = Append(time, {"recording", on ? "on" : "off"});
  recorded_.back().is_recording_switch = true;
  if (!on) return;
  event.mutable_recording_created()->set_recording_id(absl::StrCat("recording-", event.event_id()));
  event.mutable_recording_created()->set_object_ref(absl::StrCat("bigbluebutton/", meeting_id_, "/", event.event_id()));
}

void ImportedMeeting::CreateRecording(absl::Time time, const std::string& platform, const std::string& id) {
  auto* created = Append(time, {"recording", id}).mutable_recording_created();
  created->set_recording_id(ValidIdentifier(id));
  created->set_object_ref(absl::StrCat(platform, "/", meeting_id_, "/", created->recording_id()));
}

void ImportedMeeting::SharePdf(absl::Time time, const std::string& presentation_id) {
  auto* pdf = Append(time, {"pdf", presentation_id}).mutable_pdf_shared();
  pdf->set_pdf_id(ValidIdentifier(presentation_id));
  pdf->set_object_ref(absl::StrCat("bigbluebutton/", meeting_id_, "/", pdf->pdf_id()));
}

void ImportedMeeting::CreatePoll(absl::Time time, const std::string& poll_id, const std::string& question,
                                 const std::vector<std::string>& options) {
  if (options_.owner_extension.empty()) return LeaveOut("poll (needs an owner extension)");
  auto* poll = Append(time, {"poll", poll_id}).mutable_poll_created();
  poll->set_poll_id(ValidIdentifier(poll_id));
  poll->set_owner_extension(options_.owner_extension);
  poll->set_question(ShortenedText(question, kQuestionBytesMax));
  for (size_t i = 0; i < std::min(options.size(), kOptionsMax); ++i) {
    poll->add_options(ShortenedText(options[i], kOptionBytesMax));
  }
  poll_options_[poll->poll_id()] = static_cast<uint32_t>(poll->options_size());
}

void ImportedMeeting::AnswerPoll(absl::Time time, const std::string& poll_id, const std::string& session_id,
                                 const std::vector<uint32_t>& option_indexes) {
  if (options_.owner_extension.empty()) return LeaveOut("answer to a poll that was not imported");
  std::vector<std::string> content = {"answer", poll_id, session_id};
  for (const uint32_t index : option_indexes) content.push_back(absl::StrCat(index));
  auto* answer = Append(time, content, session_id).mutable_poll_answered();
  answer->set_poll_id(ValidIdentifier(poll_id));
  for (const uint32_t index : option_indexes) answer->add_option_indexes(index);
}

void ImportedMeeting::PublicChat(absl::Time time, const std::string& session_id, const std::string& message_id,
                                 const std::string& text) {
  if (!options_.protocolled) return LeaveOut("chat (the meeting is not imported as protocolled)");
  if (text.empty()) return LeaveOut("chat without text");
  auto* message = Append(time, {"chat", session_id, message_id, text}, session_id).mutable_chat_message_sent();
  message->set_text(ShortenedText(text, kChatBytesMax));
}

void ImportedMeeting::End(absl::Time time) {
  ended_ = true;
  Append(time, {"end"}).mutable_meeting_ended();
}

void ImportedMeeting::Delete(absl::Time time) { Append(time, {"delete"}).mutable_meeting_deleted(); }

std::string ImportedMeeting::PersonOf(const std::string& session_id) const {
  const auto person = persons_.find(session_id);
  return PersonIdentifier(person == persons_.end() ? session_id : person->second);
}

// A log that begins in the middle of a meeting does not say that it began, and chat is refused before that was
// announced as protocolled.
void ImportedMeeting::AnnounceProtocol() {
  if (!options_.protocolled) return;
  absl::Time first = absl::InfiniteFuture();
  for (const Recorded& recorded : recorded_) {
    if (recorded.event.has_meeting_started()) return;
    if (IsOfCourse(recorded.event)) first = std::min(first, FromTimestamp(recorded.event.time()));
  }
  if (first != absl::InfiniteFuture()) Start(first, "");
}

bool ImportedMeeting::SettleJoin(Recorded& recorded) {
  const std::string person = PersonOf(recorded.session);
  open_[person].insert(recorded.session);
  if (known_.insert(person).second) {
    recorded.event.mutable_participant_joined()->set_participant_id(person);
  } else {
    recorded.event.mutable_participant_reconnected()->set_participant_id(person);
  }
  return true;
}

bool ImportedMeeting::SettleLeave(Recorded& recorded) {
  const std::string person = PersonOf(recorded.session);
  known_.insert(person);
  std::set<std::string>& open = open_[person];
  open.erase(recorded.session);
  recorded.event.mutable_participant_left()->set_participant_id(person);
  return open.empty();
}

bool ImportedMeeting::SettleAnswer(Recorded& recorded) {
  auto& answer = *recorded.event.mutable_poll_answered();
  answer.set_participant_id(PersonOf(recorded.session));
  const auto poll = poll_options_.find(answer.poll_id());
  const uint32_t options = poll == poll_options_.end() ? kOptionsMax : poll->second;
  for (const uint32_t index : answer.option_indexes()) {
    if (index < options) continue;
    LeaveOut(options == 0 ? "typed answer whose text is not recorded" : "answer outside the options of its poll");
    return false;
  }
  return true;
}

bool ImportedMeeting::SettleRecording(const Recorded& recorded) {
  const bool on = recorded.event.has_recording_created();
  return !std::exchange(recording_, on) && on;
}

bool ImportedMeeting::Settle(Recorded& recorded) {
  if (recorded.is_recording_switch) return SettleRecording(recorded);
  v1::Event& event = recorded.event;
  switch (event.payload_case()) {
    case v1::Event::kParticipantJoined:
      return SettleJoin(recorded);
    case v1::Event::kParticipantLeft:
      return SettleLeave(recorded);
    case v1::Event::kPollAnswered:
      return SettleAnswer(recorded);
    case v1::Event::kChatMessageSent:
      event.mutable_chat_message_sent()->set_participant_id(PersonOf(recorded.session));
      return true;
    case v1::Event::kMeetingEnded:
      if (!std::exchange(end_settled_, true)) return true;
      LeaveOut("second end");
      return false;
    default:
      return true;
  }
}

ImportedEvents ImportedMeeting::Take() {
  AnnounceProtocol();
  std::stable_sort(recorded_.begin(), recorded_.end(), [](const Recorded& a, const Recorded& b) {
    const auto place = [](const v1::Event& event) {
      return std::make_pair(FromTimestamp(event.time()), RankOf(event));
    };
    return place(a.event) < place(b.event);
  });
  std::set<std::string> seen;  // Platforms post a callback again that was not acknowledged in time.
  for (Recorded& recorded : recorded_) {
    if (!seen.insert(recorded.event.event_id()).second) continue;
    if (Settle(recorded)) imported_.events.push_back(std::move(recorded.event));
  }
  recorded_.clear();
  return std::move(imported_);
}

ImportedMeeting* ImportedMeetings::Find(const std::string& recorded_id) {
  const auto found = meetings_.find(recorded_id);
  if (found != meetings_.end()) return &found->second;
  if (!meetings_.empty() && !options_.meeting_id.empty()) return nullptr;
  return &meetings_.try_emplace(recorded_id, options_, recorded_id).first->second;
}

ImportedEvents ImportedMeetings::Take(std::vector<LeftOutLine> left_out) {
  ImportedEvents all;
  all.not_imported = std::move(not_imported_);
  all.left_out = std::move(left_out);
  std::stable_sort(all.left_out.begin(), all.left_out.end(),
                   [](const LeftOutLine& a, const LeftOutLine& b) { return a.line < b.line; });
  for (auto& [id, meeting] : meetings_) {
    ImportedEvents one = meeting.Take();
    std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
    for (const auto& [kind, count] : one.not_imported) all.not_imported[kind] += count;
  }
  ArrangeInTime(options_, &all);
  return all;
}

}  // namespace retention
