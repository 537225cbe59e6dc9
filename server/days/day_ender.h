// The end of days: they close, what holds keep leaves them, their keys go, and their files.
#ifndef RETENTION_SERVER_DAYS_DAY_ENDER_H_
#define RETENTION_SERVER_DAYS_DAY_ENDER_H_

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/holds/hold_keeping.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/change.h"

namespace retention {

// A day that is ending.
struct EndingDay {
  DueDay day;
  CategoryCounts values{};
};

// Commands. Belongs to the writer's thread.
class DayEnder {
 public:
  // REQUIRES: all outlive it.
  DayEnder(Holdings& holdings, HoldKeeping& keeping, MeetingCache& meetings)
      : holdings_(holdings), keeping_(keeping), meetings_(meetings) {}

  // Takes up destructions that a failure has cut short. Does nothing if there was none.
  absl::Status Recover();

  // THE KEYS FIRST: destroys the keys of all days that are due: unreadable from then on. Needs neither the store nor
  // anything that must be written to it. What holds may keep, and objects that have had no orders yet (`unordered`),
  // stay readable for what comes after, and are shown to nobody; the rest of the day is not. Returns the days that had
  // keys.
  struct Bucket {
    DueDay day;
    PbxId pbx;
    PbxKeyUse use = PbxKeyUse::kNotNeeded;

    friend auto operator<=>(const Bucket&, const Bucket&) = default;
  };
  absl::StatusOr<std::vector<DueDay>> DestroyDueKeys(absl::Time now, const std::set<Bucket>& unordered);
  // Thread-safe. Where objects may lie that have had no orders, in days up to `last`. If the store cannot be read:
  // wherever objects lie at all.
  std::set<Bucket> UnorderedObjects(DueDay last, absl::Time now) const;

  // `day` takes no more values from now on; orders for its objects are issued.
  absl::Status Close(DueDay day, Change& change);
  // A step of taking what holds keep out of the days that are due; true if there is more to do.
  absl::StatusOr<bool> TakeOut(Change& change);
  // Enters the end of every day that is due into the ledger; what was rescued of it is destroyed then. Nothing happens
  // while TakeOut has more than a step to do, which `kept_first` says. FAILED_PRECONDITION if one still has its key.
  struct Ended {
    bool kept_first = false;
    std::vector<EndingDay> days;
  };
  absl::StatusOr<Ended> End(Change& change);
  // Enters that no byte of `days` is left.
  void EnterErased(std::span<const DueDay> days, Change& change);
  // Deletes the locators of the given meetings if their history ended with `last` or before.
  absl::Status DropLocators(std::span<const LocatorName> meetings, DueDay last, Change& change);

  // Orders for the objects that end with `day`, but for the rows in `gone`, which left it. Files have an end of their
  // own, earlier than their day's. Of kAllButFiles, returns the PBXs whose objects got none because holds concern them
  // or they are ending.
  enum class OrderScope { kAllButFiles, kFiles, kAll };
  using Keys = absl::flat_hash_set<std::string>;
  absl::StatusOr<std::set<PbxId>> IssueOrders(DueDay day, OrderScope scope, Change& change,
                                              const Keys& gone = {}) const;
  // What of a day's objects has had no orders yet.
  OrderScope Unordered(DueDay day) const { return holdings_.gate.closed(day) ? OrderScope::kFiles : OrderScope::kAll; }

 private:
  Holdings& holdings_;
  HoldKeeping& keeping_;
  MeetingCache& meetings_;
  DueWalk walk_;  // as committed
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_DAY_ENDER_H_
