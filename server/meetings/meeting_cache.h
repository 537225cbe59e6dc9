// Rooms as the committer knows them: the cut of their events cached, read back from their HISTORY rows when it is not.
#ifndef RETENTION_SERVER_MEETINGS_MEETING_CACHE_H_
#define RETENTION_SERVER_MEETINGS_MEETING_CACHE_H_

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/law/course.h"
#include "server/law/filing.h"
#include "server/law/policy.h"
#include "server/law/room_cut.h"
#include "server/meetings/locator.h"
#include "server/rows/change.h"
#include "server/rows/deleted_rooms.h"
#include "server/rows/opened_rows.h"
#include "server/rows/policy_versions.h"
#include "server/rows/room_names.h"
#include "server/rows/room_organizers.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// One occurrence of a room.
struct Meeting {
  PbxId pbx;
  OwnerId id;
  MeetingLocator locator;  // as the change that edits it leaves it
  bool stored = false;     // there is a locator row
  // Something of it has been due: what comes within its span is its own, and nothing else joins it or splits it.
  bool fixed = false;
};

// A meeting room, with the occurrences of it that are held.
struct Room {
  PbxId pbx;
  RoomId id;
  RoomCut cut;                                  // of what is not fixed
  std::map<uint64_t, Meeting> meetings{};       // by number of the occurrence
  std::map<uint64_t, RoomCut> fixed{};          // of each occurrence that is, once somebody asked; settled
  std::set<uint64_t> cut_by_others{};           // of these, those whose own events do not cut them as they were cut
  std::map<uint64_t, OccurrenceFacts> over{};   // what is left of those whose history is over (remnant.h)
  std::vector<std::string> organizers{};        // what RoomEvent.organizer counts, from 1
  std::vector<RoomDeletion> deletions{};        // in order of time
  RoomOrganizer organizer{};                    // of the last that anybody scheduled, though its history be over
  int64_t fixed_until_us = INT64_MIN;           // AllFixedAt knows none later
  DueDay read_at = DueDay::None();              // the last day that was due when it was read
  std::optional<RoomNames::Row> unstored_name;  // has its meeting id lead to it, if nothing does yet
  // The cut of all of it, as if nothing was fixed, by numbers of the occurrences as they are; as far as cuts are known,
  // once somebody asked. What comes is added to it; without what is shown, which decides nothing.
  std::optional<RoomCut> whole{};
  size_t made_whole = 0;  // how often that was cut: what tests of cost count

  // The fixed occurrences within whose span an event of this time may lie, or from which somebody may go over into the
  // sitting that it begins; the one that a new event belongs to, nullptr if it belongs to none.
  std::vector<const Meeting*> AllFixedAt(int64_t time_us) const;
  const Meeting* FixedAt(const RoomEvent& event) const;
  // The name by which an event is of a fixed occurrence that it lies in: a name that is none of its own says nothing
  // there, and cuts nothing anew.
  uint64_t NameIn(const Meeting& meeting, const RoomEvent& event) const;
  // The fixed occurrences that may have a say in whose something is that is shown at that time, though it lies beyond
  // them.
  std::vector<const Meeting*> AllFixedNear(int64_t time_us) const;
  // The one of those that what is shown is of, as if nothing was fixed, as far as their cuts are known; nullptr if it
  // is none of them. Cuts all of the room when it is first asked, and again when the cut of another fixed one was read.
  const Meeting* ShownIn(const RoomEvent& event);
  // Adds an event to the cut of that fixed occurrence, which is there, or to that of what is not fixed.
  void Add(const RoomEvent& event, const Meeting* to);
  // The occurrence whose history is over, and in whose span it lies; 0 for none.
  uint64_t OverAt(const RoomEvent& event) const;
  uint32_t OrganizerNumber(std::string_view name);
  std::string NameOf(const Vault& vault, std::string_view participant_id) const;
  // What is known of an occurrence now; what its locator says if its events say nothing else.
  OccurrenceFacts FactsOf(uint64_t occurrence) const;
  // The cut that knows the events of an occurrence; nullptr if none does.
  const RoomCut* CutWith(uint64_t occurrence) const;
  // The occurrence, a new one if need be.
  Meeting& MeetingOf(uint64_t occurrence);
  // The cut goes on after the sittings that are fixed, as far as their cuts are known.
  void FollowFixed();

 private:
  RoomCut Whole() const;
  // Settled at once: where the next event belongs depends on who is there.
  void AddToFixed(const RoomEvent& event, uint64_t occurrence);
  // Of an occurrence of whose plan `knows` tells nobody who scheduled it: who scheduled the plans from which it was
  // planned anew, as far as they are cut no more; empty if nobody is known.
  std::string SchedulerBeyond(const RoomCut& knows, uint64_t occurrence) const;
  // Who scheduled the last plan before that of an occurrence, of those that are cut no more; empty if nobody is known,
  // or it was deleted in between; nullopt if none is held.
  std::optional<std::string> SchedulerBefore(uint64_t occurrence, const RoomPlan& plan) const;
};

