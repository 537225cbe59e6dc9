// Filing: under which day every value of an occurrence must be gone.
#ifndef RETENTION_SERVER_LAW_FILING_H_
#define RETENTION_SERVER_LAW_FILING_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/law/open_connections.h"
#include "server/law/policy.h"
#include "storage/due_day.h"

namespace retention {

// A plan with a date.
struct PlanFacts {
  int64_t start_us = 0;
  int64_t end_us = 0;
  bool took_place = false;    // somebody was there, from the planned start on
  int64_t took_place_us = 0;  // since when; wherever the plan was moved later
  size_t took_place_in = 0;   // by which of the sittings
  int64_t early_us = 0;       // how long: a plan that is sent again, for a start less than that from it, is this one
  uint64_t name = 0;          // of the sitting that it is for, as the platform names it, keyed; 0 for none

  friend bool operator==(const PlanFacts&, const PlanFacts&) = default;
};

// A stay of people in the room.
struct SittingFacts {
  int64_t start_us = 0;
  int64_t last_us = 0;                // last sign of life
  std::optional<int64_t> emptied_us;  // nothing while somebody is there
  int64_t nobody_until_us = 0;        // it was only started, and nobody had joined until then, or kNobodyCame
  int64_t limit_us = 0;               // it lasts no longer
  int64_t gone_us = 0;  // it was empty, and went on: what was shared until then has ended; 0: it never was
  // By the rules of its begin: how long after the last sign of life it is presumed to have ended, and how long nobody
  // is away who comes back.
  int64_t presumed_us = 0;
  int64_t refresh_us = 0;
  uint64_t name = 0;                       // as the platform names it, keyed; 0 for none
  std::vector<CarriedConnection> carried;  // who was there already when it began

  friend bool operator==(const SittingFacts&, const SittingFacts&) = default;
};

// What an occurrence is, as the cut of its room says (occurrences.h).
struct OccurrenceFacts {
  int64_t first_us = 0;  // its first event
  int64_t last_us = 0;   // its last
  // If nobody comes, what was shared before ends then: until then people may come to a plan.
  int64_t waits_until_us = 0;
  std::optional<PlanFacts> plan;
  std::optional<int64_t> scheduled_on_us;  // when it was first scheduled
  std::vector<SittingFacts> sittings;      // in order of their begin
  struct Tries {
    int64_t first_us = 0, last_us = 0;

    friend bool operator==(const Tries&, const Tries&) = default;
  };
  std::optional<Tries> tries;  // of people who could not join: those may lie outside all sittings
  bool deleted = false;
  bool recordings_deleted = false;  // by an operator
  uint32_t present = 0;             // participants who are there
  bool protocolled = false;
  std::string organizer;      // keyed hash of the extension that scheduled it, or else started it
  bool only_started = false;  // nobody is known who scheduled it
  bool taken_over = false;    // the organizer scheduled the plan that this one was planned anew from

  // Who scheduled it; empty if nobody is known to have.
  const std::string& Scheduler() const {
    static const std::string nobody;
    return only_started ? nobody : organizer;
  }

  bool TookPlace() const { return plan.has_value() ? plan->took_place : !sittings.empty(); }
  // Whether anybody ever meant to meet, or did.
  bool IsMeeting() const { return plan.has_value() || !sittings.empty(); }

  friend bool operator==(const OccurrenceFacts&, const OccurrenceFacts&) = default;
};

// Due days of an occurrence's categories, indexed by category number; DueDay::None() for categories that are not filed
// by occurrence.
struct Filing {
  std::array<DueDay, kCategories> days{};
  // No shared file ends later.
  absl::Time files_end;
  // When it must be filed anew if nothing more is heard of it; infinite future if it need not.
  absl::Time review;
};

// Categories whose due day follows from the facts of their occurrence, and so moves with them.
inline constexpr std::array<CategoryNumber, 9> kFiledByMeeting = {kParticipantName, kParticipantEmail, kMeetingName,
                                                                  kMeetingComment,  kParticipantIp,    kFileShare,
                                                                  kDialIn,          kChatProtocol,     kHistory};

// The planned date, with the readings for meetings without a plan and for a start on a later day.
absl::CivilDay PlannedDate(const OccurrenceFacts& facts, const Policy& policy);
// The end. Not known: the planned end of what has not taken place; else the presumed end, so long after the later of
// planned end and last sign of life as the sitting says, but never after its limit.
absl::Time MeetingEndOf(const OccurrenceFacts& facts);
// A file that was shared in an occurrence.
struct SharedFile {
  int64_t time_us = 0;
  uint64_t sitting = 0;  // the name that it came with, keyed; 0 for none
};

// When a file ends: when, from its upload on, its sitting was empty for as long as a refresh takes. So it never ends
// sooner than that after its upload: who joined just before it may be told of just after it. If people came back since,
// the first instant at which it can have been. Its sitting is that of its name, else the latest begun by then in which
// people are, else the latest that was only started, or, where there is none, the one that begins sooner than a refresh
// takes; of what was shared while a plan waited, the
// one by which that took place. "Dateifreigabe: sofort nach Beendigung eines Meetings (d.h. wenn alle Teilnehmer das
// Meeting verlassen haben)": that all have left needs that some were there.
absl::Time FileEndOf(const OccurrenceFacts& facts, const SharedFile& file);
// Whether files of some sitting may have ended by `now`. If not, none has.
bool MayFilesHaveEnded(const OccurrenceFacts& facts, absl::Time now);
// The first instant after `time` at which files of some sitting end that were shared while people were there; infinite
// future if there is none.
absl::Time NextFilesEndOf(const OccurrenceFacts& facts, absl::Time time);

// Whether somebody is there of whom nobody said that they left, as far as the course tells.
bool IsOpen(const OccurrenceFacts& facts);
// The day that HISTORY and the report run from: the day of the first sign of life, of what has not taken place the
// planned date. It also is the first day of the daily cohort.
absl::CivilDay CollectionDay(const OccurrenceFacts& facts, const Policy& policy);

// Where the values of an occurrence belong at `now`.
//
// Nearly every meeting ends on the day on which it was to end. So until that day is over, a running meeting is filed as
// if it ended then: its values need not move when it starts, and again when it ends. Filing.review is the first instant
// of the next day, when a meeting that is still running is filed under its presumed end. Nothing is destroyed early:
// the values' due day, 1 or more days after the day they are filed by, has not come by then. (A period of 0 days is
// filed by the presumed end.)
Filing FileMeeting(const OccurrenceFacts& facts, const Policy& policy, absl::Time now);
// The due day of an object that runs from its own creation.
DueDay CreationDueDay(CategoryNumber category, absl::Time created, const Policy& policy);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_FILING_H_
