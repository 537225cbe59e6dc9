// Owners whose rows have ended before their day: their secrets are destroyed, so that no older copy opens them.
//
// Which ones is a row of the batch that ends them; when they are destroyed, the row goes with a later batch. So neither
// a crash nor a ring that cannot be written loses any. What is erased goes as soon as that batch is durable. What was
// only sealed anew, and lives on, can wait for those who read it in a snapshot: until the second sweep.
#ifndef RETENTION_SERVER_ROWS_OWNER_ENDS_H_
#define RETENTION_SERVER_ROWS_OWNER_ENDS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "storage/secrets/key_ring.h"
#include "storage/store.h"

namespace retention {

// Owners that end with one batch.
struct EndedOwners {
  std::vector<OwnerNumber> owners;
  bool erased = false;  // any of them, and not only sealed anew

  bool empty() const { return owners.empty(); }
};

// Changed by the writer's thread only; what is marked so is thread-safe.
class OwnerEnds {
 public:
  // Takes up what `store` says. DATA_LOSS if a row does not parse.
  absl::Status Load(const StoreView& store);

  // The row that tells of `ended`.
  static void Put(const EndedOwners& ended, Batch& batch);
  // Takes the rows away that tell of what is destroyed.
  void DeleteDone(Batch& batch) const;
  // A batch with these is durable. Destroys them if any was erased; what cannot be destroyed now waits for the next
  // time.
  void Committed(EndedOwners ended, KeyRing& ring);
  // Destroys what has waited since the call before.
  absl::Status DestroyRested(KeyRing& ring);
  bool HasDone() const { return !done_.empty(); }

  // Thread-safe: how many could not be destroyed when they should have been.
  uint64_t overdue() const { return overdue_.load(); }

 private:
  struct Left {
    std::vector<OwnerNumber> owners;
    bool is_due = false;
  };
  absl::Status DestroyDue(KeyRing& ring);

  // By the first of them, which no other row tells of.
  std::map<OwnerNumber, Left> left_;
  std::vector<OwnerNumber> done_;
  std::atomic<uint64_t> overdue_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_OWNER_ENDS_H_
