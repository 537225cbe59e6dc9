// Holds that are not in force any more: that there were any, on what basis, from when until when. Nothing of them may
// name people, so neither their identifiers nor owners nor reasons are kept; the ledger names them alike.
#ifndef RETENTION_SERVER_HOLDS_RELEASED_HOLDS_H_
#define RETENTION_SERVER_HOLDS_RELEASED_HOLDS_H_

#include <cstddef>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/hold_service.pb.h"
#include "server/holds/hold.h"
#include "server/rows/change.h"
#include "storage/store.h"

namespace retention {

// As many as there may be at a time in force; the oldest make room.
inline constexpr size_t kMaxReleasedHolds = 10000;

// REQUIRES: it was released.
void PutReleased(const Hold& hold, bool by_itself, Batch& batch);

// How many there are, so that nobody counts them whenever one is released. Belongs to the writer's thread.
class ReleasedHolds {
 public:
  // REQUIRES: outlived by the store.
  explicit ReleasedHolds(const StoreView& store) : store_(store) {}

  // Makes room for `more`, which the same change puts.
  absl::Status MakeRoom(size_t more, Change& change);

 private:
  const StoreView& store_;
  std::optional<size_t> count_;  // nothing was released yet
};

// See HoldService.ListReleasedHolds.
absl::StatusOr<v1::ListReleasedHoldsResponse> ListReleased(const StoreView& store,
                                                           const v1::ListReleasedHoldsRequest& request);

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_RELEASED_HOLDS_H_
