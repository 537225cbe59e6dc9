// Jitsi's prosody plug-in event_sync: {"event_name": "muc-occupant-joined", "room_jid": ..., "occupant": {...}}.
//
// A room is used again and again under its name; what tells one meeting in it from the next is when it was created, and
// occupants' events do not say that.
#include <map>
#include <optional>
#include <set>
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
  explicit JitsiLog(const ImportOptions& options) : options_(options), meetings_(options) {}

  ImportedEvents Import(std::istream& input) {
    const auto events = ReadJsonLines(input, &left_out_);
    for (const JsonEvent& event : events) {
      const auto created = Time(event, "created_at");
      if (created.ok() && IsOfRoom(event)) creations_[Room(event)].insert(*created);
    }
    for (const JsonEvent& event : events) {
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
    ImportedMeeting* meeting = meetings_.Find(MeetingId(Room(event), *created));
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
    const RecordedSession session = Session(event);
    if (session.id.empty()) return event.Fault("occupant.occupant_jid", "missing");
    const std::string id = MeetingAt(Room(event), *came);
    if (id.empty()) return event.Fault("room_jid", "no line of this file says when this room was created");
    ImportedMeeting* meeting = meetings_.Find(id);
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
  static RecordedSession Session(const JsonEvent& event) {
    const std::string jid = event.Text("occupant.occupant_jid");
    const std::string person = event.Identifier("occupant.id");
    return {.id = jid,
            .person = person.empty() ? jid.substr(0, jid.find('/')) : person,
            .name = event.Text("occupant.name"),
            .email = event.Text("occupant.email")};
  }

  static std::string MeetingId(const std::string& room, absl::Time created) {
    return absl::StrCat(room, "-", absl::ToUnixSeconds(created));
  }

  // The meeting that was in a room at `time`; empty if none is known.
  std::string MeetingAt(const std::string& room, absl::Time time) const {
    const auto known = creations_.find(room);
    if (known == creations_.end()) return options_.meeting_id.empty() ? "" : room;
    const auto after = known->second.upper_bound(time);
    return after == known->second.begin() ? "" : MeetingId(room, *std::prev(after));
  }

  const ImportOptions& options_;
  ImportedMeetings meetings_;
  std::vector<LeftOutLine> left_out_;
  std::map<std::string, std::set<absl::Time>> creations_;  // Of each room.
};

}  // namespace

absl::StatusOr<ImportedEvents> ImportJitsiEvents(std::istream& input, const ImportOptions& options) {
  return JitsiLog(options).Import(input);
}

}  // namespace retention
