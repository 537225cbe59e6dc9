// Purge marks: where files hold bytes of deleted rows.
#ifndef RETENTION_SERVER_ROWS_PURGE_MARKS_H_
#define RETENTION_SERVER_ROWS_PURGE_MARKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/due_day.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace retention {

// Days whose files hold bytes of deleted rows until they are scrubbed, and where in them. DueDay::None() stands for
// family `state`. Changed by the writer's thread only; Read is thread-safe.
class PurgeMarks {
 public:
  // Places that a mark has at most: with more of them hardly a file would be left out.
  static constexpr int kPlacesMax = 256;

  using Marks = std::map<DueDay, stored::v1::PurgeMark>;
  // Rows of one mark that a change deletes.
  class Deletions {
   public:
    // A row, or all whose keys begin so.
    void Add(std::string_view key);
    // Somewhere.
    void AddAnywhere() { ++rows_, anywhere_ = true; }
    // Does the same to `mark`.
    void AddTo(stored::v1::PurgeMark& mark) const;

   private:
    uint64_t rows_ = 0;
    std::vector<std::string> places_;
    bool anywhere_ = false;
  };
  // What a change does to them.
  struct Changes {
    std::map<DueDay, Deletions> deletions;
    Marks scrubbed;  // what a scrub that is done had found

    bool empty() const { return deletions.empty() && scrubbed.empty(); }
  };

  absl::Status Load(const StoreView& store);
  // A copy. Whatever is marked in it is in the store.
  Marks Read() const;
  // What those that `changes` touch will be, without those that are gone: a mark that has grown since it was scrubbed
  // stays for what came after, as of `now`.
  Marks After(const Changes& changes, absl::Time now) const;
  // The rows of the marks that `changes` touch, as `after` has them.
  static void Put(const Marks& after, const Changes& changes, Batch& batch);
  // Those rows are durable.
  void Set(const Marks& after, const Changes& changes);

  // Where to scrub.
  static std::vector<FamilySpan> SpansOf(const Marks& marks);

 private:
  mutable Mutex mutex_;
  Marks marks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_PURGE_MARKS_H_
