// Zoom's webhooks: {"event": "meeting.started", "event_ts": ..., "payload": {"object": {"uuid": ..., "id": ...}}}.
//
// `id`, the number that people dial, names the room; `uuid` one sitting in it. Plans are of the room.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/importers/imported_meeting.h"
#include "client/importers/json_lines.h"

namespace retention {
namespace {

constexpr char kZoomRoom[] = "payload.object.id";
constexpr char kZoomUuid[] = "payload.object.uuid";
constexpr char kZoomParticipant[] = "payload.object.participant.user_id";
constexpr char kZoomSent[] = "event_ts";
constexpr char kZoomStart[] = "payload.object.start_time";
constexpr char kZoomDuration[] = "payload.object.duration";
constexpr char kZoomOccurrences[] = "payload.object.occurrences";

// One occurrence of a series is not the meeting. A deletion that says neither is of the occurrences that it lists.
bool IsOfOneOccurrence(const JsonEvent& event) {
  const std::string operation = event.Text("payload.operation");
  if (operation == "single" || event.Text("payload.scope") == "single") return true;
  return event.Kind("event") == "meeting.deleted" && operation.empty() &&
         !event.At(kZoomOccurrences).list_value().values().empty();
}

std::optional<absl::Duration> ZoomMinutes(const JsonEvent& event, std::string_view path) {
  const double minutes = event.At(path).number_value();
  return minutes > 0 ? std::optional(absl::Minutes(minutes)) : std::nullopt;
}

std::optional<absl::Time> ZoomTime(const JsonEvent& event, std::string_view path) {
  const auto time = event.Rfc3339Time(path);
  return time.ok() ? std::optional(*time) : std::nullopt;
}

// When a plan begins, and how long it lasts, as the line itself says; in text, for what is wrong with it.
struct ZoomDate {
  std::string start;
  std::optional<absl::Time> start_time;
  std::optional<absl::Duration> length;
};

// A series may say the dates of its occurrences alone: the first is the plan.
ZoomDate DateIn(const JsonEvent& event) {
  ZoomDate date{.start = event.Text(kZoomStart),
                .start_time = ZoomTime(event, kZoomStart),
                .length = ZoomMinutes(event, kZoomDuration)};
  if (!date.start.empty() || event.Kind("event") != "meeting.created") return date;
  int number = 0;
  for (const auto& value : event.At(kZoomOccurrences).list_value().values()) {
    const JsonEvent occurrence =
        event.Member(absl::StrCat(kZoomOccurrences, "[", number++, "]."), value.struct_value());
    const auto start = ZoomTime(occurrence, "start_time");
    if (!start.has_value() || (date.start_time.has_value() && *date.start_time <= *start)) continue;
    date = {.start = occurrence.Text("start_time"), .start_time = start, .length = ZoomMinutes(occurrence, "duration")};
  }
  if (!date.length.has_value()) date.length = ZoomMinutes(event, kZoomDuration);
  return date;
}

// What the plans of a file said when: an update says only what it changes.
class ZoomPlans {
 public:
  void Take(const JsonEvent& event) {
    const std::string kind = event.Kind("event");
    const auto sent = event.Millis(kZoomSent);
    if ((kind != "meeting.created" && kind != "meeting.updated") || !sent.ok() || IsOfOneOccurrence(event)) return;
    const std::string room = event.Identifier(kZoomRoom);
    const ZoomDate date = DateIn(event);
    Say(date.start_time, *sent, starts_[room]);
    Say(date.length, *sent, lengths_[room]);
  }

  std::optional<absl::Time> StartAt(const std::string& room, absl::Time time) const { return At(starts_, room, time); }
  std::optional<absl::Duration> LengthAt(const std::string& room, absl::Time time) const {
    return At(lengths_, room, time);
  }

 private:
  // What was said when.
  template <typename Value>
  using Sayings = std::map<absl::Time, Value>;

  template <typename Value>
  static void Say(const std::optional<Value>& value, absl::Time sent, Sayings<Value>& sayings) {
    if (!value.has_value()) return;
    const auto [said, is_new] = sayings.try_emplace(sent, *value);
    // Whatever the order of lines.
    if (!is_new) said->second = std::max(said->second, *value);
  }

  template <typename Value>
  static std::optional<Value> At(const std::map<std::string, Sayings<Value>>& rooms, const std::string& room,
                                 absl::Time time) {
    const auto sayings = rooms.find(room);
    if (sayings == rooms.end()) return std::nullopt;
    const auto after = sayings->second.upper_bound(time);
    return after == sayings->second.begin() ? std::nullopt : std::optional(std::prev(after)->second);
  }

  std::map<std::string, Sayings<absl::Time>> starts_;       // By room.
  std::map<std::string, Sayings<absl::Duration>> lengths_;  // By room.
};

class ZoomLog {
 public:
  explicit ZoomLog(const ImportOptions& options) : meetings_(options) {}

