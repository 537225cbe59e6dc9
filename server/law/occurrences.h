// The cut of a room's events into occurrences (Termine): which plan and which sitting each of them belongs to.
//
// A room is what a meeting id names, for years; an occurrence is a plan with the sittings that belong to it, or a
// sitting without a plan. The cut is one walk over the room's events in order of time, kind and event id, and what it
// decides at an event depends only on what stands before it. So order of arrival, batches and duplicates change
// nothing, events that come in order are cut one by one, and a late event changes the cut from its own instant on.
//
// How long people may be away, early or late is law (cut_rules.h): that of the time at which the plan or the sitting
// began, so that a later policy cuts nothing anew.
//
// Pure: knows no store, no civil day and no period. A time zone moves due days, never the cut.
#ifndef RETENTION_SERVER_LAW_OCCURRENCES_H_
#define RETENTION_SERVER_LAW_OCCURRENCES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "server/law/cut_rules.h"
#include "server/law/open_connections.h"
#include "server/law/room_event.h"

namespace retention {

// A stay of people in a room.
struct Sitting {
  int64_t start_us = 0;
  int64_t last_us = 0;  // last sign of life
  std::optional<int64_t> emptied_us;
  int64_t nobody_until_us = 0;  // it was only started, and nobody had joined until then, or kNobodyCame
  // Whoever is in that one may have been there all along: `started` was said again, after long silence.
  std::optional<size_t> repeats;
  int64_t gone_us = 0;  // people came back into it: what was shared until then, a refresh before they did, has ended
  uint64_t name = 0;
  std::optional<size_t> plan;
  // Who was there already: the sitting before it came to its limit.
  std::vector<CarriedConnection> carried;
  bool goes_on = false;  // who was there at the limit is in another

  friend bool operator==(const Sitting&, const Sitting&) = default;
};

// A sitting that is not cut any more, as far as the next one follows from it: who is there when a sitting has lasted as
// long as it may, is there in the next.
struct FormerSitting {
  int64_t start_us = 0;
  uint64_t name = 0;
  // The next begins after its limit, and not later than who was there is presumed to have stayed; else nobody goes
  // over.
  int64_t limit_us = 0;
  int64_t until_us = 0;
  OpenConnections open{};  // at the limit; of those who left after it, no more

  friend bool operator==(const FormerSitting&, const FormerSitting&) = default;
};

// A planned start and end. Of one room. Invitations that come before any date make a plan without one, which waits for
// its date as long as a plan may last.
struct RoomPlan {
  int64_t first_us = 0;  // when something of it was first said
  int64_t said_us = 0;   // when something of it was last said, while it had no date
  bool dated = false;
  int64_t start_us = 0;
  int64_t end_us = 0;
  bool took_place = false;
  int64_t took_place_us = 0;  // since when
  size_t took_place_in = 0;   // by which sitting
  uint64_t name = 0;          // of the sitting that it is for
  // The plan before it. If that was planned anew to be this one, what was said of it holds on.
  std::optional<size_t> follows;
  uint64_t planned_anew = 0;  // event that did so, if there was one before it
  bool only_moved = false;    // nothing else is said of it
  // It was moved back again, to that one, which took place: it is no plan of its own any more.
  std::optional<size_t> back_to;
  // Who scheduled it; where it was planned anew who scheduled the one before: the caller's number, 0 for nobody known.
  uint32_t scheduler = 0;

  friend bool operator==(const RoomPlan&, const RoomPlan&) = default;
};

// Whether a sitting of that name, or without one, can be the one that is asked for by name, or without one.
inline bool MayBeNamed(uint64_t name, uint64_t asked) { return asked == 0 || name == 0 || name == asked; }

// What an event belongs to: a plan, a sitting, or nothing but its own day. Of a file that is shared where nobody is,
// that shows when the next sitting begins: it is one of those that wait.
struct CutPlace {
  enum class Of : uint8_t { kDay, kPlan, kSitting, kWaitingFile };
  Of of = Of::kDay;
  size_t index = 0;  // into plans() or sittings(), or of those that wait; else the days since 1970-01-01 (UTC)
  // Of events of presence: it changed who is there. One that speaks of what is not open is history, and nothing more.
  bool counts = false;

