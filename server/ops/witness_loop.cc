#include "server/ops/witness_loop.h"

#include <utility>

#include "server/ops/log.h"

namespace retention {

WitnessLoop::WitnessLoop(StoreWitness& witness, stored::v1::LedgerEntry::Clock kind, const Clock& clock,
                         Metrics& metrics)
    : witness_(witness), kind_(kind), clock_(clock), metrics_(metrics), repeater_(kInterval, [this] {
        RunOnce().IgnoreError();
      }) {}

absl::Status WitnessLoop::RunOnce() {
  const absl::Status status = witness_.Note(kind_, clock_.Anchor());
  const MutexLock lock(mutex_);
  std::string failure = status.ok() ? std::string() : DescribeStatus(status);
  if (!status.ok()) metrics_.CountWitnessFailure();
  if (!status.ok() && failure != last_failure_) {
    Log(Severity::kError, "the key ring's volume cannot remember how far the store is; it is tried again",
        {{"status", failure}});
  }
  if (status.ok() && !last_failure_.empty()) Log(Severity::kInfo, "the key ring's volume remembers again");
  last_failure_ = std::move(failure);
  return status;
}

}  // namespace retention
