// Zoom's webhooks: {"event": "meeting.started", "event_ts": ..., "payload": {"object": {"uuid": ..., "id": ...}}}.
//
// `uuid` names one sitting, `id` the number that people dial, which sittings share; only an update of a plan comes
// without the former.
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/importers/imported_meeting.h"
#include "client/importers/json_lines.h"

namespace retention {
namespace {

constexpr char kZoomUuid[] = "payload.object.uuid";
constexpr char kZoomParticipant[] = "payload.object.participant.user_id";

class ZoomLog {
 public:
  explicit ZoomLog(const ImportOptions& options) : meetings_(options) {}

  ImportedEvents Import(std::istream& input) {
    const auto events = ReadJsonLines(input, &left_out_);
    for (const JsonEvent& event : events) {
      const std::string uuid = event.Text(kZoomUuid);
      if (!uuid.empty()) uuids_.try_emplace(event.Identifier("payload.object.id"), uuid);
    }
    for (const JsonEvent& event : events) {
      if (auto fault = Take(event); fault.has_value()) left_out_.push_back(*std::move(fault));
    }
    return meetings_.Take(std::move(left_out_));
  }

 private:
  using Fault = std::optional<LeftOutLine>;

  Fault Take(const JsonEvent& event) {
    const std::string kind = event.Kind("event");
    if (kind == "meeting.started") return TakeAt(event, "payload.object.start_time", &ZoomLog::TakeStart);
    if (kind == "meeting.ended") return TakeAt(event, "payload.object.end_time", &ZoomLog::TakeEnd);
    if (kind == "meeting.participant_joined") {
      return TakeAt(event, "payload.object.participant.join_time", &ZoomLog::TakeJoin);
    }
    if (kind == "meeting.participant_left") {
      return TakeAt(event, "payload.object.participant.leave_time", &ZoomLog::TakeLeave);
    }
    if (kind == "meeting.created") return TakeAt(event, "event_ts", &ZoomLog::TakePlan);
    if (kind == "meeting.updated") return TakeAt(event, "event_ts", &ZoomLog::TakeNewPlan);
    if (kind == "meeting.deleted") return TakeAt(event, "event_ts", &ZoomLog::TakeDeletion);
    if (kind == "recording.completed") return TakeAt(event, "event_ts", &ZoomLog::TakeRecording);
    meetings_.LeaveOut(kind.empty() ? "event without a kind" : kind);
    return std::nullopt;
  }

  // Old callbacks lack some times of what happened; when they were sent is near enough then.
  Fault TakeAt(const JsonEvent& event, const char* time_field,
               Fault (ZoomLog::*take)(const JsonEvent&, absl::Time, ImportedMeeting&)) {
    auto time = event.Rfc3339Time(time_field);
    if (!time.ok() && event.Text(time_field).empty()) {
      const auto sent = event.Millis("event_ts");
      if (sent.ok() || std::string(time_field) == "event_ts") time = sent;
    }
    if (!time.ok()) return event.Fault(time_field, std::string(time.status().message()));
    std::string uuid = event.Text(kZoomUuid);
    if (uuid.empty()) {
      const auto known = uuids_.find(event.Identifier("payload.object.id"));
      if (known != uuids_.end()) uuid = known->second;
    }
    if (uuid.empty()) return event.Fault(kZoomUuid, "missing, and no line of this file says it for payload.object.id");
    ImportedMeeting* meeting = meetings_.Find(uuid);
    if (meeting == nullptr) return event.Fault(kZoomUuid, kSecondMeeting);
    return (this->*take)(event, *time, *meeting);
  }

  static std::string Name(const JsonEvent& event) { return event.Text("payload.object.topic"); }

  // A guest has no account: what the host's site or the registration calls them comes next.
  static RecordedSession Session(const JsonEvent& event) {
    RecordedSession session = {.id = event.Identifier(kZoomParticipant),
                               .name = event.Text("payload.object.participant.user_name"),
                               .email = event.Text("payload.object.participant.email")};
    for (const char* field : {"id", "participant_user_id", "customer_key", "registrant_id", "participant_uuid"}) {
      if (!session.person.empty()) break;
      session.person = event.Identifier(absl::StrCat("payload.object.participant.", field));
    }
    return session;
  }

  Fault TakeStart(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    meeting.Start(time, Name(event));
    return std::nullopt;
  }

  Fault TakeEnd(const JsonEvent&, absl::Time time, ImportedMeeting& meeting) {
    meeting.End(time);
    return std::nullopt;
  }

  Fault TakeJoin(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    const RecordedSession session = Session(event);
    if (session.id.empty()) return event.Fault(kZoomParticipant, "missing");
    meeting.Join(time, session);
    return std::nullopt;
  }

  Fault TakeLeave(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    const RecordedSession session = Session(event);
    if (session.id.empty()) return event.Fault(kZoomParticipant, "missing");
    meeting.Leave(time, session);
    return std::nullopt;
  }

  Fault TakePlan(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    return TakeDate(event, meeting,
                    [&](absl::Time start, absl::Duration length) { meeting.Plan(time, Name(event), start, length); });
  }

  Fault TakeNewPlan(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    return TakeDate(event, meeting,
                    [&](absl::Time start, absl::Duration length) { meeting.Replan(time, start, length); });
  }

  // One occurrence of a series is not the meeting.
  static bool IsOfOneOccurrence(const JsonEvent& event) {
    return event.Text("payload.operation") == "single" || event.Text("payload.scope") == "single";
  }

  // An update names what changed, and what it was before.
  template <typename Plan>
  Fault TakeDate(const JsonEvent& event, ImportedMeeting& meeting, const Plan& plan) {
    constexpr char kStart[] = "payload.object.start_time";
    if (IsOfOneOccurrence(event)) {
      meeting.LeaveOut("plan of one occurrence");
    } else if (event.Text(kStart).empty()) {
      meeting.LeaveOut("plan without a date");
    } else {
      const auto start = event.Rfc3339Time(kStart);
      if (!start.ok()) return event.Fault(kStart, std::string(start.status().message()));
      double minutes = event.At("payload.object.duration").number_value();
      if (minutes <= 0) minutes = event.At("payload.old_object.duration").number_value();
      plan(*start, absl::Minutes(minutes));
    }
    return std::nullopt;
  }

  Fault TakeDeletion(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    if (IsOfOneOccurrence(event)) {
      meeting.LeaveOut("deletion of one occurrence");
    } else {
      meeting.Delete(time);
    }
    return std::nullopt;
  }

  Fault TakeRecording(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    for (const auto& file : event.At("payload.object.recording_files").list_value().values()) {
      const std::string id = IdentifierOf(MemberOf(file.struct_value(), "id"));
      if (id.empty()) {
        meeting.LeaveOut("recording file without an identifier");
      } else {
        meeting.CreateRecording(time, "zoom", id);
      }
    }
    return std::nullopt;
  }

  ImportedMeetings meetings_;
  std::vector<LeftOutLine> left_out_;
  std::map<std::string, std::string> uuids_;  // Number -> the first uuid it comes with.
};

}  // namespace

absl::StatusOr<ImportedEvents> ImportZoomWebhooks(std::istream& input, const ImportOptions& options) {
  return ZoomLog(options).Import(input);
}

}  // namespace retention