  friend bool operator==(const CutPlace&, const CutPlace&) = default;
};

// What is one occurrence: what is at one plan, with its sittings; at one sitting without a plan; at one day. Days
// before and after a deletion are different ones.
struct CutGroup {
  CutPlace::Of of = CutPlace::Of::kDay;
  size_t index = 0;

  friend auto operator<=>(const CutGroup&, const CutGroup&) = default;
};

// One walk over a room. A value: a copy is where a late event can start from. Takes constant time an event, but for the
// sittings of a plan that is moved. Indices of plans and sittings stay. Two that are equal go on alike.
class RoomWalk {
 public:
  // What another walk over the room came to say otherwise, of what this one has.
  struct Difference {
    bool groups = false;          // what is one occurrence
    std::vector<CutGroup> facts;  // if not: of which occurrences something else is known
  };

  // `former`: the sittings before those of its events.
  explicit RoomWalk(CutHistory rules, std::vector<FormerSitting> former = {})
      : rules_(std::move(rules)), former_(std::move(former)) {}

  // REQUIRES: no event comes before one that was stepped over. A deletion ends all that is before it: the walk begins
  // anew, and what it had is over for good. It lies with what else is of its day and before it, and is over itself.
  CutPlace Step(const RoomEvent& event);
  // Where what is said or shown at the instant after the last event belongs: to those who are there, the latest begun
  // of them, in the sitting that it names or in one without a name; else, unless people left another sooner than
  // `refresh_within` before (of files it does not matter), to the latest that was only started; else to what it names,
  // the plan that waits or the sitting, though nobody is there; else, but for files, to the sitting that was left
  // sooner than `refresh_within` before; else to the plan that waits with the instant in its window; else, of what is
  // shared when the latest sitting is long past (`late_within`), to the next plan; else to the latest sitting, but none
  // of another name; else to a day. A recording is of where people were last, within `late_within`, before any plan.
  // In a sitting whose plan waits to begin files are the plan's, for all who will come; the rest stays with the
  // sitting, wherever the plan is moved.
  CutPlace PlaceOfShared(const RoomEvent& event) const;

  // Of left, ended and quality: whether it would count, as the next event.
  bool Knows(const RoomEvent& event) const { return SittingSpokenOf(event).has_value(); }

  const std::vector<RoomPlan>& plans() const { return plans_; }
  const std::vector<Sitting>& sittings() const { return sittings_; }
  const std::vector<size_t>& SittingsOf(size_t plan) const { return sittings_of_[plan]; }
  // Of a plan that has not taken place: the first of its sittings in which people are there when its start comes, if
  // nothing else happens by then. That is when it takes place.
  std::optional<size_t> OpenAtStart(size_t plan) const;
  CutGroup GroupOf(const CutPlace& place) const;
  // By which a plan or a sitting is cut: those that were in force when it was first spoken of, or began.
  const CutRules& RulesOf(const RoomPlan& plan) const { return rules_.At(plan.first_us); }
  const CutRules& RulesOf(const Sitting& sitting) const { return rules_.At(sitting.start_us); }
  // Whether it was over when the room was last deleted; when it was last deleted with its recordings.
  bool IsDeleted(const CutGroup& group) const { return Lies(group, deleted_); }
  bool IsDeletedWithRecordings(const CutGroup& group) const { return Lies(group, deleted_with_recordings_); }
  // A sitting ends by then, whatever happens.
  int64_t LimitOf(const Sitting& sitting) const;
  size_t PresentIn(size_t sitting) const { return open_[sitting].participants(); }
  // Its sittings, for a walk over what comes after them. Of those that nobody goes over from `open` is empty.
  std::vector<FormerSitting> Former() const;
  // How often something that was cut before came to belong elsewhere: events, or who is there; or was deleted.
  size_t regroupings() const { return regroupings_; }
  // How many sittings it has looked at to find those of its events: what tests of cost count.
  size_t looked_at() const { return looked_at_; }
  // How much a copy holds: plans, sittings, open connections.
  size_t weight() const;
  Difference To(const RoomWalk& other) const;

