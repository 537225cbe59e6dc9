// The cut of a room, kept up while its events come in, in whatever order: which occurrence each of them lies with.
//
// Every occurrence has a number, under which its rows lie. It keeps it as long as any event stays in it, whatever else
// joins or leaves.
//
// Pure. Events in order are cut one by one. One that comes late is cut from a copy of the walk a little before it, and
// those after it until the walk is again where it was: it costs what it is late. Only what moves events from one
// occurrence to another makes the whole room be looked over.
#ifndef RETENTION_SERVER_LAW_ROOM_CUT_H_
#define RETENTION_SERVER_LAW_ROOM_CUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "server/law/cut_events.h"
#include "server/law/cut_rules.h"
#include "server/law/filing.h"
#include "server/law/occurrences.h"
#include "server/law/room_event.h"

namespace retention {

// What a plan said, or an invitation.
struct PlannedSaying {
  uint64_t event = 0;
  int64_t time_us = 0;
  bool by_plan = false;      // and not by an invitation
  uint64_t participant = 0;  // whom it is about; 0 for nobody
};

// What came of what was added.
struct CutChanges {
  std::set<uint64_t> touched;                     // occurrences that gained events or lost them
  absl::flat_hash_map<uint64_t, uint64_t> fresh;  // new events, and the occurrence of each
  std::map<uint64_t, uint64_t> moved;             // events that had rows, and the occurrence that each belongs to now
  std::set<uint64_t> left;                        // occurrences that those belonged to before
  std::set<uint64_t> takes_back;  // occurrences that gained, of those, what may take back what was said in them
  bool regrouped = false;         // all of the room was looked over: what follows what may be otherwise
};

// What is known of the sittings before those of an occurrence: who was there when they began.
std::vector<FormerSitting> BeforeThoseOf(const OccurrenceFacts& facts);

class RoomCut {
 public:
  // What number an occurrence gets that this event founds, if no other has it.
  using NumberOf = std::function<uint64_t(const RoomEvent& event)>;
  // A copy of the walk is kept every so many events at least, and no more often than so many events for each plan,
  // sitting and connection in it: a copied one takes about as much as three events.
  static constexpr size_t kEventsPerCheckpoint = 256;
  static constexpr size_t kEventsPerCopied = 8;

  explicit RoomCut(CutHistory rules, NumberOf number_of = nullptr, size_t events_per_checkpoint = kEventsPerCheckpoint,
                   size_t events_per_copied = kEventsPerCopied)
      : rules_(std::move(rules)),
        number_of_(std::move(number_of)),
        events_per_checkpoint_(events_per_checkpoint),
        events_per_copied_(events_per_copied),
        walk_(rules_) {}

  const CutHistory& rules() const { return rules_; }

  bool Contains(uint64_t id) const { return ids_.contains(id); }
  // `occurrence`: where it lies; 0 for a new event. REQUIRES: !Contains(event.id).
  void Add(const RoomEvent& event, uint64_t occurrence);
  // The room was deleted at that time, whatever is held of the event that did so. REQUIRES: nothing is settled yet.
  void AddWall(int64_t time_us, bool with_recordings);
  // No occurrence that the cut founds gets this number.
  void Take(uint64_t occurrence) { taken_.insert(occurrence); }
  // Its first sitting may go on with what is left of the latest of these. Known before anything is settled, or the
  // whole room is cut anew.
  void Follow(std::vector<FormerSitting> former);
  // Cuts what was added.
  void Settle();
  // The same; and says once what came of it since the last call. The rows are where it says from now on.
  CutChanges TakeChanges();

