// Filing: under which day every value of a meeting must be gone.
#ifndef RETENTION_SERVER_LAW_FILING_H_
#define RETENTION_SERVER_LAW_FILING_H_

#include <array>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/law/course.h"
#include "server/law/policy.h"
#include "storage/due_day.h"

namespace retention {

// Due days of a meeting's categories, indexed by category number; DueDay::None() for categories that are not filed by
// meeting.
struct Filing {
  std::array<DueDay, kCategories> days{};
  // The instant at which shared files end: the end of the meeting, presumed until it is known.
  absl::Time files_end;
  // When the meeting must be filed anew if nothing more is heard of it; infinite future if it need not.
  absl::Time review;
};

// Categories whose due day follows from the facts of their meeting, and so moves with them.
inline constexpr std::array<CategoryNumber, 9> kFiledByMeeting = {kParticipantName, kParticipantEmail, kMeetingName,
                                                                  kMeetingComment,  kParticipantIp,    kFileShare,
                                                                  kDialIn,          kChatProtocol,     kHistory};

// The planned date, with the readings for quick meetings and for a start on a later day. REQUIRES: facts.known.
absl::CivilDay PlannedDate(const MeetingFacts& facts, const Policy& policy);
// The end, presumed while it is not known: the planned end before the start; after it, the policy's
// `presumed_end_after` from the later of planned end and start. REQUIRES: facts.known.
absl::Time MeetingEndOf(const MeetingFacts& facts, const Policy& policy);
// The day that HISTORY and the report run from: the day of the course's first event, presumed to be the planned date.
// It also is the first day of the meeting's daily cohort. REQUIRES: facts.known.
absl::CivilDay CollectionDay(const MeetingFacts& facts, const Policy& policy);

// Where the values of a meeting belong at `now`. REQUIRES: facts.known.
//
// Nearly every meeting ends on the day on which it was to end. So until that day is over, a running meeting is filed as
// if it ended then: its values need not move when it starts, and again when it ends. Filing.review is the first instant
// of the next day, when a meeting that is still running is filed under its presumed end. Nothing is destroyed early:
// the values' due day, 1 or more days after the day they are filed by, has not come by then. (A period of 0 days is
// filed by the presumed end.)
Filing FileMeeting(const MeetingFacts& facts, const Policy& policy, absl::Time now);
// The due day of an object that runs from its own creation.
DueDay CreationDueDay(CategoryNumber category, absl::Time created, const Policy& policy);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_FILING_H_
