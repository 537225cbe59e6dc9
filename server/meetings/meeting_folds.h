// Folds of meetings that were asked for of late.
#ifndef RETENTION_SERVER_MEETINGS_MEETING_FOLDS_H_
#define RETENTION_SERVER_MEETINGS_MEETING_FOLDS_H_

#include <cstddef>
#include <list>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/meetings/meeting_fold.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class MeetingFolds {
 public:
  // Memory of all of them: a meeting of 1,000 people is 200 KiB.
  static constexpr size_t kMaxBytes = 64u << 20;

  explicit MeetingFolds(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // The fold of a meeting as it is now; nullptr if it is not here.
  std::shared_ptr<const MeetingFold> Find(const MeetingView& meeting);
  // Keeps it in place of a former one; those that were not asked for longest leave. One beyond the bound is not kept.
  void Keep(const MeetingView& meeting, std::shared_ptr<const MeetingFold> fold);
  // Lets go of what is due.
  void ForgetDue(absl::Time now);

  size_t bytes() const;

 private:
  using Name = std::pair<PbxId, OwnerId>;
  struct Entry {
    std::shared_ptr<const MeetingFold> fold;
    size_t bytes;
    std::list<Name>::iterator used;
  };
  void Erase(absl::flat_hash_map<Name, Entry>::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  mutable Mutex mutex_;
  absl::flat_hash_map<Name, Entry> folds_ ABSL_GUARDED_BY(mutex_);
  std::list<Name> used_ ABSL_GUARDED_BY(mutex_);  // most recent first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time next_due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();  // nothing is before
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_MEETING_FOLDS_H_