// Until when who is in the last sitting of an occurrence at its limit goes over into the next one; INT64_MIN if nobody
// can.
int64_t CarriesUntil(const SittingFacts& sitting, const CutHistory& rules);
int64_t CarriesUntil(const OccurrenceFacts& facts, const CutHistory& rules);

// The course of a meeting, from its HISTORY rows under `day`, without what is not for `opener`. NOT_FOUND if a key is
// gone: the day ended meanwhile.
absl::StatusOr<Course> ReadCourse(const StoreView& view, Vault& vault, DueDay day, const PbxId& pbx,
                                  const OwnerId& meeting, Opener opener = Opener::kEngine);

// Least recently used rooms leave when all together exceed the bound. Belongs to the writer's thread.
//
// Who alters a room on behalf of a change asks for it by Edit: if the change is dropped, the room is read anew.
class MeetingCache {
 public:
  // What the rooms in memory take together, about. One alone may take more.
  static constexpr size_t kMaxCachedBytes = size_t{256} << 20;

  // REQUIRES: all outlive it.
  MeetingCache(const StoreView& store, Vault& vault, const RoomNames& names, const PolicyVersions& policies)
      : store_(store), vault_(vault), names_(names), policies_(policies) {}

  // The room, read from the store if need be; empty if nothing of it is held. Valid until Trim or Forget. One that is
  // damaged (DATA_LOSS, or NOT_FOUND if a key is lost) is not read again until a day is over.
  absl::StatusOr<Room*> Find(const PbxId& pbx, std::string_view meeting_id, DueDay last_due);
  absl::StatusOr<Room*> Find(const PbxId& pbx, const RoomId& room, DueDay last_due);
  // The same for who deletes the room, which damage must not keep from it: rows that nobody can read go to
  // `unreadable`, and it is read without them.
  absl::StatusOr<Room*> FindToDelete(const PbxId& pbx, std::string_view meeting_id, DueDay last_due,
                                     UnreadableVisit unreadable);
  // The room, if it is in memory.
  Room* Peek(const PbxId& pbx, const RoomId& room);
  // `room` is altered by `change`.
  void Edit(const Room& room, Change& change);
  // The events of an occurrence that is fixed, cut by themselves. The room goes on after it.
  absl::StatusOr<RoomCut*> CutOf(Room& room, const Meeting& fixed, UnreadableVisit unreadable = kFails);

  // Lets the longest unused rooms go, once in a while. `grown_events`: how many events they gained since the last call.
  void Trim(size_t grown_events);
  void Forget(const PbxId& pbx, const RoomId& room);
  // Of a room whose meeting id leads to it no more.
  void ForgetNamed(const PbxId& pbx, const RoomId& room);
  void ForgetPbx(const PbxId& pbx);
  // Forgets rooms of which anything is due, and all meeting ids.
  void ForgetDue(DueDay last_due);

 private:
  static constexpr auto kFails = [](const FiledKey&, std::string_view, const absl::Status& why) { return why; };
  using Name = std::pair<PbxId, RoomId>;
  struct Entry {
    Room room;
    std::list<Name>::iterator used{};
  };
  const CutHistory& cuts() const { return policies_.current().cuts; }
  absl::StatusOr<RoomNames::Named> Named(const PbxId& pbx, std::string_view meeting_id);
  absl::StatusOr<Room*> Find(const PbxId& pbx, const RoomId& room, DueDay last_due, UnreadableVisit unreadable);
  // One of which nothing is held.
  std::unique_ptr<Entry> NewEntry(const PbxId& pbx, const RoomId& room, DueDay last_due) const;
  Room* Keep(std::unique_ptr<Entry> entry);
  // `cut_by_others`: occurrences that are fixed, whatever their locators say.
  absl::Status Read(Room& room, DueDay last_due, const std::set<uint64_t>& cut_by_others, UnreadableVisit unreadable);
  absl::Status ReadEvents(Room& room, const Meeting& meeting, RoomCut& cut, UnreadableVisit unreadable);
  static size_t BytesOf(const Entry& entry);

  const StoreView& store_;
  Vault& vault_;
  const RoomNames& names_;
  const PolicyVersions& policies_;
  absl::flat_hash_map<Name, std::unique_ptr<Entry>> rooms_;
  std::list<Name> used_;  // most recent first
  size_t grown_ = 0;      // bytes that came since the rooms were last counted
  absl::flat_hash_map<Name, absl::Status> damaged_;
  // Rooms that recent meeting ids name, to spare the keyed hashes.
  absl::flat_hash_map<std::pair<PbxId, std::string>, RoomId> recent_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_MEETING_CACHE_H_
