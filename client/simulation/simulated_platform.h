// A made-up meeting platform: the events of its days, one day after the other, the same for the same options and seed.
//
// People of a few companies meet in working hours of Europe/Berlin: teams every working day at the same time, others as
// they plan to, up to ten days ahead. Plans change or are called off, people do not come, come late, lose their
// connection, leave without a word; some meetings are recorded, share files and PDFs, hold polls; few are protocolled
// and have chat.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "client/simulation/seeded_random.h"
#include "client/simulation/simulated_people.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/pbx_service.pb.h"

namespace retention {

struct PlatformOptions {
  uint64_t seed = 1;
  int pbxs = 3;
  int people = 150;  // With an extension, over all PBXs; at least one each.
  absl::CivilDay start{2026, 1, 5};
  int days = 30;
  int meetings_per_day = 40;  // On a working day, over all PBXs; about one twentieth of it on a day of the weekend.
};

// Thread-compatible.
class SimulatedPlatform {
 public:
  explicit SimulatedPlatform(const PlatformOptions& options);

  // The PBXs; to be synchronised before the first day.
  const std::vector<SimulatedPbx>& pbxs() const { return pbxs_; }
  // The same as events, at the first instant of the first day.
  std::vector<v1::Event> PbxEvents() const;

  // Puts everything that happens on the next civil day into `events`, in the order of time; what runs past the last
  // day's midnight belongs to that day. False, and nothing, once all days are over.
  bool NextDay(std::vector<v1::Event>* events);

  // The day that NextDay gave last.
  absl::CivilDay day() const { return options_.start + next_day_ - 1; }

 private:
  struct Team {
    int pbx;
    std::vector<int> members;  // Indexes into staff; the first one invites.
    int start_minute;          // Of the day.
    std::string name;
  };
  struct Plan;

  void FormTeams();
  void PlanDay(int day);
  Plan PlanMeeting(int day);
  Plan PlanTeamMeeting(const Team& team, int day);
  void Enact(Plan& plan);
  void EnactScheduling(Plan& plan);
  void EnactParticipant(const Plan& plan, const SimulatedPerson& person, bool organizer);
  void EnactExtras(const Plan& plan);
  v1::Event* Append(const Plan& plan, absl::Time time);
  absl::Time At(int day, int second) const;

  const PlatformOptions options_;
  const absl::TimeZone zone_;
  SeededRandom random_;
  std::vector<SimulatedPbx> pbxs_;
  std::vector<Team> teams_;
  int next_day_ = 0;      // 0 is `start`.
  int planned_days_ = 0;  // Days whose meetings are planned already.
  uint64_t next_meeting_ = 1;
  uint64_t next_event_ = 1;                        // Within the meeting that is being made.
  std::map<int, std::vector<v1::Event>> pending_;  // By day.
};

// Meetings in the shape that load is measured with, made as fast as they can be sent: 28 events each: scheduling with 8
// invitees, begin, 8 joins with name, e-mail and IP, 5 quality samples, 2 reconnections, a recording, a file, 8 leaves,
// end.
struct MeetingLoadOptions {
  uint64_t seed = 1;
  int stream = 0;  // Goes into the identifiers: loads with different streams never collide.
  int pbxs = 4;    // The same ones for every stream of a seed.
  absl::Time start = absl::FromUnixSeconds(1767600000);  // Begin of the first meeting.
  absl::Duration interval = absl::Milliseconds(1);       // From the begin of one meeting to that of the next.
};

// Thread-compatible.
class MeetingLoad {
 public:
  static constexpr int kEventsPerMeeting = 28;

  explicit MeetingLoad(const MeetingLoadOptions& options);

  // To be synchronised first.
  const std::vector<SimulatedPbx>& pbxs() const { return pbxs_; }

  // Adds the events of the next meeting to `events`, which can be those of a batch. Times are never before
  // `start`, nor later than an hour after the begin.
  void AppendMeeting(google::protobuf::RepeatedPtrField<v1::Event>* events);

  // Identifiers of the meeting that was added last.
  const std::string& meeting_id() const { return meeting_id_; }
  const std::string& pbx_id() const { return pbx_id_; }

 private:
  const MeetingLoadOptions options_;
  SeededRandom random_;
  std::vector<SimulatedPbx> pbxs_;
  uint64_t next_meeting_ = 0;
  std::string meeting_id_;
  std::string pbx_id_;
};

}  // namespace retention
