#include "client/importers/meeting_import.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/human_units.h"

namespace retention {
namespace {

constexpr size_t kIdentifierBytesMax = 128;
constexpr size_t kNameBytesMax = 256;
constexpr size_t kMeetingNameBytesMax = 512;
constexpr size_t kQuestionBytesMax = 1024;
constexpr size_t kOptionBytesMax = 512;
constexpr size_t kOptionsMax = 50;
constexpr size_t kChatBytesMax = 4096;
constexpr size_t kDialInBytesMax = 32;

// Length of the UTF-8 character at `at`, or 0 if there is none (RFC 3629).
size_t CharacterLength(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool beyond = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

// `text` with `?` for bytes that are not UTF-8, which the protocol could not carry.
std::string ValidUtf8(std::string text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharacterLength(text, at);
    if (length == 0) text[at] = '?';
    at += length == 0 ? 1 : length;
  }
  return text;
}

// At most the first `bytes_max` bytes of `recorded`, as UTF-8 without half a character at the end.
std::string Shortened(const std::string& recorded, size_t bytes_max) {
  const std::string text = ValidUtf8(recorded);
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::string ValidIdentifier(const std::string& id) {
  const bool valid = !id.empty() && id.size() <= kIdentifierBytesMax &&
                     std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (valid) return id;
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a.
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return absl::StrCat("id-", absl::Hex(hash, absl::kZeroPad16));
}

void ArrangeInTime(const ImportOptions& options, ImportedEvents* imported) {
  auto& events = imported->events;
  std::stable_sort(events.begin(), events.end(), [](const v1::Event& a, const v1::Event& b) {
    return FromTimestamp(a.time()) < FromTimestamp(b.time());
  });
  if (events.empty() || !options.shift_to.has_value()) return;
  const absl::Duration shift = *options.shift_to - FromTimestamp(events.front().time());
  for (auto& event : events) {
    *event.mutable_time() = ToTimestamp(FromTimestamp(event.time()) + shift);
    if (event.has_meeting_scheduled()) {
      auto* planned = event.mutable_meeting_scheduled()->mutable_planned_start();
      *planned = ToTimestamp(FromTimestamp(*planned) + shift);
    }
  }
}

ImportedMeeting::ImportedMeeting(const ImportOptions& options, const std::string& recorded_id)
    : options_(options), meeting_id_(ValidIdentifier(options.meeting_id.empty() ? recorded_id : options.meeting_id)) {}

v1::Event& ImportedMeeting::Append(absl::Time time) {
  v1::Event& event = imported_.events.emplace_back();
  // The number within the recording: the same recording imported twice changes nothing.
  event.set_event_id(absl::StrCat("import-", imported_.events.size()));
  event.set_pbx_id(options_.pbx_id);
  event.set_meeting_id(meeting_id_);
  *event.mutable_time() = ToTimestamp(time);
  return event;
}

void ImportedMeeting::Begin(absl::Time time, const std::string& name, absl::Duration planned) {
  auto* scheduled = Append(time).mutable_meeting_scheduled();
  scheduled->set_name(Shortened(name, kMeetingNameBytesMax));
  *scheduled->mutable_planned_start() = ToTimestamp(time);
  *scheduled->mutable_planned_duration() = ToProtoDuration(planned);
  scheduled->set_organizer_extension(options_.owner_extension);
  scheduled->set_protocolled(options_.protocolled);
  auto* started = Append(time).mutable_meeting_started();
  started->set_organizer_extension(options_.owner_extension);
  started->set_protocolled(options_.protocolled);
}

void ImportedMeeting::DialIn(absl::Time time, const std::string& conference_number, const std::string& dial_in_number) {
  if (conference_number.empty() && dial_in_number.empty()) return;
  auto* dial_in = Append(time).mutable_dial_in_assigned();
  dial_in->set_conference_number(Shortened(conference_number, kDialInBytesMax));
  if (!dial_in_number.empty()) dial_in->add_dial_in_numbers(Shortened(dial_in_number, kDialInBytesMax));
}

void ImportedMeeting::Join(absl::Time time, const std::string& user_id, const std::string& name) {
  auto* joined = Append(time).mutable_participant_joined();
  joined->set_participant_id(ValidIdentifier(user_id));
  joined->set_name(Shortened(name, kNameBytesMax));
}

void ImportedMeeting::Leave(absl::Time time, const std::string& user_id) {
  Append(time).mutable_participant_left()->set_participant_id(ValidIdentifier(user_id));
}

void ImportedMeeting::Recording(absl::Time time, bool started) {
  if (started && !recording_) {
    v1::Event& event = Append(time);
    auto* created = event.mutable_recording_created();
    created->set_recording_id(absl::StrCat("recording-", event.event_id()));
    created->set_object_ref(absl::StrCat("bigbluebutton/", meeting_id_, "/", event.event_id()));
  }
  recording_ = started;
}

void ImportedMeeting::SharePdf(absl::Time time, const std::string& presentation_id) {
  auto* pdf = Append(time).mutable_pdf_shared();
  pdf->set_pdf_id(ValidIdentifier(presentation_id));
  pdf->set_object_ref(absl::StrCat("bigbluebutton/", meeting_id_, "/", pdf->pdf_id()));
}

void ImportedMeeting::CreatePoll(absl::Time time, const std::string& poll_id, const std::string& question,
                                 const std::vector<std::string>& options) {
  if (options_.owner_extension.empty()) return LeaveOut("poll (needs an owner extension)");
  auto* poll = Append(time).mutable_poll_created();
  poll->set_poll_id(ValidIdentifier(poll_id));
  poll->set_owner_extension(options_.owner_extension);
  poll->set_question(Shortened(question, kQuestionBytesMax));
  for (size_t i = 0; i < std::min(options.size(), kOptionsMax); ++i) {
    poll->add_options(Shortened(options[i], kOptionBytesMax));
  }
  poll_options_[poll_id] = poll->options_size();
}

void ImportedMeeting::AnswerPoll(absl::Time time, const std::string& poll_id, const std::string& user_id,
                                 const std::vector<uint32_t>& option_indexes) {
  const auto poll = poll_options_.find(poll_id);
  if (poll == poll_options_.end()) return LeaveOut("answer to a poll that was not imported");
  for (const uint32_t index : option_indexes) {
    if (index >= poll->second) return LeaveOut("answer outside the options of its poll");
  }
  auto* answer = Append(time).mutable_poll_answered();
  answer->set_poll_id(ValidIdentifier(poll_id));
  answer->set_participant_id(ValidIdentifier(user_id));
  for (const uint32_t index : option_indexes) answer->add_option_indexes(index);
}

void ImportedMeeting::PublicChat(absl::Time time, const std::string& user_id, const std::string& text) {
  if (!options_.protocolled) return LeaveOut("chat (the meeting is not imported as protocolled)");
  if (text.empty()) return LeaveOut("chat without text");
  auto* message = Append(time).mutable_chat_message_sent();
  message->set_participant_id(ValidIdentifier(user_id));
  message->set_text(Shortened(text, kChatBytesMax));
}

void ImportedMeeting::End(absl::Time time) {
  if (std::exchange(ended_, true)) return LeaveOut("second end");
  Append(time).mutable_meeting_ended();
}

}  // namespace retention