  friend bool operator==(const RoomWalk& a, const RoomWalk& b);

 private:
  // What was there when the room was deleted.
  struct Deletion {
    size_t sittings = 0;
    size_t plans = 0;
    size_t files = 0;      // that wait
    size_t deletions = 0;  // this one too

    friend bool operator==(const Deletion&, const Deletion&) = default;
  };

  bool InWindow(const RoomPlan& plan, int64_t time_us) const;
  bool IsAbsent(const Sitting& sitting, int64_t time_us) const;
  // Of a try to join: what waits or runs then, or its day. What was in the room before has nothing to do with it.
  CutPlace PlaceOfTry(const RoomEvent& event) const;
  bool IsOver(const Sitting& sitting, int64_t time_us) const;
  // No sitting that began before its start can take part in what happens at `time_us`.
  bool IsLongPast(const Sitting& sitting, int64_t time_us) const;
  // A plan whose start comes while people are there takes place, whether anything is said of them after it: all that
  // come until `until_us`. `known_us`: those before it became known then.
  void LetStartsCome(int64_t until_us, int64_t known_us);
  void TakePlace(size_t plan, size_t sitting, int64_t since_us);
  // `now_us`: when it became known.
  void Sign(size_t sitting, int64_t time_us, int64_t now_us);
  void Join(size_t sitting, size_t plan, int64_t now_us);

  // Of the plan that waits and the one before it, if that took place, the one that is changed; nullopt for neither.
  std::optional<size_t> PlanChangedBy(const RoomEvent& event) const;
  // Where a plan waits, the one with a date that it follows, if that took place.
  std::optional<size_t> TookPlaceBefore(size_t plan) const;
  // Takes back the plan that only says that `plan` was moved, if it was moved back with this event.
  void MoveBack(const RoomEvent& event, size_t plan);
  // Whether what is planned is that plan, and not another meeting.
  bool Changes(const RoomEvent& event, size_t plan) const;
  // Until when a plan is known to go on: while people are there, until now.
  int64_t GoesOnUntil(const RoomEvent& event, size_t plan) const;
  CutPlace Plan(const RoomEvent& event);
  CutPlace Enter(const RoomEvent& event);
  CutPlace Speak(const RoomEvent& event);
  CutPlace PlaceOfPlanned(const RoomEvent& event);
  CutPlace PlaceOfDay(const RoomEvent& event) const;
  size_t AddPlan(const RoomEvent& event);
  // Who scheduled the plan with a date that a plan follows; 0 for nobody.
  uint32_t SchedulerBefore(const RoomPlan& plan) const;
  void Delete(const RoomEvent& event);
  CutPlace ShareFile(const RoomEvent& event);
  // Whether nobody is there at `time_us`.
  bool IsDeserted(const CutPlace& place, int64_t time_us) const;
  // When the next sitting must begin for those who are there to go over: after the first, until the second.
  std::pair<int64_t, int64_t> GoesOverWithin(const Sitting& sitting) const;
  // Who goes over into a sitting that begins with `event`, if any can: of the sitting `own`, or of a former one.
  struct GoingOver {
    OpenConnections* open = nullptr;
    std::optional<size_t> own;
  };
  GoingOver WhoGoesOver(const RoomEvent& event);
  // They do, once.
  std::vector<CarriedConnection> TakeOver(const RoomEvent& event);
  // Who leaves after the limit goes over no more.
  void LeaveAtTheLimit(const RoomEvent& event);
  // Files that were shared just before a sitting began are its own.
  void TakeFiles(size_t sitting);
  static bool Lies(const CutGroup& group, const Deletion& before);