  size_t size() const { return events_.size(); }
  // What counts against the bounds of a room.
  struct Load {
    size_t events = 0;     // since the last deletion, but for samples
    size_t in_memory = 0;  // with what was deleted
    size_t quality_samples = 0;
  };
  Load load() const;
  // About what it holds.
  size_t MemoryBytes() const;
  // What copies of the walk hold, all together: plans, sittings and connections.
  size_t weight_of_copies() const;
  // In the order of the walk. REQUIRES of this and all that follows: settled.
  const CutEvents& events() const { return events_; }
  bool Has(uint64_t occurrence) const { return group_of_.contains(occurrence); }
  std::vector<uint64_t> occurrences() const;
  // The caller's number of the extension in `organizer_number`: of who scheduled it, or else the plan that it was
  // planned anew from, or else who started it (OccurrenceFacts.only_started); OccurrenceFacts.organizer stays empty.
  // REQUIRES: Has.
  OccurrenceFacts FactsOf(uint64_t occurrence, uint32_t& organizer_number) const;
  // Whether its events, its plan and its sittings are those that these facts of it say.
  bool Cuts(uint64_t occurrence, const OccurrenceFacts& facts) const;
  // Of events that are one occurrence, though by themselves they may fall apart: the facts of all, and the part that
  // has the plan or else is first; whether these facts say so. REQUIRES: there is an occurrence.
  OccurrenceFacts FactsOfAll(uint32_t& organizer_number) const;
  uint64_t Speaker() const;
  bool CutsTogether(const OccurrenceFacts& facts) const;
  // Whether something later took back what a plan or an invitation of that event said: the meeting was planned again,
  // the invitation withdrawn.
  bool IsTakenBack(uint64_t occurrence, const PlannedSaying& saying) const;
  // Whether what was said in it at that time is protocolled.
  bool IsProtocolled(uint64_t occurrence, int64_t time_us) const;
  // Whether any invitation to it was withdrawn.
  bool AnyUninvited(uint64_t occurrence) const { return !groups_.at(group_of_.at(occurrence)).uninvited_us.empty(); }
  // Its plan; nullptr if it has none. Valid until something is added.
  const RoomPlan* PlanOf(uint64_t occurrence) const;
  // The event that planned another plan anew, whichever that is, to be that of this one; 0 if there is none.
  uint64_t PlannedAnewBy(uint64_t occurrence) const;
  // The occurrences whose plans were planned anew to be that of this one: the one before, and those before that while
  // they had no date. Empty if nothing is known of them.
  std::vector<uint64_t> FollowedBy(uint64_t occurrence) const;
  // Those that others follow.
  std::set<uint64_t> Followed() const;
  // Its sittings, for the cut of what comes after them.
  std::vector<FormerSitting> Former() const { return walk_.Former(); }
  // Of left, ended and quality: whether it speaks of what is open.
  bool Knows(const RoomEvent& event) const;
  // Whether what is said at the time of `event` is protocolled: what the plan and the starts before it say.
  bool IsProtocolledAt(const RoomEvent& event) const;
  // The occurrence that what is said or shown at the time of `event` belongs to; 0 for none that is known.
  uint64_t OccurrenceOfShown(const RoomEvent& event) const;
  // How long the room is already cut up to, in the time of events; INT64_MIN when it is empty.
  int64_t last_us() const { return events_.empty() ? INT64_MIN : events_.TimeAt(size() - 1); }

 private:
  struct Announcement {
    int64_t time_us;
    bool protocolled;
  };
  // What is known of an occurrence besides its plan and its sittings.
  struct Group {
    uint64_t occurrence = 0;
    int64_t first_us = INT64_MAX;
    int64_t last_us = INT64_MIN;
    std::optional<OccurrenceFacts::Tries> tries;
    std::map<uint64_t, int64_t> uninvited_us;  // by participant
    std::vector<RoomEvent> said;               // scheduled and started, in order; the rest follows from them
    std::optional<int64_t> scheduled_on_us;
    std::vector<Announcement> announcements;  // where what is announced changes
    uint32_t organizer = 0;
    bool organizer_scheduled = false;
    uint64_t last_scheduled = 0;  // event

    void Note(const RoomEvent& event);

   private:
    void Fold(const RoomEvent& saying);
  };
  static bool IsProtocolled(const Group& group, int64_t time_us);
  // The group of what is said or shown at the time of `event`; nullptr if nothing else is of it.
  const Group* GroupOfShown(const RoomEvent& event) const;
  // The walk as it was after so many events.
  struct Checkpoint {
    size_t position;
    RoomWalk walk;
  };

  // Whether it would be the last.
  bool IsLast(const RoomEvent& event) const { return events_.empty() || events_.IsBefore(size() - 1, event); }
  // The walk as it is where `event` would be put in. REQUIRES: it is not the last.
  RoomWalk WalkUpTo(const RoomEvent& event) const;
  RoomWalk Beginning() const { return RoomWalk(rules_, former_); }
  // How many events lie between copies of the walk as it is.
  size_t Distance() const;
  // Takes the next step, and keeps a copy of the walk before it when it is time for one.
  CutPlace StepTo(size_t position);
  // After `added` events were put in from `from` on, before the end. True if events that were there before belong
  // elsewhere now.
  bool WalkAgain(size_t from, size_t added);
  // Where the last deletion is, of events from `from` on or, if they came late, of all.
  void NoteDeletions(size_t from, bool late);
  // Of events from `from` on that are new.
  void NumberNew(size_t from);
  void Regroup();
  uint64_t NumberFor(const RoomEvent& event);

  CutHistory rules_;
  NumberOf number_of_;
  size_t events_per_checkpoint_;
  size_t events_per_copied_;
  std::vector<FormerSitting> former_;
  RoomWalk walk_;                        // over all of events_
  std::vector<Checkpoint> checkpoints_;  // oldest first; all together hold no more than there are events
  CutEvents events_;
  size_t settled_ = 0;  // so many are in order
  size_t quality_samples_ = 0;
  size_t deleted_until_ = 0;   // after the last deletion
  size_t deleted_events_ = 0;  // before that, but for samples
  absl::flat_hash_set<uint64_t> ids_;
  std::set<uint64_t> taken_;
  std::map<CutGroup, Group> groups_;
  std::map<uint64_t, CutGroup> group_of_;  // by occurrence
  bool look_over_all_ = false;
  bool any_moved_ = false;  // some rows may lie elsewhere
  CutChanges changes_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_ROOM_CUT_H_
