// Webex's webhooks: {"resource": "meetings", "event": "started", "data": {"id": ..., "title": ...}}. `created` beside
// them is when the webhook was made, and no time of the event.
//
// A series is a room; its plan bears its identifier, a sitting the same with "_I_" and a number.
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/importers/imported_meeting.h"
#include "client/importers/json_lines.h"

namespace retention {
namespace {

constexpr char kSittingMark[] = "_I_";

class WebexLog {
 public:
  explicit WebexLog(const ImportOptions& options) : meetings_(options) {}

  ImportedEvents Import(std::istream& input) {
    for (const JsonEvent& event : ReadJsonLines(input, &left_out_)) {
      if (auto fault = Take(event); fault.has_value()) left_out_.push_back(*std::move(fault));
    }
    return meetings_.Take(std::move(left_out_));
  }

 private:
  using Fault = std::optional<LeftOutLine>;

  Fault Take(const JsonEvent& event) {
    const std::string resource = event.Kind("resource");
    const std::string kind = absl::StrCat(resource, " ", event.Kind("event"));
    if (kind == "meetings started") return TakeAt(event, "data.id", "data.start", &WebexLog::TakeStart);
    if (kind == "meetings ended") return TakeAt(event, "data.id", "data.end", &WebexLog::TakeEnd);
    if (kind == "meetingParticipants joined") {
      return TakeAt(event, "data.meetingId", "data.joinedTime", &WebexLog::TakeJoin);
    }
    if (kind == "meetingParticipants left") {
      return TakeAt(event, "data.meetingId", "data.leftTime", &WebexLog::TakeLeave);
    }
    if (kind == "recordings created") {
      return TakeAt(event, "data.meetingId", "data.createTime", &WebexLog::TakeRecording);
    }
    if (kind == "meetings created" || kind == "meetings updated" || kind == "meetings deleted") {
      return TakeAt(event, "data.id", "data.start", &WebexLog::TakePlan);
    }
    meetings_.LeaveOut(kind == " " ? "event without a kind" : kind);
    return std::nullopt;
  }

  Fault TakeAt(const JsonEvent& event, const char* meeting_field, const char* time_field,
               Fault (WebexLog::*take)(const JsonEvent&, absl::Time, ImportedMeeting&)) {
    auto time = event.Rfc3339Time(time_field);
    const auto received = event.Rfc3339Time("received");
    if (event.Text(time_field).empty() && received.ok()) time = received;
    if (!time.ok()) return event.Fault(time_field, std::string(time.status().message()));
    const std::string id = event.Text(meeting_field);
    if (id.empty()) return event.Fault(meeting_field, "missing");
    const size_t series = id.find(kSittingMark);
    ImportedMeeting* meeting = meetings_.Find(id.substr(0, series), series == std::string::npos ? std::string() : id);
    if (meeting == nullptr) return event.Fault(meeting_field, kSecondMeeting);
    return (this->*take)(event, *time, *meeting);
  }

  Fault TakeStart(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    meeting.Start(time, event.Text("data.title"));
    return std::nullopt;
  }

  Fault TakeEnd(const JsonEvent&, absl::Time time, ImportedMeeting& meeting) {
    meeting.End(time);
    return std::nullopt;
  }

  // `id` names the participant within the sitting, over all their devices; what they joined with tells these apart.
  static RecordedSession Session(const JsonEvent& event) {
    const std::string id = event.Text("data.id");
    const auto joined = event.Rfc3339Time("data.joinedTime");
    return {.id = id,
            .connection = joined.ok() ? absl::StrCat(id, " ", absl::ToUnixMicros(*joined)) : "",
            .name = event.Text("data.displayName"),
            .email = event.Text("data.email")};
  }

  Fault TakeJoin(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    if (event.Text("data.id").empty()) return event.Fault("data.id", "missing");
    meeting.Join(time, Session(event));
    return std::nullopt;
  }

  Fault TakeLeave(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    if (event.Text("data.id").empty()) return event.Fault("data.id", "missing");
    meeting.Leave(time, Session(event));
    return std::nullopt;
  }

  Fault TakeRecording(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    if (event.Text("data.id").empty()) return event.Fault("data.id", "missing");
    meeting.CreateRecording(time, "webex", event.Text("data.id"));
    return std::nullopt;
  }

  // Webex does not say when something was planned, changed or deleted; who keeps the callbacks may add when they came.
  // A plan may count as made when the meeting is to begin, but nothing says which of several is the last.
  Fault TakePlan(const JsonEvent& event, absl::Time start, ImportedMeeting& meeting) {
    const auto received = event.Rfc3339Time("received");
    const bool is_said = !event.Text("received").empty();
    if (is_said && !received.ok()) return event.Fault("received", std::string(received.status().message()));
    if (!is_said && event.Kind("event") != "created") {
      return event.Fault("received", "missing: Webex does not say when a plan was changed or deleted");
    }
    const absl::Time time = is_said ? *received : start;
    const std::string kind = event.Kind("event");
    if (kind == "deleted") {
      meeting.Delete(time);
      return std::nullopt;
    }
    const auto end = event.Rfc3339Time("data.end");
    if (!end.ok()) return event.Fault("data.end", std::string(end.status().message()));
    if (kind == "created") {
      meeting.Plan(time, event.Text("data.title"), start, *end - start);
    } else {
      meeting.Replan(time, start, *end - start);
    }
    return std::nullopt;
  }

  ImportedMeetings meetings_;
  std::vector<LeftOutLine> left_out_;
};

}  // namespace

absl::StatusOr<ImportedEvents> ImportWebexWebhooks(std::istream& input, const ImportOptions& options) {
  return WebexLog(options).Import(input);
}

}  // namespace retention
