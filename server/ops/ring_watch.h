// Looks through the replicas of the key ring for damage, a part after each sweep, and says in the log what it found.
#ifndef RETENTION_SERVER_OPS_RING_WATCH_H_
#define RETENTION_SERVER_OPS_RING_WATCH_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "server/ops/metrics.h"
#include "storage/secrets/key_ring.h"

namespace retention {

// Not thread-safe, but for what says how it is.
class RingWatch {
 public:
  // REQUIRES: both outlive it.
  RingWatch(KeyRing& ring, Metrics& metrics) : ring_(ring), metrics_(metrics) {}

  // A step (KeyRing::Inspect). With one each half second a replica of 1 MiB is looked through in 2 s, one of 230 MiB in
  // 8 minutes.
  void Look();
  // Parts that the last round found whole in all replicas, but not alike.
  uint64_t differing() const { return differing_.load(); }
  // Whether the last step failed: nobody knows how the replicas are.
  bool is_failing() const { return is_failing_.load(); }

 private:
  void ReportFailure(const absl::Status& status);

  KeyRing& ring_;
  Metrics& metrics_;
  uint64_t differing_so_far_ = 0;  // of this round
  std::atomic<uint64_t> differing_ = 0;
  std::atomic<bool> is_failing_ = false;
  std::string last_failure_;  // empty while steps succeed
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_RING_WATCH_H_
