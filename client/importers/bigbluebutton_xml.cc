// BigBlueButton's events.xml. Known traps: `timestamp` is the media server's uptime in some versions and epoch
// milliseconds in others; both `userId` and `userid` occur; the voice bridge's ParticipantJoinedEvent and
// ParticipantLeftEvent are not the meeting's ParticipantJoinEvent and ParticipantLeftEvent; the end can be missing, and
// in 2011 so was the meeting.
#include <algorithm>
#include <iterator>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/importers/bigbluebutton_polls.h"
#include "client/importers/imported_meeting.h"
#include "client/importers/imported_text.h"

namespace retention {
namespace {

// Above this, milliseconds are counted from the epoch (2001 and later); below, since the media server's start.
constexpr int64_t kEpochMillisMin = 1'000'000'000'000;

std::string ChildText(const pugi::xml_node& event, const char* name) { return event.child_value(name); }

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
  // The earliest of `events` is first.
  RecordedTime(const std::vector<pugi::xml_node>& events, const std::string& meeting_id) {
    if (events.empty()) return;
    const pugi::xml_node first = events.front();
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

// The events in the order of time, whatever their order in the file.
std::vector<pugi::xml_node> EventsOf(const pugi::xml_node& recording) {
  const auto place = [](const pugi::xml_node& event) {
    const int64_t millis = Milliseconds(event.attribute("timestamp").value());
    return std::make_tuple(millis == 0, millis, ChildText(event, "userId"), ChildText(event, "answer"));
  };
  const auto children = recording.children("event");
  std::vector<pugi::xml_node> events(children.begin(), children.end());
  std::stable_sort(events.begin(), events.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return events;
}

// On which lines of a text its bytes are.
class LineNumbers {
 public:
  explicit LineNumbers(const std::string& text) {
    for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) ends_.push_back(at);
  }

  int Of(ptrdiff_t offset) const {
    const auto byte = static_cast<size_t>(std::max<ptrdiff_t>(offset, 0));
    return static_cast<int>(std::lower_bound(ends_.begin(), ends_.end(), byte) - ends_.begin()) + 1;
  }

 private:
  std::vector<size_t> ends_;
};

// Imports the events of one recording.
class BigBlueButtonRecording {
 public:
  BigBlueButtonRecording(const pugi::xml_node& recording, const std::string& id, ImportedMeeting& meeting)
      : recording_(recording), events_(EventsOf(recording)), times_(events_, id), polls_(events_), meeting_(meeting) {
    // Any event of a session may say whose it is.
    for (const auto& event : events_) {
      if (const RecordedSession session = Session(event); !session.person.empty()) meeting_.Recognise(session);
    }
  }

  // `is_whole`: nothing of it is missing, so that its last event is its end, and every answer to a poll is there.
  void Import(const LineNumbers& lines, bool is_whole, std::vector<LeftOutLine>* left_out) {
    std::optional<absl::Time> first, last;
    for (const auto& event : events_) {
      const auto time = times_.Of(event);
      if (time.has_value() && !is_whole && IsOfOpenPoll(event)) {
        left_out->push_back({lines.Of(event.offset_debug()), "pollId",
                             "the file is cut off before all answers to this poll, which are its options"});
        continue;
      }
      const std::string lacking = time.has_value() ? Lacking(event) : "timestamp";
      if (!lacking.empty()) {
        left_out->push_back(
            {lines.Of(event.offset_debug()), lacking, time.has_value() ? "missing" : "no time can be made out"});
        continue;
      }
      first = std::min(first.value_or(*time), *time);
      last = std::max(last.value_or(*time), *time);
      Take(event, *time, lines.Of(event.offset_debug()));
    }
    if (!first.has_value()) return;
    meeting_.Plan(*first, Name(), *first, absl::ZeroDuration());
    meeting_.Start(*first, "");
    if (is_whole && !meeting_.ended()) meeting_.End(*last);
  }

 private:
  std::string Name() const {
    const std::string name = recording_.child("metadata").attribute("meetingName").value();
    return name.empty() ? recording_.child("meeting").attribute("name").value() : name;
  }

  static std::string Kind(const pugi::xml_node& event) { return KindWord(event.attribute("eventname").value()); }

  static bool IsVoice(const pugi::xml_node& event) { return std::string(event.attribute("module").value()) == "VOICE"; }

  static RecordedSession Session(const pugi::xml_node& event) {
    std::string id = ChildText(event, "userId");
    if (id.empty()) id = ChildText(event, "userid");
    return {.id = id, .person = ChildText(event, "externalUserId"), .connection = id, .name = ChildText(event, "name")};
  }

  bool IsOfOpenPoll(const pugi::xml_node& event) const {
    const std::string kind = Kind(event);
    const bool is_of_poll = kind == "PollStartedRecordEvent" || kind == "UserRespondedToPollRecordEvent";
    return is_of_poll && !ChildText(event, "pollId").empty() && polls_.IsOpen(ChildText(event, "pollId"));
  }

  // What an event of its kind cannot do without, and does; empty if nothing.
  static std::string Lacking(const pugi::xml_node& event) {
    const std::string kind = Kind(event);
    if (IsVoice(event)) return "";
    const bool is_answer = kind == "UserRespondedToPollRecordEvent";
    if (kind == "ParticipantJoinEvent" || kind == "ParticipantLeftEvent" || is_answer) {
      if (Session(event).id.empty()) return "userId";
    }
    if ((kind == "PollStartedRecordEvent" || is_answer) && ChildText(event, "pollId").empty()) return "pollId";
    return "";
  }

  // Only who joins is said to be somebody.
  static RecordedSession SessionOnly(std::string id, const char* field, int line) {
    return {.id = id, .connection = id, .unknown = LeftOutLine{line, field, kUnknownPerson}};
  }

  void Take(const pugi::xml_node& event, absl::Time time, int line) {
    const std::string kind = Kind(event);
    if (IsVoice(event)) {
      meeting_.LeaveOut(absl::StrCat("voice: ", kind));
    } else if (kind == "ParticipantJoinEvent") {
      meeting_.Join(time, Session(event));
    } else if (kind == "ParticipantLeftEvent") {
      meeting_.Leave(time, SessionOnly(Session(event).id, "userId", line));
    } else if (kind == "RecordStatusEvent") {
      if (ChildText(event, "status") == "true") meeting_.StartRecording(time);
    } else if (kind == "SharePresentationEvent" && ChildText(event, "share") == "true") {
      meeting_.SharePdf(time, ChildText(event, "presentationName"));
    } else if (kind == "PollStartedRecordEvent") {
      const std::string poll = ChildText(event, "pollId");
      meeting_.CreatePoll(time, poll, ChildText(event, "question"), polls_.OptionsOf(poll));
    } else if (kind == "UserRespondedToPollRecordEvent") {
      TakeAnswer(event, time, line);
    } else if (kind == "PublicChatEvent") {
      TakeChat(event, time, line);
    } else if (kind == "EndAndKickAllEvent") {
      meeting_.End(time);
    } else {
      meeting_.LeaveOut(kind.empty() ? "event without a kind" : kind);
    }
  }

  void TakeAnswer(const pugi::xml_node& event, absl::Time time, int line) {
    const auto answer = polls_.AnswerOf(event);
    if (!answer.has_value()) return meeting_.LeaveOut("answer outside the options of its poll");
    meeting_.AnswerPoll(time, ChildText(event, "pollId"), SessionOnly(Session(event).id, "userId", line), {*answer});
  }

  void TakeChat(const pugi::xml_node& event, absl::Time time, int line) {
    const std::string chat = ChildText(event, "chatId");
    if (!chat.empty() && chat != "MAIN-PUBLIC-GROUP-CHAT") return meeting_.LeaveOut("private chat");
    // The message is CDATA between white space.
    std::string text;
    for (const auto& part : event.child("message").children()) text += part.value();
    const std::string sender = ChildText(event, "senderId");
    const RecordedSession session =
        sender.empty() ? SessionOnly(Session(event).id, "userId", line) : SessionOnly(sender, "senderId", line);
    meeting_.PublicChat(time, session, ChildText(event, "id"), std::string(absl::StripAsciiWhitespace(text)));
  }

  const pugi::xml_node recording_;
  const std::vector<pugi::xml_node> events_;
  const RecordedTime times_;
  const BigBlueButtonPolls polls_;
  ImportedMeeting& meeting_;
};

// What names the room, over all its sittings; its only sitting where a recording does not say it.
std::string RoomOf(const pugi::xml_node& recording, const std::string& sitting) {
  const std::string external = recording.child("meeting").attribute("externalId").value();
  if (!external.empty()) return external;
  const std::string said = recording.child("metadata").attribute("meetingId").value();
  return said.empty() ? sitting : said;
}

}  // namespace

absl::StatusOr<ImportedEvents> ImportBigBlueButtonXml(std::istream& input, const ImportOptions& options) {
  const std::string text{std::istreambuf_iterator<char>(input), {}};
  const LineNumbers lines(text);
  pugi::xml_document document;
  const auto parsed = document.load_buffer(text.data(), text.size());
  pugi::xml_node recording = document.child("recording");
  std::vector<LeftOutLine> left_out;
  if (!parsed) {
    const std::string reason = absl::StrCat("not XML: ", parsed.description());
    const int line = lines.Of(parsed.offset);
    // What was read before may be taken, but for the last event, which may be half of one.
    if (!recording.child("event")) return absl::InvalidArgumentError(absl::StrCat(line, ": ", reason));
    recording.remove_child(recording.last_child());
    left_out.push_back({line, "", absl::StrCat(reason, "; this and what follows is left out")});
  }
  const std::string id = recording.attribute("meeting_id").value();
  if (!recording || (id.empty() && options.meeting_id.empty())) {
    return absl::InvalidArgumentError("recording.meeting_id: missing; give one with --meeting if it is a recording");
  }
  ImportedMeetings meetings(options);
  ImportedMeeting* meeting = meetings.Find(RoomOf(recording, id), id);
  BigBlueButtonRecording(recording, id, *meeting).Import(lines, static_cast<bool>(parsed), &left_out);
  return meetings.Take(std::move(left_out));
}

}  // namespace retention
