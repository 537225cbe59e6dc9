// The DNS loop: probes the FQDN of every PBX once a day, and reports what it found.
#ifndef RETENTION_SERVER_OPS_DNS_LOOP_H_
#define RETENTION_SERVER_OPS_DNS_LOOP_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/ops/dns_prober.h"
#include "server/ops/dns_schedule.h"
#include "server/ops/metrics.h"
#include "server/ops/repeater.h"
#include "storage/mutex.h"
#include "storage/secrets/personal.h"

namespace retention {

struct ProbeName {
  PbxId id;
  Personal fqdn;
};

struct ProbeReport {
  PbxId id;
  bool resolved = false;
};

// What the loop knows of the engine. Called on the thread of the round, one at a time; errors end the round, and the
// next one tries again.
struct DnsLoopCallbacks {
  // Every PBX that has a FQDN.
  std::function<absl::StatusOr<std::vector<ProbeSubject>>()> subjects;
  // The FQDNs of some of them: those of one round, so that not all lie open in memory. Leaves out who ended since.
  std::function<absl::StatusOr<std::vector<ProbeName>>(const std::vector<PbxId>&)> names;
  // What a round that counts found, `now` being its time. Keep per PBX `now`'s day as the day of its last probe (also
  // where it did not resolve), or it is probed again with the next round. A PBX may have ended since.
  std::function<absl::Status(const std::vector<ProbeReport>&, absl::Time now)> report;
};

struct DnsRound {
  size_t probed = 0;    // names asked for; 0 if none was due
  size_t resolved = 0;  // of them
  bool outage = false;  // nothing was reported
};

// Thread-safe. A round that was our own outage is reported to nobody, counted, logged when it is the first of a row,
// and held again after an hour: only then is a name asked for more than once a day.
class DnsLoop {
 public:
  struct Options {
    // Real time between rounds.
    absl::Duration interval = absl::Minutes(10);
    // How long after an outage the next round is held, by the clock: names that then failed alone come back in company.
    absl::Duration outage_pause = absl::Hours(1);
    // Called after every round with its outcome, on the thread that held it.
    std::function<void(const absl::StatusOr<DnsRound>&)> on_round;
  };

  // REQUIRES: all outlive it. Does not run yet.
  DnsLoop(DnsProber& prober, DnsSchedule schedule, DnsLoopCallbacks callbacks, const Clock& clock, Metrics& metrics,
          Options options);
  // Stops.
  ~DnsLoop();

  // Holds one round at `now`, after one that may be under way. CANCELLED after Stop.
  absl::StatusOr<DnsRound> RunOnce(absl::Time now);

  // From now on holds rounds by itself, the first one after an interval: the network may come up after us.
  void Start();
  // Holds one soon: the clock was moved.
  void Wake();
  // Cancels a round that is under way, of which nothing is reported, and the prober.
  void Stop();

 private:
  absl::StatusOr<DnsRound> HoldRound(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void Count(const RoundOutcome& outcome);
  void LogChange(const absl::StatusOr<DnsRound>& round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);

  DnsProber& prober_;
  const DnsSchedule schedule_;
  const DnsLoopCallbacks callbacks_;
  const Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  Mutex run_mutex_;  // held during a round
  absl::Time not_before_ ABSL_GUARDED_BY(run_mutex_) = absl::InfinitePast();
  std::string last_trouble_ ABSL_GUARDED_BY(run_mutex_);  // empty while rounds count

  Repeater repeater_;  // last: its thread uses the rest
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_DNS_LOOP_H_
