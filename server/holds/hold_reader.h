// The hold reader: what is shown of holds. Thread-safe.
#ifndef RETENTION_SERVER_HOLDS_HOLD_READER_H_
#define RETENTION_SERVER_HOLDS_HOLD_READER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "server/engine/engine.h"

namespace retention {

// REQUIRES: the engine outlives it.
class HoldReader {
 public:
  static constexpr int kDefaultHoldsPerPage = 100;
  static constexpr int kMaxHoldsPerPage = 1000;

  explicit HoldReader(Engine& engine) : engine_(engine) {}

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
  Engine& engine_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_READER_H_
