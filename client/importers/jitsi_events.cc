// Jitsi's prosody plug-in event_sync: {"event_name": "muc-occupant-joined", "room_jid": ..., "occupant": {...}}.
//
// A room is used again and again under its name; what tells one sitting in it from the next is when it was created.
// Occupants' events do not say that: they are of the sitting that there is at their time.
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/importers/imported_meeting.h"
#include "client/importers/json_lines.h"

namespace retention {
namespace {

class JitsiLog {
 public:
  explicit JitsiLog(const ImportOptions& options) : meetings_(options) {}

  ImportedEvents Import(std::istream& input) {
    for (const JsonEvent& event : ReadJsonLines(input, &left_out_)) {
      if (auto fault = Take(event); fault.has_value()) left_out_.push_back(*std::move(fault));
    }
    return meetings_.Take(std::move(left_out_));
  }

 private:
  using Fault = std::optional<LeftOutLine>;

  static bool IsOfRoom(const JsonEvent& event) {
    const std::string kind = event.Kind("event_name");
    return kind == "muc-room-created" || kind == "muc-room-destroyed";
  }

  // A breakout room is a room of its own, under the name of the room that it belongs to.
  static std::string Room(const JsonEvent& event) {
    const std::string breakout = event.Text("breakout_room_id");
    // A room's address is none of a person, but identifiers have no '@'.
    const std::string room = absl::StrReplaceAll(event.Text("room_jid"), {{"@", "/"}});
    return breakout.empty() ? room : absl::StrCat(room, "/", breakout);
  }

  // Seconds in the versions there are; a clock of milliseconds is told by its size.
  static absl::StatusOr<absl::Time> Time(const JsonEvent& event, std::string_view path) {
    const auto millis = event.Millis(path);
    return millis.ok() ? millis : event.Seconds(path);
  }

  Fault Take(const JsonEvent& event) {
    const std::string kind = event.Kind("event_name");
    const bool joined = kind == "muc-occupant-joined";
    if (!IsOfRoom(event) && !joined && kind != "muc-occupant-left") {
      meetings_.LeaveOut(kind.empty() ? "event without a kind" : kind);
      return std::nullopt;
    }
    if (event.Text("room_jid").empty()) return event.Fault("room_jid", "missing");
    return IsOfRoom(event) ? TakeRoom(event) : TakeOccupant(event, joined);
  }

  Fault TakeRoom(const JsonEvent& event) {
    const auto created = Time(event, "created_at");
    if (!created.ok()) return event.Fault("created_at", std::string(created.status().message()));
    ImportedMeeting* meeting = meetings_.Find(Room(event), absl::StrCat(absl::ToUnixSeconds(*created)));
    if (meeting == nullptr) return event.Fault("room_jid", kSecondMeeting);
    if (event.Kind("event_name") == "muc-room-destroyed") {
      const auto destroyed = Time(event, "destroyed_at");
      if (!destroyed.ok()) return event.Fault("destroyed_at", std::string(destroyed.status().message()));
      meeting->End(*destroyed);
    }
    meeting->Start(*created, event.Text("room_name"));
    return std::nullopt;
  }

  Fault TakeOccupant(const JsonEvent& event, bool joined) {
    const auto came = Time(event, "occupant.joined_at");
    if (!came.ok()) return event.Fault("occupant.joined_at", std::string(came.status().message()));
    const RecordedSession session = Session(event, *came);
    if (session.id.empty()) return event.Fault("occupant.occupant_jid", "missing");
    ImportedMeeting* meeting = meetings_.Find(Room(event), "");
    if (meeting == nullptr) return event.Fault("room_jid", kSecondMeeting);
    if (joined) {
      meeting->Join(*came, session);
      return std::nullopt;
    }
    const auto left = Time(event, "occupant.left_at");
    if (!left.ok()) return event.Fault("occupant.left_at", std::string(left.status().message()));
    meeting->Leave(*left, session);
    return std::nullopt;
  }

  // Who came with a token is known by it; who did not, by their connection.
  static RecordedSession Session(const JsonEvent& event, absl::Time came) {
    const std::string jid = event.Text("occupant.occupant_jid");
    const std::string person = event.Identifier("occupant.id");
    return {.id = jid,
            .person = person.empty() ? jid.substr(0, jid.find('/')) : person,
            .connection = absl::StrCat(jid, " ", absl::ToUnixMillis(came)),
            .name = event.Text("occupant.name"),
            .email = event.Text("occupant.email")};
  }

  ImportedMeetings meetings_;
  std::vector<LeftOutLine> left_out_;
};

}  // namespace

absl::StatusOr<ImportedEvents> ImportJitsiEvents(std::istream& input, const ImportOptions& options) {
  return JitsiLog(options).Import(input);
}

}  // namespace retention
