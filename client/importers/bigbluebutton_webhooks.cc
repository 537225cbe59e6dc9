// BigBlueButton's webhooks: one JSON object a line, {"data": {"id": "user-joined", "attributes": ..., "event": {"ts":
// ...}}}.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/importers/meeting_import.h"

namespace retention {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// A member of a JSON object; members that are missing, or of another kind, read as empty.
const Value& Member(const Struct& object, const std::string& name) {
  static const Value kNone;
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? kNone : found->second;
}
const Struct& Object(const Struct& object, const std::string& name) { return Member(object, name).struct_value(); }
std::string Text(const Struct& object, const std::string& name) { return Member(object, name).string_value(); }

std::string UserId(const Struct& user) { return Text(user, "internal-user-id"); }

std::vector<std::string> PollOptions(const Struct& poll) {
  std::vector<std::string> options;
  for (const auto& answer : Member(poll, "answers").list_value().values()) {
    options.push_back(Text(answer.struct_value(), "key"));
  }
  return options;
}

std::vector<uint32_t> AnswerIndexes(const Struct& poll) {
  std::vector<uint32_t> indexes;
  for (const auto& id : Member(poll, "answerIds").list_value().values()) {
    const auto index = static_cast<uint32_t>(std::max(0.0, std::min(id.number_value(), 1e6)));
    if (std::find(indexes.begin(), indexes.end(), index) == indexes.end()) indexes.push_back(index);
  }
  return indexes;
}

void Create(absl::Time time, const Struct& recorded, ImportedMeeting& meeting) {
  // `duration` is in minutes; 0 means unlimited.
  const double minutes = std::clamp(Member(recorded, "duration").number_value(), 0.0, 7.0 * 24 * 60);
  meeting.Begin(time, Text(recorded, "name"), absl::Minutes(static_cast<int>(minutes)));
  meeting.DialIn(time, Text(recorded, "voice-conf"), Text(recorded, "dial-number"));
}

void Chat(absl::Time time, const Struct& attributes, ImportedMeeting& meeting) {
  if (Text(attributes, "chat-id") != "MAIN-PUBLIC-GROUP-CHAT") return meeting.LeaveOut("private chat");
  const Struct& message = Object(attributes, "chat-message");
  meeting.PublicChat(time, UserId(Object(message, "sender")), Text(message, "message"));
}

void Take(const std::string& kind, absl::Time time, const Struct& attributes, ImportedMeeting& meeting) {
  const Struct& user = Object(attributes, "user");
  const Struct& poll = Object(attributes, "poll");
  if (kind == "meeting-created") {
    Create(time, Object(attributes, "meeting"), meeting);
  } else if (kind == "meeting-ended") {
    meeting.End(time);
  } else if (kind == "user-joined") {
    meeting.Join(time, UserId(user), Text(user, "name"));
  } else if (kind == "user-left") {
    meeting.Leave(time, UserId(user));
  } else if (kind == "meeting-recording-started") {
    meeting.Recording(time, true);
  } else if (kind == "meeting-recording-stopped") {
    meeting.Recording(time, false);
  } else if (kind == "poll-started") {
    meeting.CreatePoll(time, Text(poll, "id"), Text(poll, "question"), PollOptions(poll));
  } else if (kind == "poll-responded") {
    meeting.AnswerPoll(time, Text(poll, "id"), UserId(user), AnswerIndexes(poll));
  } else if (kind == "chat-group-message-sent") {
    Chat(time, attributes, meeting);
  } else {
    meeting.LeaveOut(kind.empty() ? "event without a kind" : kind);
  }
}

absl::Status FaultAt(int line, const char* what) { return absl::InvalidArgumentError(absl::StrCat(line, ":", what)); }

}  // namespace

absl::StatusOr<ImportedEvents> ImportBigBlueButtonWebhooks(std::istream& input, const ImportOptions& options) {
  std::map<std::string, ImportedMeeting> meetings;
  std::string text;
  for (int line = 1; std::getline(input, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    Struct object;
    if (!google::protobuf::util::JsonStringToMessage(text, &object).ok()) return FaultAt(line, " not a JSON object");
    const Struct& data = Object(object, "data");
    const Struct& attributes = Object(data, "attributes");
    const double milliseconds = Member(Object(data, "event"), "ts").number_value();
    const std::string id = Text(Object(attributes, "meeting"), "internal-meeting-id");
    if (milliseconds <= 0 || milliseconds > 4e12) return FaultAt(line, "data.event.ts: not epoch milliseconds");
    if (id.empty()) return FaultAt(line, "data.attributes.meeting.internal-meeting-id: missing");
    const auto [meeting, is_new] = meetings.try_emplace(id, options, id);
    if (is_new && meetings.size() > 1 && !options.meeting_id.empty()) {
      return FaultAt(line, " a second meeting, which cannot have the given meeting identifier as well");
    }
    const absl::Time time = absl::FromUnixMillis(static_cast<int64_t>(milliseconds));
    Take(Text(data, "id"), time, attributes, meeting->second);
  }
  ImportedEvents all;
  for (auto& [id, meeting] : meetings) {
    ImportedEvents one = meeting.Take();
    std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
    for (const auto& [kind, count] : one.not_imported) all.not_imported[kind] += count;
  }
  ArrangeInTime(options, &all);
  return all;
}

}  // namespace retention
