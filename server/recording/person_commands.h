// What a person may ask for of what a room holds of them: erasure, rectification and restriction (GDPR articles 16 to
// 18).
//
// Rows hold values of several people, so each row that has any of theirs is divided or sealed anew, and the secret of
// what it was before is destroyed: no older copy opens it. The course of a meeting is about everybody who was there,
// and where it ends follows from all of it: of somebody who is erased it keeps that an unnamed person came and went,
// under names drawn for that, which lead from and to nothing. So no event that is sent again brings them back, and
// nobody else's values end at another time. What holds keep, stays.
#ifndef RETENTION_SERVER_RECORDING_PERSON_COMMANDS_H_
#define RETENTION_SERVER_RECORDING_PERSON_COMMANDS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/meetings/meeting_cache.h"
#include "server/recording/meeting_filer.h"
#include "server/recording/recorder.h"
#include "server/recording/room_person.h"
#include "server/rows/change.h"
#include "storage/ids.h"

namespace retention {

// Of a name or an address, what it was and what it is.
struct Rectification {
  CategoryNumber category = kParticipantName;  // or kParticipantEmail
  std::string was;                             // addresses: in any spelling
  std::string is;
};

// Commands. Each is of all that is held of a room, and reads all of it: a second for a million samples of quality.
//
// NOT_FOUND with reason PBX_UNKNOWN, MEETING_UNKNOWN, or PERSON_UNKNOWN if the room holds nothing of them;
// INVALID_ARGUMENT if nobody is named, or `is` is none. REQUIRES: Recorder::RefileFirst came before. Belongs to the
// writer's thread.
class PersonCommands {
 public:
  // REQUIRES: all outlive it.
  PersonCommands(const Holdings& holdings, MeetingCache& cache, MeetingFiler& filer)
      : holdings_(holdings), cache_(cache), filer_(filer) {}

  // Ends names, addresses, IPs, chat lines and votes of theirs, and in the history who they were. What they shared has
  // no author in the store, and stays.
  absl::Status Erase(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                     std::string_view reason, Change& change);
  // What was wrong ends, with reason RECTIFIED.
  absl::Status Rectify(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                       const Rectification& rectification, Change& change);
  // What is held of them is shown to nobody but who handles rights, and counted in no cohort, until that is taken back.
  // What comes later is not restricted by it.
  absl::Status Restrict(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                        bool restricted, Change& change);

 private:
  // Calls `act` for each occurrence that holds anything of the person, and files it anew where that says so.
  absl::Status InEach(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person, Change& change,
                      absl::FunctionRef<absl::StatusOr<bool>(Meeting& meeting, RoomPerson& people)> act);
  absl::Status EraseVotes(const RoomPerson& people, std::string_view reason, Change& change);
  // The token of who joined by another address than was thought; nullopt if it is not of that address, or of a cohort
  // that was released.
  std::optional<PersonToken> RectifiedToken(const CourseEvent& event, std::string_view was, std::string_view is) const;

  const Holdings& holdings_;
  MeetingCache& cache_;
  MeetingFiler& filer_;
};

// RefileFirst and Erase, from any thread. Returns what was erased, and what holds keep of it.
struct ErasedPerson {
  CategoryCounts erased{};
  CategoryCounts kept{};
};
absl::StatusOr<ErasedPerson> ErasePerson(Recorder& recorder, PersonCommands& persons, const Commands& commands,
                                         std::string_view pbx_id, std::string_view meeting_id,
                                         const PersonInRoom& person, std::string_view reason);

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_PERSON_COMMANDS_H_
