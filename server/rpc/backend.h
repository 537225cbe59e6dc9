// What the handlers work with.
#ifndef RETENTION_SERVER_RPC_BACKEND_H_
#define RETENTION_SERVER_RPC_BACKEND_H_

#include <cstddef>
#include <functional>

#include "absl/time/time.h"
#include "server/access/gate.h"
#include "server/access/principals.h"
#include "server/access/read_audit.h"
#include "server/base/clock.h"
#include "server/base/guarded_clock.h"
#include "server/engine/committer.h"
#include "server/engine/engine.h"
#include "server/ledger/checkpoint.h"
#include "server/meetings/meeting_reader.h"
#include "server/ops/backup_loop.h"
#include "server/ops/dns_loop.h"
#include "server/ops/metrics.h"
#include "server/ops/sweep_loop.h"
#include "server/pbxs/pbx_reader.h"
#include "server/rows/writer.h"
#include "server/rpc/worker_pool.h"

namespace retention {

class ByteBudget;
class CallRates;
class Connections;
class Disposer;
class WatchCourier;

// Threads for calls, by what they wait for. Calls of one kind cannot keep those of another waiting.
struct Workers {
  WorkerPool long_reads{1, 64};  // the store, of which they read much; outlives `reads`, which hands over to it
  WorkerPool reads{2, 1024};     // the store
  WorkerPool commands{4, 256};   // the committer
  WorkerPool sweeps{1, 16};      // whole sweeps, which take turns anyway
  WorkerPool backups{1, 16};     // the same

  // From now on calls are taken.
  void Open() {
    for (WorkerPool* pool : {&long_reads, &reads, &commands, &sweeps, &backups}) pool->Open();
  }
};

struct Backend {
  Gate& gate;
  Principals* principals;  // null where no roles are in force
  ReadAudit& read_audit;
  Engine& engine;
  const MeetingReader& meetings;
  const PbxReader& pbxs;
  Committer& committer;
  Commands commands;  // on the committer's thread
  SweepLoop& sweep_loop;
  const CheckpointSigner& checkpoint_signer;
  WatchCourier& order_courier;
  WatchCourier& report_courier;
  Metrics& metrics;
  Workers& workers;
  const Clock& clock;
  GuardedClock* guarded_clock;               // null on a simulated clock
  SimulatedClock* simulated_clock;           // null on the machine's clock
  std::function<absl::Status()> keep_clock;  // OK: what the clock says now is durable
  DnsLoop* dns_loop;                         // null if nothing is looked up
  BackupLoop* backup_loop;                   // null without a directory of backups
  ByteBudget* budget = nullptr;              // the endpoint's, as what follows
  Connections* connections = nullptr;
  Disposer* disposer = nullptr;
  CallRates* rates = nullptr;

  // When a call is answered: by the clock that commands are stamped with.
  absl::Time Now() const { return committer.Now(); }
  // By what a call judges what may still be shown.
  absl::Time Latest() const { return engine.holdings().ReadsAt(clock.Latest()); }
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_BACKEND_H_
