// The page that Prometheus reads: `http://ADDRESS/metrics`.
#ifndef RETENTION_SERVER_OPS_METRICS_PAGE_H_
#define RETENTION_SERVER_OPS_METRICS_PAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/ops/metrics.h"

namespace retention {

// How things stand at the moment of a scrape.
struct Gauges {
  // PBXs that are about to end, by cause and by the warning's number of days.
  struct Warned {
    std::string cause;
    uint32_t warning_days = 0;
    uint64_t pbxs = 0;
  };
  std::vector<Warned> pbxs_warned;
  absl::Duration oldest_overdue;
  uint64_t erasure_unentered = 0;  // days
  uint64_t owners_overdue = 0;
  uint64_t stale_replicas = 0;
  uint64_t ring_entries_lost = 0;
  uint64_t ring_differing = 0;
  uint64_t ledger_uncopied = 0;  // entries
  bool root_missing = false;
  uint64_t store_damaged_files = 0;
  uint64_t store_losses = 0;
  absl::Duration clock_ahead;  // the machine's clock, of the engine's
  bool clock_waits = false;    // for an operator's word
  uint64_t ballast_bytes = 0;
  absl::Duration root_overdue;
  uint64_t readings_failed = 0;
  absl::Duration purge_pending;  // age of the oldest deleted value whose bytes may still be in a file
  uint64_t orders_unconfirmed = 0;
  bool refiling = false;          // under a new policy
  uint32_t cohorts_waiting = 0;   // whose release is overdue
  int64_t cohorts_days_left = 0;  // until the first originals of one go
  uint64_t refile_examined = 0;
  std::optional<absl::Duration> oldest_order;  // age of the oldest unconfirmed order; none if the store cannot tell
  uint64_t holds_in_force = 0;
  uint64_t holds_review_due = 0;
  uint64_t held_values = 0;  // beyond their end
  uint64_t pbxs_undescribed = 0;
  bool roles_stale = false;  // their file is broken
  bool certificates_stale = false;
  uint64_t queue_events = 0;
  uint64_t queue_lines = 0;
  uint64_t held_bytes = 0;           // by peers
  uint64_t connections = 0;          // over gRPC
  uint64_t connections_refused = 0;  // since the start
  uint64_t connections_ended = 0;    // the same, as too much came that was no whole message
  uint64_t live_rows = 0;
  uint64_t store_bytes = 0;
  bool serving = false;
  std::optional<uint64_t> backups;           // none if the server makes none
  std::optional<absl::Duration> backup_age;  // of the youngest; none if there is none
};

// Thread-safe. Serves until it dies.
class MetricsPage {
 public:
  // Serves on `address` ("127.0.0.1:9464"; port 0: any free one). `gauges` is asked at every scrape, on a thread of the
  // page's own. UNAVAILABLE if the address cannot be served on. REQUIRES: `metrics` and what `gauges` uses outlive
  // it.
  static absl::StatusOr<std::unique_ptr<MetricsPage>> Open(const std::string& address, const Metrics& metrics,
                                                           std::function<Gauges()> gauges);
  ~MetricsPage();

  // The port that is served on.
  int port() const;

 private:
  struct Parts;
  explicit MetricsPage(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_METRICS_PAGE_H_
