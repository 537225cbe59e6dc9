// A person in a room: which of its participants they are, and what of its rows is theirs.
#ifndef RETENTION_SERVER_RECORDING_ROOM_PERSON_H_
#define RETENTION_SERVER_RECORDING_ROOM_PERSON_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/holdings.h"
#include "server/rows/opened_rows.h"
#include "storage/ids.h"

namespace retention {

// Who is meant, by all of these that are given: participants whom any of it names are theirs, and so are those who are
// one person with them (presence.h). One at least.
struct PersonInRoom {
  std::string participant_id;     // as the portal gave it
  std::string email;              // in any spelling
  std::string user_id;            // as the portal gave it
  std::string display_name;       // as it stands
  std::optional<OwnerId> holder;  // of the extension that they joined by
};

// REQUIRES: all that it is given outlives it.
class RoomPerson {
 public:
  RoomPerson(const Holdings& holdings, const Room& room, const PersonInRoom& person);

  const Room& room() const { return room_; }
  // The names that history gives them.
  const std::set<std::string>& names() const { return names_; }
  // Owners of the polls that were asked in the room.
  const std::set<std::string>& polls() const { return polls_; }

  // Learns from what is held of an occurrence who they are in it.
  absl::Status LearnFrom(const Meeting& meeting, DueDay last_due);

  // Whether an event, or a value, is theirs.
  bool Are(const Course& course, const CourseEvent& event) const;
  bool Own(CategoryNumber category, const stored::v1::Value& value) const;
  // What is left of one of their events: that somebody without a name did it.
  absl::StatusOr<CourseEvent> Unnamed(const CourseEvent& event, Course& course);
  // The same of what its sittings say of who was there when they began. True if any was theirs.
  absl::StatusOr<bool> UnnameCarried(OccurrenceFacts& facts);

  // Rows of an occurrence that are not due and can be opened: what is damaged ends with its own day.
  absl::Status VisitOpened(const Meeting& meeting, CategoryNumber category, DueDay last_due,
                           OpenedRowVisit visit) const;
  using VisitChunk =
      absl::FunctionRef<absl::Status(const FiledKey& key, std::string_view envelope, stored::v1::ValueChunk& chunk)>;
  absl::Status VisitValues(const Meeting& meeting, CategoryNumber category, DueDay last_due, VisitChunk visit) const;

 private:
  bool IsNamedBy(CategoryNumber category, const stored::v1::Value& value) const;
  // A name in place of another, always the same.
  absl::StatusOr<std::string> DrawnFor(const std::string& name);
  // The same of a connection's fingerprint, but for 0.
  absl::StatusOr<uint64_t> DrawnFor(uint64_t connection);

  const Holdings& holdings_;
  const Room& room_;
  const PersonInRoom& person_;
  const std::string address_;    // in normal form
  std::set<std::string> marks_;  // what history has of their address and user id, and of their extension
  std::set<std::string> names_;
  std::set<std::string> polls_;
  std::map<std::string, std::string> drawn_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_ROOM_PERSON_H_
