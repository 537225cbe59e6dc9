// One walk over a room's events (room_model.h).
#ifndef RETENTION_TESTS_SIMULATION_ROOM_WALK_H_
#define RETENTION_TESTS_SIMULATION_ROOM_WALK_H_

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/simulation/room_parts.h"

namespace retention::simulation {

// In the order of the walk: events of one instant by kind, then by what the engine knows of their ids.
std::tuple<int64_t, int, uint64_t> WalkOrder(const v1::Event& event);
// The participant whom an event of presence is about.
const std::string& ParticipantOf(const v1::Event& event);
bool IsEntry(const v1::Event& event);
// A join or a reconnection opens a connection; a leave closes one. REQUIRES of Disconnect: IsConnected.
void Connect(const v1::Event& event, OpenModel& all);
bool IsConnected(const v1::Event& event, OpenModel& all);
void Disconnect(const v1::Event& event, OpenModel& all);

// Two names are never one.
inline bool Agree(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

// What an event was found to belong to.
struct PlaceModel {
  enum class Of { kDay, kPlan, kSitting };
  Of of = Of::kDay;
  size_t index = 0;
  size_t deletions = 0;  // before it

  friend auto operator<=>(const PlaceModel&, const PlaceModel&) = default;
};

class RoomSteps {
 public:
  // REQUIRES: `cuts` outlives it.
  explicit RoomSteps(const CutsModel& cuts) : cuts_(cuts) {}
  // REQUIRES: in the order of the walk.
  PlaceModel Step(const v1::Event& event);

  // Where an event lies when all have been stepped over: a file that was shared where nobody was belongs to the sitting
  // that began just after it. `place`: as Step said.
  PlaceModel PlaceAtLast(const v1::Event& event, const PlaceModel& place) const;

  // A plan as it is when its start has come, if it has not yet: what there is is all that there will be.
  PlanModel AtItsStart(size_t plan) const;

  const std::vector<PlanModel>& plans() const { return plans_; }
  const std::vector<SittingModel>& sittings() const { return sittings_; }
  size_t deletions() const { return deletions_; }

 private:
  // Plans whose start has come by `t` while people are there.
  void ComeTo(int64_t t, int64_t known_us);
  PlaceModel StepPlan(const v1::Event& event);
  int64_t KnownUntil(const PlanModel& plan, int64_t t) const;
  PlaceModel Enter(const v1::Event& event);
  PlaceModel Speak(const v1::Event& event);
  PlaceModel StepInvitation(const v1::Event& event);
  PlaceModel Share(const v1::Event& event) const;
  PlaceModel ShareFile(const v1::Event& event);
  void Delete();

  bool InWindow(const PlanModel& plan, int64_t t) const;
  int64_t Limit(const SittingModel& sitting) const;
  bool IsAbsent(const SittingModel& sitting, int64_t t) const;
  int64_t NamesDue(const SittingModel& sitting) const;
  bool IsOver(const SittingModel& sitting, int64_t t) const;
  void Sign(SittingModel& sitting, int64_t t, int64_t now);
  std::optional<size_t> PlanOf(const std::string& name) const;
  std::optional<size_t> SittingOf(const std::string& name) const;
  std::optional<size_t> Running(const std::string& name, int64_t t) const;
  std::optional<size_t> NearestWaiting(const std::string& name, int64_t t, std::optional<size_t> except) const;
  std::optional<size_t> PlanOfNew(const v1::Event& event) const;
  size_t Begin(const v1::Event& event);
  // All have left a sitting.
  void Empty(size_t index, int64_t t);
  // The sitting that came to its limit, from which who is there would go over into one that begins with the event.
  SittingModel* ComesToItsLimit(const v1::Event& event);

  const CutsModel& cuts_;
  std::vector<PlanModel> plans_;
  std::vector<SittingModel> sittings_;
  std::map<std::string, size_t> deserted_;  // files that were shared where nobody was, and the deletions before each
  size_t deletions_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_WALK_H_
