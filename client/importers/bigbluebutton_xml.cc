// BigBlueButton's events.xml. Known traps: `timestamp` is the media server's uptime in some versions and epoch
// milliseconds in others; both `userId` and `userid` occur; the voice bridge's ParticipantJoinedEvent and
// ParticipantLeftEvent are not the meeting's ParticipantJoinEvent and ParticipantLeftEvent; the end can be missing.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <optional>
#include <pugixml.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/importers/meeting_import.h"

namespace retention {
namespace {

// Above this, milliseconds are counted from the epoch (2001 and later); below, since the media server's start.
constexpr int64_t kEpochMillisMin = 1'000'000'000'000;

std::string ChildText(const pugi::xml_node& event, const char* name) { return event.child_value(name); }

std::string UserId(const pugi::xml_node& event) {
  const std::string id = ChildText(event, "userId");
  return id.empty() ? ChildText(event, "userid") : id;
}

// Milliseconds of a text; 0 if it is not a number.
int64_t Milliseconds(const std::string& text) {
  int64_t value;
  return absl::SimpleAtoi(text, &value) && value > 0 ? value : 0;
}

// When the meeting was created: its identifier ends with "-" and epoch milliseconds.
int64_t CreationMillis(const std::string& meeting_id) {
  const size_t dash = meeting_id.rfind('-');
  const int64_t millis = dash == std::string::npos ? 0 : Milliseconds(meeting_id.substr(dash + 1));
  return millis >= kEpochMillisMin ? millis : 0;
}

// Turns the times of a recording into real ones.
class RecordedTime {
 public:
  explicit RecordedTime(const pugi::xml_node& recording, const std::string& meeting_id) {
    const pugi::xml_node first = recording.child("event");
    const int64_t uptime = Milliseconds(first.attribute("timestamp").value());
    if (uptime == 0 || uptime >= kEpochMillisMin) return;
    int64_t base = Milliseconds(ChildText(first, "timestampUTC"));
    if (base < kEpochMillisMin) base = CreationMillis(meeting_id);
    if (base != 0) offset_ = base - uptime;
  }

  std::optional<absl::Time> Of(const pugi::xml_node& event) const {
    const int64_t utc = Milliseconds(ChildText(event, "timestampUTC"));
    if (utc >= kEpochMillisMin) return absl::FromUnixMillis(utc);
    const int64_t millis = Milliseconds(event.attribute("timestamp").value());
    if (millis >= kEpochMillisMin) return absl::FromUnixMillis(millis);
    if (millis > 0 && offset_.has_value()) return absl::FromUnixMillis(millis + *offset_);
    return std::nullopt;
  }

 private:
  std::optional<int64_t> offset_;
};

std::vector<std::string> PollOptions(const pugi::xml_node& event) {
  std::vector<std::string> options;
  google::protobuf::ListValue answers;
  if (google::protobuf::util::JsonStringToMessage(ChildText(event, "answers"), &answers).ok()) {
    for (const auto& answer : answers.values()) {
      const auto& fields = answer.struct_value().fields();
      const auto key = fields.find("key");
      options.push_back(key == fields.end() ? "" : key->second.string_value());
    }
  }
  return options;
}

// A free-text poll starts without options; what was answered is known once it is published.
std::vector<std::string> OptionsOfPoll(const pugi::xml_node& recording, const pugi::xml_node& started) {
  std::vector<std::string> options = PollOptions(started);
  if (!options.empty()) return options;
  for (const auto& event : recording.children("event")) {
    if (std::string(event.attribute("eventname").value()) == "PollPublishedRecordEvent" &&
        ChildText(event, "pollId") == ChildText(started, "pollId")) {
      return PollOptions(event);
    }
  }
  return options;
}

void Chat(absl::Time time, const pugi::xml_node& event, ImportedMeeting& meeting) {
  const std::string chat = ChildText(event, "chatId");
  if (!chat.empty() && chat != "MAIN-PUBLIC-GROUP-CHAT") return meeting.LeaveOut("private chat");
  // The message is CDATA between white space.
  std::string text;
  for (const auto& part : event.child("message").children()) text += part.value();
  const std::string sender = ChildText(event, "senderId");
  meeting.PublicChat(time, sender.empty() ? UserId(event) : sender, std::string(absl::StripAsciiWhitespace(text)));
}

void Take(const pugi::xml_node& recording, const pugi::xml_node& event, absl::Time time, ImportedMeeting& meeting) {
  const std::string kind = event.attribute("eventname").value();
  const std::string module = event.attribute("module").value();
  if (module == "VOICE") {
    meeting.LeaveOut(absl::StrCat("voice: ", kind));
  } else if (kind == "ParticipantJoinEvent") {
    meeting.Join(time, UserId(event), ChildText(event, "name"));
  } else if (kind == "ParticipantLeftEvent") {
    meeting.Leave(time, UserId(event));
  } else if (kind == "RecordStatusEvent") {
    meeting.Recording(time, ChildText(event, "status") == "true");
  } else if (kind == "SharePresentationEvent" && ChildText(event, "share") == "true") {
    meeting.SharePdf(time, ChildText(event, "presentationName"));
  } else if (kind == "PollStartedRecordEvent") {
    meeting.CreatePoll(time, ChildText(event, "pollId"), ChildText(event, "question"), OptionsOfPoll(recording, event));
  } else if (kind == "UserRespondedToPollRecordEvent") {
    const auto index = static_cast<uint32_t>(Milliseconds(ChildText(event, "answerId")));
    meeting.AnswerPoll(time, ChildText(event, "pollId"), UserId(event), {index});
  } else if (kind == "PublicChatEvent") {
    Chat(time, event, meeting);
  } else if (kind == "EndAndKickAllEvent") {
    meeting.End(time);
  } else {
    meeting.LeaveOut(kind);
  }
}

std::string MeetingName(const pugi::xml_node& recording) {
  const std::string name = recording.child("metadata").attribute("meetingName").value();
  return name.empty() ? recording.child("meeting").attribute("name").value() : name;
}

}  // namespace

absl::StatusOr<ImportedEvents> ImportBigBlueButtonXml(std::istream& input, const ImportOptions& options) {
  pugi::xml_document document;
  if (const auto parsed = document.load(input); !parsed) {
    return absl::InvalidArgumentError(absl::StrCat("not XML at byte ", parsed.offset, ": ", parsed.description()));
  }
  const pugi::xml_node recording = document.child("recording");
  const std::string id = recording.attribute("meeting_id").value();
  if (id.empty()) return absl::InvalidArgumentError("recording.meeting_id: missing; not the events of a recording");
  const RecordedTime recorded_time(recording, id);
  ImportedMeeting meeting(options, id);
  absl::Time last = absl::InfinitePast();
  int number = 0;
  for (const auto& event : recording.children("event")) {
    ++number;
    const auto time = recorded_time.Of(event);
    if (!time.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("event ", number, ": timestamp: no time can be made out"));
    }
    if (number == 1) meeting.Begin(*time, MeetingName(recording), absl::ZeroDuration());
    Take(recording, event, *time, meeting);
    last = std::max(last, *time);
  }
  if (number > 0 && !meeting.ended()) meeting.End(last);
  ImportedEvents imported = meeting.Take();
  ArrangeInTime(options, &imported);
  return imported;
}

}  // namespace retention
