// The oracle of rooms: which occurrence (Termin) every event of a room belongs to, and what follows for its report.
//
// In the plainest form, without a line of server/law: the whole room is walked again for whatever is asked of it.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_MODEL_H_
#define RETENTION_TESTS_SIMULATION_ROOM_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/event.pb.h"
#include "tests/simulation/room_parts.h"

namespace retention::simulation {

// A person's line of a report.
struct PersonModel {
  std::set<std::string> participants;
  int64_t first_join_us = 0;
  int64_t total_us = 0;
  uint32_t reconnections = 0;
  bool presumed = false;
};

// A plan with its sittings, a sitting without a plan, or a day of what belongs to neither.
struct OccurrenceModel {
  CutsModel cuts;
  std::vector<v1::Event> events;  // in the order of the walk
  std::optional<PlanModel> plan;  // if it has a date
  std::vector<SittingModel> sittings;
  size_t took_place_by = 0;  // of the sittings
  bool deleted = false;

  bool TookPlace() const { return plan.has_value() ? plan->took_place : !sittings.empty(); }
  bool IsMeeting() const { return plan.has_value() || !sittings.empty(); }
  bool IsOpen() const;
  int64_t first_us() const;
  int64_t last_us() const;
  absl::Time End() const;
  // The end, were it to end as nearly all do.
  absl::Time LikelyEnd() const;
  absl::CivilDay PlannedDate() const;
  absl::CivilDay CollectionDay() const;
  // Which of the sittings a file was shared in, or for.
  const SittingModel& SittingOfFile(const v1::Event& file) const;
  // When it ends, and the last that there could be.
  absl::Time FileEnd(const v1::Event& file) const;
  absl::Time LastFileEnd() const;
  std::string Organizer() const;
  bool ProtocolledAt(int64_t time_us) const;
  uint32_t Present() const;
  // Whether the plan was sent again after `event`, or the invitation withdrawn.
  bool IsTakenBack(const v1::Event& event, const std::string& participant) const;
  // By persons, or by participants.
  std::vector<PersonModel> Report(bool by_persons) const;
};

// Deletions by operators, which recordings do not survive, have ids that begin so.
inline constexpr char kOperatorPrefix[] = "operator-";

class RoomModel {
 public:
  RoomModel() = default;
  explicit RoomModel(CutsModel cuts) : cuts_(std::move(cuts)) {}

  void Apply(const v1::CutRules& next, int64_t applied_us) { cuts_.Apply(next, applied_us); }
  const CutsModel& cuts() const { return cuts_; }
  // Sets of events, whatever their order; of those with one id the first counts.
  void Add(const v1::Event& event) {
    if (event.has_poll_deleted()) {
      deleted_polls_.insert(event.poll_deleted().poll_id());  // it is of no meeting, whenever it comes
    } else {
      events_.emplace(event.event_id(), event);
    }
  }
  bool Contains(const std::string& event_id) const { return events_.contains(event_id); }
  const std::map<std::string, v1::Event>& events() const { return events_; }
  bool IsPollDeleted(const std::string& poll_id) const { return deleted_polls_.contains(poll_id); }
  // What happened before, but for PDFs, which live on, and deletions, which end them.
  void Forget(absl::Time before);
  std::vector<OccurrenceModel> Occurrences() const;
  // Whether it was deleted at or after that time; by an operator.
  bool IsDeletedAfter(int64_t time_us) const;
  bool IsDeletedByOperator(int64_t time_us) const;

 private:
  CutsModel cuts_;
  std::map<std::string, v1::Event> events_;  // by event id
  std::set<std::string> deleted_polls_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_MODEL_H_
