// Meetings as the committer knows them: cached courses, read back from their HISTORY rows when they are not.
#ifndef RETENTION_SERVER_MEETINGS_MEETING_CACHE_H_
#define RETENTION_SERVER_MEETINGS_MEETING_CACHE_H_

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/law/course.h"
#include "server/law/filing.h"
#include "server/law/policy.h"
#include "server/rows/change.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Where a meeting's values are filed now; DueDay::None() where there are none.
struct MeetingLocator {
  std::array<DueDay, kCategories> days{};
  int64_t files_end_us = 0;  // when its files end; 0 if it has none
  int64_t timer_us = 0;      // when it is to be looked at again; 0 if it need not

  friend bool operator==(const MeetingLocator&, const MeetingLocator&) = default;
  std::string Serialize() const;
  // nullopt if malformed.
  static std::optional<MeetingLocator> Parse(std::string_view bytes);
};

// One meeting.
struct Meeting {
  PbxId pbx;
  OwnerId id;
  Course course;
  MeetingLocator locator;  // as the change that edits it leaves it
  bool stored = false;     // there is a locator row
  bool known = false;      // scheduled or begun
  bool deleted = false;
};

// The locator of a meeting, if it is held and its history is not due.
absl::StatusOr<std::optional<MeetingLocator>> ReadLocator(const StoreView& view, const PbxId& pbx,
                                                          const OwnerId& meeting, DueDay last_due);
// The course of a meeting, from its HISTORY rows under `day`. NOT_FOUND if a key is gone: the day ended meanwhile.
absl::StatusOr<Course> ReadCourse(const StoreView& view, Vault& vault, DueDay day, const PbxId& pbx,
                                  const OwnerId& meeting);

// Whether anything of a meeting lies elsewhere than `filing` says. What lies under `ended` or an earlier day is gone.
bool Misfiled(const MeetingLocator& locator, const Filing& filing, DueDay ended);

// Least recently used meetings leave when all courses together exceed the bound. Belongs to the writer's thread.
//
// Who alters a meeting on behalf of a change asks for it by Edit: if the change is dropped, the meeting is read anew.
class MeetingCache {
 public:
  // Events held in memory, about 120 bytes each.
  static constexpr size_t kMaxCachedEvents = 400000;

  MeetingCache(const StoreView& store, Vault& vault) : store_(store), vault_(vault) {}

  // The meeting, read from the store if need be; a new, unknown one if it is not held. Valid until Trim or Forget.
  absl::StatusOr<Meeting*> Find(const PbxId& pbx, std::string_view meeting_id, DueDay last_due);
  absl::StatusOr<Meeting*> Find(const PbxId& pbx, const OwnerId& meeting, DueDay last_due);
  // `meeting`, which was found, is altered by `change`.
  void Edit(const Meeting& meeting, Change& change);

  // Lets the longest unused meetings go, once in a while. `grown_events`: how many events courses gained since the last
  // call.
  void Trim(size_t grown_events);
  void Forget(const PbxId& pbx, const OwnerId& meeting);
  void ForgetPbx(const PbxId& pbx);
  // Forgets meetings whose history is due.
  void ForgetDue(DueDay last_due);

 private:
  using Name = std::pair<PbxId, OwnerId>;
  struct Entry {
    Meeting meeting;
    std::list<Name>::iterator used;
  };
  const StoreView& store_;
  Vault& vault_;
  absl::flat_hash_map<Name, std::unique_ptr<Entry>> meetings_;
  std::list<Name> used_;  // most recent first
  size_t grown_ = 0;      // events added since the courses were last counted
  // External ids of recent meetings, to spare the keyed hash.
  absl::flat_hash_map<std::pair<PbxId, std::string>, OwnerId> recent_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_MEETING_CACHE_H_
