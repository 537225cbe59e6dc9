// BigBlueButton's webhooks: {"data": {"id": "user-joined", "attributes": ..., "event": {"ts": ...}}}.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "client/importers/imported_meeting.h"
#include "client/importers/json_lines.h"

namespace retention {
namespace {

constexpr char kPublicChat[] = "MAIN-PUBLIC-GROUP-CHAT";
// The sitting; the external identifier names the room, over all its sittings.
constexpr char kBigBlueButtonMeetingId[] = "data.attributes.meeting.internal-meeting-id";
constexpr char kUser[] = "data.attributes.user.internal-user-id";
constexpr char kSender[] = "data.attributes.chat-message.sender.internal-user-id";
constexpr char kBigBlueButtonRoom[] = "data.attributes.meeting.external-meeting-id";

// A session has the internal id; the external one names the person behind it.
RecordedSession SessionAt(const JsonEvent& event) {
  return {.id = event.Text(kUser),
          .person = event.Text("data.attributes.user.external-user-id"),
          .connection = event.Text(kUser),
          .name = event.Text("data.attributes.user.name")};
}

std::vector<std::string> PollOptions(const JsonEvent& event) {
  std::vector<std::string> options;
  for (const auto& answer : event.At("data.attributes.poll.answers").list_value().values()) {
    options.push_back(MemberOf(answer.struct_value(), "key").string_value());
  }
  return options;
}

std::vector<uint32_t> AnswerIndexes(const JsonEvent& event) {
  std::vector<uint32_t> indexes;
  for (const auto& id : event.At("data.attributes.poll.answerIds").list_value().values()) {
    const auto index = static_cast<uint32_t>(std::max(0.0, std::min(id.number_value(), 1e6)));
    if (std::find(indexes.begin(), indexes.end(), index) == indexes.end()) indexes.push_back(index);
  }
  return indexes;
}

void TakeCreation(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
  // `duration` is in minutes; 0 means unlimited.
  const double minutes = std::clamp(event.At("data.attributes.meeting.duration").number_value(), 0.0, 7.0 * 24 * 60);
  meeting.Plan(time, event.Text("data.attributes.meeting.name"), time, absl::Minutes(static_cast<int>(minutes)));
  meeting.Start(time, "");
  meeting.DialIn(time, event.Identifier("data.attributes.meeting.voice-conf"),
                 event.Identifier("data.attributes.meeting.dial-number"));
}

void TakeChat(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
  if (event.Text("data.attributes.chat-id") != kPublicChat) return meeting.LeaveOut("private chat");
  const RecordedSession sender = {.id = event.Text(kSender), .unknown = event.Fault(kSender, kUnknownPerson)};
  meeting.PublicChat(time, sender, event.Identifier("data.attributes.chat-message.id"),
                     event.Text("data.attributes.chat-message.message"));
}

// What an event of this kind cannot do without.
std::vector<std::string> RequiredFields(const std::string& kind) {
  constexpr char kPoll[] = "data.attributes.poll.id";
  if (kind == "user-joined" || kind == "user-left") return {kUser};
  if (kind == "poll-started") return {kPoll};
  if (kind == "poll-responded") return {kUser, kPoll};
  if (kind == "chat-group-message-sent") return {kSender};
  return {};
}

std::optional<LeftOutLine> FaultOf(const JsonEvent& event) {
  if (event.Text(kBigBlueButtonMeetingId).empty()) return event.Fault(kBigBlueButtonMeetingId, "missing");
  for (const std::string& field : RequiredFields(event.Kind("data.id"))) {
    if (event.Text(field).empty()) return event.Fault(field, "missing");
  }
  return std::nullopt;
}

void TakeCallback(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
  const std::string kind = event.Kind("data.id");
  RecordedSession session = SessionAt(event);
  const std::string poll = event.Text("data.attributes.poll.id");
  if (kind == "poll-responded") session.unknown = event.Fault(kUser, kUnknownPerson);
  meeting.Recognise(session);
  if (kind == "meeting-created") {
    TakeCreation(event, time, meeting);
  } else if (kind == "meeting-ended") {
    meeting.End(time);
  } else if (kind == "user-joined") {
    meeting.Join(time, session);
  } else if (kind == "user-left") {
    meeting.Leave(time, session);
  } else if (kind == "meeting-recording-started") {
    meeting.StartRecording(time);
  } else if (kind == "poll-started") {
    meeting.CreatePoll(time, poll, event.Text("data.attributes.poll.question"), PollOptions(event));
  } else if (kind == "poll-responded") {
    meeting.AnswerPoll(time, poll, session, AnswerIndexes(event));
  } else if (kind == "chat-group-message-sent") {
    TakeChat(event, time, meeting);
  } else if (kind != "meeting-recording-stopped") {
    meeting.LeaveOut(kind.empty() ? "event without a kind" : kind);
  }
}

}  // namespace

absl::StatusOr<ImportedEvents> ImportBigBlueButtonWebhooks(std::istream& input, const ImportOptions& options) {
  ImportedMeetings meetings(options);
  std::vector<LeftOutLine> left_out;
  const auto events = ReadJsonLines(input, &left_out);
  for (const JsonEvent& event : events) {
    meetings.Recognise(event.Text(kBigBlueButtonMeetingId), event.Text(kBigBlueButtonRoom));
  }
  for (const JsonEvent& event : events) {
    const auto time = event.Millis("data.event.ts");
    const std::string sitting = event.Text(kBigBlueButtonMeetingId);
    if (!time.ok()) {
      left_out.push_back(event.Fault("data.event.ts", std::string(time.status().message())));
    } else if (auto fault = FaultOf(event); fault.has_value()) {
      left_out.push_back(*fault);
    } else if (auto* meeting = meetings.Find(meetings.RoomOf(sitting), sitting); meeting != nullptr) {
      TakeCallback(event, *time, *meeting);
    } else {
      left_out.push_back(event.Fault(kBigBlueButtonMeetingId, kSecondMeeting));
    }
  }
  return meetings.Take(std::move(left_out));
}

}  // namespace retention
