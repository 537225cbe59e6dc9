// The day gate: which days still take values.
#ifndef RETENTION_SERVER_ROWS_DAY_GATE_H_
#define RETENTION_SERVER_ROWS_DAY_GATE_H_

#include <algorithm>
#include <set>

#include "absl/status/status.h"
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
    return !day.is_civil() || (day > last_due && day > ended_through_ && !closed_.contains(day));
  }
  // Whether values that are filed already may be moved to `day`: also into one that takes no new ones any more.
  bool TakesMoved(DueDay day, DueDay last_due) const {
    return !day.is_civil() || (day > last_due && day > ended_through_);
  }
  bool closed(DueDay day) const { return closed_.contains(day); }
  void Close(DueDay day) { closed_.insert(day); }
  // Their keys are gone; whether they were closed is known until Forget.
  void EndThrough(DueDay last) { ended_through_ = std::max(ended_through_, last); }
  void ForgetThrough(DueDay last);

 private:
  std::set<DueDay> closed_;
  DueDay ended_through_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_DAY_GATE_H_
