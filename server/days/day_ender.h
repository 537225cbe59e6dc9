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
#include "server/days/due_keys.h"
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
  // stay readable for what comes after, and are shown to nobody; the rest of the day is not.
  absl::StatusOr<DestroyedDays> DestroyDueKeys(absl::Time now, const std::set<DayPart>& unordered);
  // Thread-safe. Where objects may lie that have had no orders, in days up to `last`. If the store cannot be read:
  // wherever objects lie at all.
  std::set<DayPart> UnorderedObjects(DueDay last, absl::Time now) const;

  // `day` takes no more values from now on.
  absl::Status Close(DueDay day, Change& change);
  // A step of issuing the orders for what a day that was closed still holds, files excepted: they have an end of their
  // own, earlier than their day's. Objects of PBXs that holds concern get none: what they keep is known when the day is
  // over. True if there is more to do.
  absl::StatusOr<bool> OrderStep(DueDay day, Change& change);
  // A step of taking what holds keep out of the days that are due; true if there is more to do.
  absl::StatusOr<bool> TakeOut(Change& change);
  // A step of issuing the orders that are left of days that are due, files included, once TakeOut has no more to do.
  // True if there is more to do.
  absl::StatusOr<bool> OrderRestStep(Change& change);
  // Enters the end of every day that is due, and whose key is gone, into the ledger; what was rescued of it is
  // destroyed then. Nothing happens while TakeOut or OrderRestStep have anything to do, which `others_first` says.
  struct Ended {
    bool others_first = false;
    std::vector<EndingDay> days;
  };
  absl::StatusOr<Ended> End(Change& change);
  // Enters that no byte of `days` is left; `files`: how many held rows of each.
  void EnterErased(std::span<const DueDay> days, std::span<const size_t> files, Change& change);
  // Deletes the locators of the given meetings if their history ended with `last` or before.
  absl::Status DropLocators(std::span<const LocatorName> meetings, DueDay last, Change& change);

  // What is left to be ordered of `day` when it is over, but for the rows in `gone`, which left it: all at once. For
  // previews.
  using Keys = absl::flat_hash_set<std::string>;
  absl::Status OrderRest(DueDay day, const Keys& gone, Change& change) const;

 private:
  // Destructions of days of which nothing is counted any more: the ring alone knows of them.
  absl::Status EnterUncounted(std::span<const EndingDay> counted, std::span<const UnenteredDestruction> destructions,
                              Change& change) const;
  // Issues orders for what a day holds of some categories, from `from` on; returns how far it comes, empty if there is
  // no more. `unordered`: gets the PBXs whose objects are left out because holds concern them or they are ending; null:
  // none is.
  struct OrderRange {
    bool files = false;
    std::string from;
    size_t rows = SIZE_MAX;
  };
  absl::StatusOr<std::string> IssueOrders(DueDay day, const OrderRange& range, const Keys& gone,
                                          std::set<PbxId>* unordered, Change& change) const;
  void PutProgress(DueDay day, DayProgress progress, Change& change);

  Holdings& holdings_;
  HoldKeeping& keeping_;
  MeetingCache& meetings_;
  DueWalk walk_;  // as committed
};

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_DAY_ENDER_H_