  std::optional<size_t> PlanNamed(uint64_t name) const;
  // The latest of that name; nullopt for 0.
  std::optional<size_t> SittingNamed(uint64_t name) const;
  // The latest of that name; else the one that was heard of last of those without a name, or for 0 of all.
  std::optional<size_t> HeardOfLast(uint64_t name, int64_t time_us) const;
  // The same, of those of late to which people came.
  std::optional<size_t> LeftLast(uint64_t name, int64_t time_us) const;
  // Whether it may still take place.
  bool Waits(const RoomPlan& plan, int64_t time_us) const;
  // The latest begun that can take part in what happens at `time_us` and that `is`; without one of another name than
  // `name`, unless that is 0.
  std::optional<size_t> LatestThat(uint64_t name, int64_t time_us, absl::FunctionRef<bool(size_t sitting)> is) const;
  // The latest begun that is not over; without one of another name than `name`, unless that is 0.
  std::optional<size_t> LatestRunning(uint64_t name, int64_t time_us) const;
  // Of the plans that have not taken place, and have `time_us` in their window, the one with the nearest start, but
  // `except`; none of another name than `name`, unless that is 0.
  std::optional<size_t> WaitingPlan(uint64_t name, int64_t time_us, std::optional<size_t> except) const;
  // Of the plans that may still take place the one that begins first, however far ahead; none of another name.
  std::optional<size_t> NextPlan(uint64_t name, int64_t time_us) const;
  std::optional<size_t> PlanOfNewSitting(const RoomEvent& event) const;
  // Whether who comes, while a sitting is not over, comes to another.
  bool ComesToAnother(const RoomEvent& event, const Sitting& sitting) const;
  size_t Begin(const RoomEvent& event);
  // All have left that sitting: who was there past a `started` that was said again was in no other.
  void EndRepeated(size_t sitting, int64_t time_us);
  // Whether what a left, ended or quality event speaks of is open.
  bool Knows(size_t sitting, const RoomEvent& event) const;
  // The latest in which it is, and that is not over: who never left is not there for ever.
  std::optional<size_t> SittingSpokenOf(const RoomEvent& event) const;

  // A file that was shared where nobody was.
  struct WaitingFile {
    int64_t time_us = 0;
    uint64_t name = 0;   // of the sitting, as it said
    CutPlace place;      // so far
    bool taken = false;  // by a sitting that began just after it

    friend bool operator==(const WaitingFile&, const WaitingFile&) = default;
  };

  CutHistory rules_;
  std::vector<FormerSitting> former_;
  std::vector<WaitingFile> waiting_files_;  // in order
  std::vector<RoomPlan> plans_;
  std::vector<Sitting> sittings_;
  std::vector<OpenConnections> open_;             // by sitting
  std::vector<std::vector<size_t>> sittings_of_;  // by plan
  std::vector<size_t> waiting_;                   // plans that have not taken place
  // Of those that have sittings, the starts that have not come; others among them say nothing. Follows from the rest.
  std::set<std::pair<int64_t, size_t>> starts_;
  // By name, since the last deletion: the latest plan; all sittings, in order, without a name under 0.
  std::map<uint64_t, size_t> plan_named_;
  std::map<uint64_t, std::vector<size_t>> sittings_named_;  // follows from sittings_ and deleted_
  // By sitting: those that repeat it, and to which nobody came so far. Follows from sittings_.
  std::map<size_t, std::vector<size_t>> repeated_by_;
  mutable size_t looked_at_ = 0;
  Deletion deleted_;
  Deletion deleted_with_recordings_;
  size_t regroupings_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_OCCURRENCES_H_
