// The hold reader: what is shown of holds. Thread-safe.
#ifndef RETENTION_SERVER_HOLDS_HOLD_READER_H_
#define RETENTION_SERVER_HOLDS_HOLD_READER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "server/holds/hold_register.h"
#include "server/rows/holdings.h"
#include "storage/store.h"

namespace retention {

// REQUIRES: all outlive it.
class HoldReader {
 public:
  static constexpr int kDefaultHoldsPerPage = 100;
  static constexpr int kMaxHoldsPerPage = 1000;

  // `store` is what the holdings are of.
  HoldReader(const Store& store, const Holdings& holdings, const HoldRegister& holds)
      : store_(store), holdings_(holdings), holds_(holds) {}

  // See HoldService.
  absl::StatusOr<v1::GetHoldResponse> GetHold(const v1::GetHoldRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListHoldsResponse> ListHolds(const v1::ListHoldsRequest& request, absl::Time now) const;

  // For metrics.
  struct Tally {
    uint64_t in_force = 0;  // those whose review is due are part of it
    uint64_t review_due = 0;
    uint64_t values_kept = 0;  // beyond their end
  };
  Tally Count(absl::Time now) const;

 private:
  const Store& store_;
  const Holdings& holdings_;
  const HoldRegister& holds_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_READER_H_
