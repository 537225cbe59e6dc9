// Whether somebody still waits for what this thread does.
#ifndef RETENTION_SERVER_BASE_WAITING_CALLER_H_
#define RETENTION_SERVER_BASE_WAITING_CALLER_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace retention {

// For as long as it lives, `has_left` says whether the call that this thread works for has ended: its deadline is over,
// or its caller is gone. REQUIRES: what it refers to outlives it.
class WaitingCaller {
 public:
  explicit WaitingCaller(absl::FunctionRef<bool()> has_left);
  ~WaitingCaller();
  WaitingCaller(const WaitingCaller&) = delete;
  WaitingCaller& operator=(const WaitingCaller&) = delete;

 private:
  const absl::FunctionRef<bool()> has_left_;
  const absl::FunctionRef<bool()>* const before_;
};

// For walks that only read: CANCELLED once nobody waits for them any more. OK on a thread that works for no call, as
// the committer and the sweeper do: what was begun there is finished. Takes a lock of gRPC's.
absl::Status CheckCallerWaits();

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_WAITING_CALLER_H_