  ImportedEvents Import(std::istream& input) {
    const auto events = ReadJsonLines(input, &left_out_);
    for (const JsonEvent& event : events) {
      meetings_.Recognise(event.Text(kZoomUuid), event.Identifier(kZoomRoom));
      plans_.Take(event);
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
    const std::string uuid = event.Text(kZoomUuid);
    if (kind == "meeting.started") return TakeAt(event, uuid, kZoomStart, &ZoomLog::TakeStart);
    if (kind == "meeting.ended") return TakeAt(event, uuid, "payload.object.end_time", &ZoomLog::TakeEnd);
    if (kind == "meeting.participant_joined") {
      return TakeAt(event, uuid, "payload.object.participant.join_time", &ZoomLog::TakeJoin);
    }
    if (kind == "meeting.participant_left") {
      return TakeAt(event, uuid, "payload.object.participant.leave_time", &ZoomLog::TakeLeave);
    }
    if (kind == "recording.completed") return TakeAt(event, uuid, kZoomSent, &ZoomLog::TakeRecordings);
    if (kind == "meeting.created") return TakeAt(event, "", kZoomSent, &ZoomLog::TakePlan);
    if (kind == "meeting.updated") return TakeAt(event, "", kZoomSent, &ZoomLog::TakeNewPlan);
    if (kind == "meeting.deleted") return TakeAt(event, "", kZoomSent, &ZoomLog::TakeDeletion);
    meetings_.LeaveOut(kind.empty() ? "event without a kind" : kind);
    return std::nullopt;
  }

  // Old callbacks lack some times of what happened; when they were sent is near enough then.
  Fault TakeAt(const JsonEvent& event, const std::string& sitting, const std::string& time_field,
               Fault (ZoomLog::*take)(const JsonEvent&, absl::Time, ImportedMeeting&)) {
    auto time = event.Rfc3339Time(time_field);
    if (!time.ok() && event.Text(time_field).empty()) {
      const auto sent = event.Millis(kZoomSent);
      if (sent.ok() || time_field == kZoomSent) time = sent;
    }
    if (!time.ok()) return event.Fault(time_field, std::string(time.status().message()));
    const std::string room = event.Identifier(kZoomRoom);
    if (room.empty() && event.Text(kZoomUuid).empty()) return event.Fault(kZoomRoom, "missing");
    ImportedMeeting* meeting = meetings_.Find(room.empty() ? meetings_.RoomOf(event.Text(kZoomUuid)) : room, sitting);
    if (meeting == nullptr) return event.Fault(kZoomRoom, kSecondMeeting);
    return (this->*take)(event, *time, *meeting);
  }

  static std::string Name(const JsonEvent& event) { return event.Text("payload.object.topic"); }

  // A guest has no account: what the host's site or the registration calls them comes next.
  static RecordedSession Session(const JsonEvent& event) {
    RecordedSession session = {.id = event.Identifier(kZoomParticipant),
                               .connection = event.Identifier(kZoomParticipant),
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
    if (DateIn(event).start.empty()) {
      meeting.LeaveOut("plan without a date");
      return std::nullopt;
    }
    return TakeDate(event, time, meeting,
                    [&](absl::Time start, absl::Duration length) { meeting.Plan(time, Name(event), start, length); });
  }

  // An update names what changed, and what that was before.
  Fault TakeNewPlan(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting) {
    if (event.Text(kZoomStart).empty() && !ZoomMinutes(event, kZoomDuration).has_value()) {
      meeting.LeaveOut("plan without a date");
      return std::nullopt;
    }
    return TakeDate(event, time, meeting,
                    [&](absl::Time start, absl::Duration length) { meeting.Replan(time, start, length); });
  }

  // What the line does not say is as the file said it before.
  template <typename Plan>
  Fault TakeDate(const JsonEvent& event, absl::Time time, ImportedMeeting& meeting, const Plan& plan) {
    if (IsOfOneOccurrence(event)) {
      meeting.LeaveOut("plan of one occurrence");
      return std::nullopt;
    }
    const std::string room = event.Identifier(kZoomRoom);
    auto [said, start, length] = DateIn(event);
    if (!start.has_value() && !said.empty()) {
      return event.Fault(kZoomStart, std::string(event.Rfc3339Time(kZoomStart).status().message()));
    }
    if (!start.has_value()) start = ZoomTime(event, "payload.old_object.start_time");
    if (!start.has_value()) start = plans_.StartAt(room, time);
    if (!start.has_value()) return event.Fault(kZoomStart, "missing, and no earlier plan in this file says it");
    if (!length.has_value()) length = ZoomMinutes(event, "payload.old_object.duration");
    if (!length.has_value()) length = plans_.LengthAt(room, time);
    if (!length.has_value()) return event.Fault(kZoomDuration, "missing, and no earlier plan in this file says it");
    plan(*start, *length);
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

  // A recording comes into being when it is started. The callback comes when it has been processed, a day later maybe.
  Fault TakeRecordings(const JsonEvent& event, absl::Time sent, ImportedMeeting& meeting) {
    int number = 0;
    Fault fault;
    for (const auto& value : event.At("payload.object.recording_files").list_value().values()) {
      const std::string place = absl::StrCat("payload.object.recording_files[", number++, "].");
      const JsonEvent file = event.Member(place, value.struct_value());
      const std::string id = file.Identifier("id");
      if (id.empty()) {
        meeting.LeaveOut("recording file without an identifier");
        continue;
      }
      const char* said = file.Text("recording_start").empty() ? "recording_end" : "recording_start";
      const auto time = file.Text(said).empty() ? sent : file.Rfc3339Time(said);
      if (time.ok()) {
        meeting.CreateRecording(*time, "zoom", id);
      } else if (!fault.has_value()) {
        fault = file.Fault(said, std::string(time.status().message()));
      }
    }
    return fault;
  }

  ImportedMeetings meetings_;
  ZoomPlans plans_;
  std::vector<LeftOutLine> left_out_;
};

}  // namespace

absl::StatusOr<ImportedEvents> ImportZoomWebhooks(std::istream& input, const ImportOptions& options) {
  return ZoomLog(options).Import(input);
}

}  // namespace retention
