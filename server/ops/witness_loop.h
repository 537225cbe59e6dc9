// The witness loop: sees to it that what is acknowledged is remembered beside the keys.
#ifndef RETENTION_SERVER_OPS_WITNESS_LOOP_H_
#define RETENTION_SERVER_OPS_WITNESS_LOOP_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/ledger/store_witness.h"
#include "server/ops/metrics.h"
#include "server/ops/repeater.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe. A run that failed is counted, logged when the failure is a new one, and made up for by the next.
class WitnessLoop {
 public:
  // Real time between runs: what of a store's log can be lost without being noticed.
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // REQUIRES: all outlive it. Does not run yet.
  WitnessLoop(StoreWitness& witness, stored::v1::LedgerEntry::Clock kind, const Clock& clock, Metrics& metrics);

  // Writes down what there is now. A failure is told in the log, too.
  absl::Status RunOnce();
  // From now on runs by itself.
  void Start() { repeater_.Start(); }
  // Waits for a run that is under way; RunOnce can still be called.
  void Stop() { repeater_.Stop(); }

 private:
  StoreWitness& witness_;
  const stored::v1::LedgerEntry::Clock kind_;
  const Clock& clock_;
  Metrics& metrics_;
  Mutex mutex_;
  std::string last_failure_ ABSL_GUARDED_BY(mutex_);  // empty while runs succeed
  Repeater repeater_;                                 // last: its thread uses the rest
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_WITNESS_LOOP_H_
