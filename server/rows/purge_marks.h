// Purge marks: which days' files hold bytes of deleted rows.
#ifndef RETENTION_SERVER_ROWS_PURGE_MARKS_H_
#define RETENTION_SERVER_ROWS_PURGE_MARKS_H_

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/due_day.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace retention {

// Days whose files hold bytes of deleted rows until they are scrubbed. DueDay::None() stands for family `state`.
// Changed by the writer's thread only; Read is thread-safe.
class PurgeMarks {
 public:
  using Marks = std::map<DueDay, stored::v1::PurgeMark>;
  // What a change does to them.
  struct Changes {
    std::map<DueDay, uint64_t> deletions;  // rows that it deletes
    Marks scrubbed;                        // what a scrub that is done had counted

    bool empty() const { return deletions.empty() && scrubbed.empty(); }
  };

  absl::Status Load(const StoreView& store);
  // A copy. Whatever is marked in it is in the store.
  Marks Read() const;
  // What they will be: a mark that has grown since it was scrubbed stays for what came after, as of `now`.
  Marks After(const Changes& changes, absl::Time now) const;
  // The rows of the marks that `changes` touch, as `after` has them.
  static void Put(const Marks& after, const Changes& changes, Batch& batch);
  // Those rows are durable.
  void Set(Marks after);

 private:
  mutable Mutex mutex_;
  Marks marks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_PURGE_MARKS_H_
