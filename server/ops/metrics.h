// The figures that operators watch. None has a label that names a PBX, a person or a meeting.
#ifndef RETENTION_SERVER_OPS_METRICS_H_
#define RETENTION_SERVER_OPS_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/time/time.h"
#include "retention/v1/event_service.pb.h"
#include "server/logs/log_intake.h"
#include "storage/keys.h"

namespace prometheus {
class Collectable;
}

namespace retention {

// What happened, counted from the start of the process. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A batch was durable.
  void CountBatch(const v1::RecordResult& result);
  // `lines` log lines of a server (0: of none that is known) were accepted, past_due, rejected, cut or dropped.
  void CountLogLines(int server, std::string_view outcome, uint64_t lines);
  // Those of a batch that is durable.
  void CountLogBatch(const LineBatch& batch);
  // The committer wrote a group, successfully or not.
  void ObserveGroup(size_t events, absl::Duration took);
  // `values` values ended for `reason`. Shown as the ledger says sizes (LedgerSize), of the total since the start.
  void CountErased(CategoryNumber category, std::string_view reason, uint64_t values);
  // A day's keys, then its files, were gone so long after the day was due.
  void ObserveUnreadable(absl::Duration after_due);
  void ObserveGone(absl::Duration after_due);
  void CountSweepFailure();
  void CountWitnessFailure();
  void CountBackupFailure();
  // Parts of the key ring that were damaged while it was open.
  void CountRingMended(uint64_t parts);
  // Cohorts released by one run, and how many of them had damaged rows, which are not counted.
  void CountCohorts(uint32_t released, uint32_t damaged);
  // `probes` names were asked for in DNS, with one outcome (NameOf(ProbeCause)).
  void CountDnsProbes(std::string_view outcome, uint64_t probes);
  // A round of probes was our own outage.
  void CountDnsOutage();

  // For the page.
  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_METRICS_H_
