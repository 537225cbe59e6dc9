// The day gate: which days still take values.
#ifndef RETENTION_SERVER_ROWS_DAY_GATE_H_
#define RETENTION_SERVER_ROWS_DAY_GATE_H_

#include <algorithm>
#include <map>

#include "absl/status/status.h"
#include "server/rows/day_progress.h"
#include "storage/due_day.h"
#include "storage/secrets/key_ring.h"
#include "storage/store.h"

namespace retention {

// Days that take no more values: closed in their lead window, or ended. Belongs to the writer's thread.
class DayGate {
 public:
  absl::Status Load(const StoreView& store, const KeyRing& ring);
  // Whether a value may still be filed under `day`. `last_due`: LastDueDay(now).
  bool Takes(DueDay day, DueDay last_due) const {
    return !day.is_civil() || (day > last_due && day > ended_through_ && !closed(day));
  }
  // Whether values that are filed already may be moved to `day`: also into one that takes no new ones any more.
  bool TakesMoved(DueDay day, DueDay last_due) const {
    return !day.is_civil() || (day > last_due && day > ended_through_);
  }
  bool closed(DueDay day) const { return closed_.contains(day); }
  // How far the end of `day` has come; a day that is open has come nowhere.
  DayProgress ProgressOf(DueDay day) const {
    const auto found = closed_.find(day);
    return found == closed_.end() ? DayProgress() : found->second;
  }
  void Close(DueDay day, DayProgress progress) { closed_.insert_or_assign(day, std::move(progress)); }
  // Their keys are gone; whether they were closed is known until Forget.
  void EndThrough(DueDay last) { ended_through_ = std::max(ended_through_, last); }
  void ForgetThrough(DueDay last) { closed_.erase(closed_.begin(), closed_.upper_bound(last)); }

 private:
  std::map<DueDay, DayProgress> closed_;
  DueDay ended_through_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_DAY_GATE_H_
