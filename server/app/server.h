// The server as a whole: storage, engine, committer, sweeps, metrics and the endpoint, opened and closed in order.
#ifndef RETENTION_SERVER_APP_SERVER_H_
#define RETENTION_SERVER_APP_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/loss.pb.h"
#include "server/access/gate.h"
#include "server/access/principals.h"
#include "server/access/read_audit.h"
#include "server/app/ballast.h"
#include "server/app/process.h"
#include "server/app/ring_keys.h"
#include "server/base/clock.h"
#include "server/base/guarded_clock.h"
#include "server/engine/committer.h"
#include "server/engine/engine.h"
#include "server/law/policy.h"
#include "server/ledger/checkpoint.h"
#include "server/ledger/store_witness.h"
#include "server/meetings/meeting_reader.h"
#include "server/ops/access_files.h"
#include "server/ops/backup_loop.h"
#include "server/ops/dns_loop.h"
#include "server/ops/dns_prober.h"
#include "server/ops/metrics.h"
#include "server/ops/metrics_page.h"
#include "server/ops/ring_watch.h"
#include "server/ops/sweep_loop.h"
#include "server/ops/syslog_receiver.h"
#include "server/ops/witness_loop.h"
#include "server/pbxs/pbx_reader.h"
#include "server/rpc/endpoint.h"
#include "server/rpc/listening.h"
#include "storage/backups.h"
#include "storage/mutex.h"
#include "storage/rocksdb/rocksdb_backups.h"
#include "storage/rocksdb/rocksdb_look.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/secrets/key_ring.h"
#include "storage/store.h"

namespace retention {

class TlsIdentity;
class WatchCourier;

struct ServerOptions {
  std::vector<std::string> listen_addresses = {"127.0.0.1:50051"};  // HOST:PORT (port 0: any free one), unix:/PATH
  bool insecure_listen = false;  // plain ports that are not on loopback are gone on with
  AccessFiles::Paths access;     // who may call what; all empty: whoever reaches the server may all
  std::string principals_file;   // the register of callers; with roles
  RpcLimits limits = {.connections = ConnectionLimits::Within(DescriptorsMax())};
  std::string metrics_address;  // empty: no metrics page; port 0: any free one
  std::string data_directory;
  std::string key_ring_directory;         // outside the data directory
  std::string second_key_ring_directory;  // of its second replica; empty: in the same
  bool accept_lower_replica = false;      // a replica that cannot be read was not the later one, nor is one whole
  bool accept_data_loss = false;          // a store that lacks what was acknowledged is gone on with
  uint64_t ballast_bytes = Ballast::kDefaultBytes;  // on the data's volume, for when it is full; 0: none
  Ballast::Look ballast_look = Ballast::VolumeOf;   // for tests
  RingKeyOptions ring_keys;                         // what stands above the key ring
  std::string policy_file;                          // retention.v1.Policy in text format
  std::string ledger_origin;                        // how checkpoints name the ledger; empty: by the store's number
  // A clock that stands still until moved begins here, but not before where the store's was; InfinitePast(): there, or,
  // if there was none, now. Without it, the machine's.
  std::optional<absl::Time> simulated_start;
  GuardedClock::Trust clock_trust = GuardedClock::Trust::kKernel;  // of the machine's
  const TimeSource* time_source = nullptr;                         // below the guard, for tests; null: the machine
  std::function<void(const std::string& address)> on_catching_up;  // called when it listens, for tests; may be empty
  absl::Duration lead_window = absl::Hours(1);
  absl::Duration purge_bound = absl::Hours(1);
  absl::Duration sweep_interval = absl::Milliseconds(500);
  SyslogOptions syslog;
  RocksDbOptions store;
  struct Backups {
    std::string directory;                           // outside of all others; empty: none are made
    absl::Duration interval = absl::Hours(24);       // zero: only when asked
    absl::Duration overdue_after = absl::Hours(48);  // health says so when the youngest is older
    RocksDbBackupOptions engine;
  };
  Backups backups;
  // How names of PBXs are looked up; none: not at all, and no PBX ends because of its name.
  std::optional<DnsProber::Options> dns;
};

// INVALID_ARGUMENT naming an address that is none, or that would be plain to the network and is not to be, or flags of
// TLS and roles that lack each other; if the key ring would lie within the data directory: every copy of that would be
// readable for ever; if the directory of backups would lie in one of the others, or they in it; and of CheckRingKeys.
absl::Status CheckOptions(const ServerOptions& options);

// A server that serves. Thread-safe.
class Server {
 public:
  // Opens everything, does what fell due while no server ran, and only then serves. The key ring is made where neither
  // it nor a store exists. If it fails, for whatever but these directories' names, the keys of due days are gone all
  // the same, unless the ring is refused or cannot tell what may go (server/days/due_keys.h), or `accept_lower_replica`
  // is set.
  //
  // INVALID_ARGUMENT for options and for the policy, naming rule and field; FAILED_PRECONDITION with reason
  // CLOCK_MISMATCH (a store keeps to the kind of clock that it began with), KEY_RING_MISSING, KEY_RING_MISMATCH or
  // FORMAT_UNKNOWN, or, unless it is accepted, STORE_MISSING, STORE_ROLLED_BACK, STORE_LOG_SHORT, STORE_ANOTHER,
  // WITNESS_DAMAGED, WITNESS_MISSING or PBX_KEYS_GONE; DATA_LOSS for corruption; RESOURCE_EXHAUSTED if the disk is
  // full, which says how much is missing; UNAVAILABLE if an address is taken.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  // Shuts down without grace.
  ~Server();

  const std::string& address() const { return endpoint_->addresses().front(); }
  const std::vector<std::string>& addresses() const { return endpoint_->addresses(); }
  // 0 without a metrics page.
  int metrics_port() const { return metrics_page_ == nullptr ? 0 : metrics_page_->port(); }

  // Null if nothing is received.
  const SyslogReceiver* syslog() const { return syslog_.get(); }

  // For tests, which count connections.
  const Endpoint& endpoint() const { return *endpoint_; }
  // For tests, which look when the files have changed.
  AccessFiles& access_files() { return *access_files_; }
  // For tests, which hold its thread up.
  Committer& committer() { return *committer_; }
  // The same, which do what is due at once. Null without a directory.
  BackupLoop* backup_loop() { return backup_loop_.get(); }

  // Takes no more calls, answers those under way (cancels them after `grace`), ends the sweep loop. Does
  // nothing the second time.
  void Shutdown(absl::Duration grace);

 private:
  // Without a policy it only destroys due keys.
  Server(ServerOptions options, std::optional<Policy> policy);
  // What a start that failed does last: no store that cannot be opened keeps a key alive.
  void DestroyDueKeys();
  stored::v1::LedgerEntry::Clock clock_kind() const;
  // FAILED_PRECONDITION with reason CLOCK_MISMATCH unless it is this server's, or is not known.
  absl::Status CheckClock(stored::v1::LedgerEntry::Clock kind);
  // The clock goes on from where the ring's volume remembers it, and not before the ledger's last entry.
  absl::Status TakeUpClock(const StoreWitness& witness);
  absl::Status TakeUpLedgersTime(const StoreView& store);
  // Before each sweep: follows the machine's clock as far as may be, and says and enters what was corrected.
  void LookAtClock();
  void ReportClock(const GuardedClock::Reading& reading);
  // Has that taken out.
  absl::Status MendUnread();
  // Before anything is made, so that a mistake leaves nothing behind: whether the addresses can be had; the files of
  // roles and certificates; the resolvers.
  absl::Status ProbeAddresses();
  absl::Status OpenAccess();
  absl::Status OpenProber();
  // Entries of the ledger that are no end of anything.
  absl::Status Enter(const std::vector<stored::v1::LedgerEntry>& entries);
  void EnterAccess(const char* what);
  void StartAccess();
  absl::Status OpenStorage();
  // A start takes nothing out that it would be refused without.
  RocksDbOptions OptionsOfStore();
  // Looks at the store, opens the ring, and compares the two: what is refused is refused here, with the store as it
  // lies. `made`: whether there is a store. `unread`: part of what it is judged by lies in a damaged table file.
  absl::StatusOr<StoreWitness::Finding> JudgeStore(bool& made, bool& unread);
  absl::Status OpenWitness();
  // Knows the ring's generation from the witness, and from the store if it is looked at.
  absl::StatusOr<KeyRing::Options> OptionsOfRing(const StoreView* store) const;
  absl::Status OpenRing(const StoreView& store, bool made);
  // Whether the store is the last one that the ring's volume knows of.
  absl::StatusOr<StoreWitness::Finding> MeetWitness(const StoreLook& store, bool made);
  // Whether the mark of a restored backup lies with the store, and is of it.
  absl::StatusOr<bool> TakeUpRestore(const StoreLook& store);
  void AcceptRestore(const StoreWitness::Finding& finding);
  // What this start goes on without.
  void AddLoss(std::string_view reason, absl::Time lost_until = absl::UnixEpoch());
  void ReportLoss() const;
  void ReportRing() const;
  absl::Status OpenEngine();
  // The key of checkpoints is the ring's: it lives as long, in all its replicas, and in no backup.
  absl::Status OpenCheckpointSigner();
  absl::Status StartCommitter();
  // The endpoint, which takes no calls yet; then what fell due while no server ran; and then all else.
  absl::Status Listen();
  absl::Status CatchUp();
  absl::Status Serve();
  absl::Status StartProbing();
  absl::Status StartBackups();
  // A copy of the store by links, which is then copied in peace: the store itself deletes files meanwhile.
  absl::StatusOr<Backup> MakeBackup(Backups& backups, absl::Time now);
  // Lays it when there is room.
  void KeepBallast();
  // Puts back what was removed of the files that lead to all others, or says that it cannot.
  void KeepStoresNames();
  void LookForRoot();
  void TellLostKeys();
  Gauges ReadGauges() const;
  void UpdateHealth() ABSL_LOCKS_EXCLUDED(health_mutex_);

  const ServerOptions options_;
  const std::optional<Policy> policy_;
  Ballast ballast_;
  std::optional<GuardedClock> guarded_clock_;  // or
  std::optional<SimulatedClock> simulated_clock_;
  Clock& clock_;
  bool knows_time_ = false;  // from what is durable
  // Of the sweeps' thread.
  bool clock_agrees_ = true;
  std::string names_failure_;
  std::optional<ClockCorrection> reported_correction_;
  Metrics metrics_;
  Gate gate_;
  std::unique_ptr<Principals> principals_;
  std::unique_ptr<ReadAudit> read_audit_;
  std::vector<ListenAddress> addresses_;
  std::unique_ptr<AccessFiles> access_files_;
  std::unique_ptr<TlsIdentity> tls_identity_;
  std::unique_ptr<FileStore> store_;
  std::unique_ptr<StoreWitness> witness_;
  std::unique_ptr<KeyRing> ring_;
  stored::v1::LossMark loss_;  // what this start accepts
  std::optional<stored::v1::RestoreMark> restored_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<MeetingReader> meetings_;
  std::unique_ptr<PbxReader> pbxs_;
  std::unique_ptr<CheckpointSigner> checkpoint_signer_;
  std::unique_ptr<WatchCourier> order_courier_;
  std::unique_ptr<WatchCourier> report_courier_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<WitnessLoop> witness_loop_;
  std::unique_ptr<RingWatch> ring_watch_;
  std::unique_ptr<SweepLoop> sweep_loop_;
  std::unique_ptr<DnsProber> dns_prober_;
  std::unique_ptr<DnsLoop> dns_loop_;
  std::unique_ptr<BackupLoop> backup_loop_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<MetricsPage> metrics_page_;
  std::unique_ptr<Endpoint> endpoint_;
  std::unique_ptr<SyslogReceiver> syslog_;

  std::atomic<bool> root_missing_ = false;
  std::atomic<bool> clock_waits_ = false;
  std::atomic<bool> caught_up_ = false;
  mutable Mutex health_mutex_;
  bool shut_down_ ABSL_GUARDED_BY(health_mutex_) = false;
  bool reachable_ ABSL_GUARDED_BY(health_mutex_) = false;                  // endpoint_ is there to be told
  absl::Status sweeps_ ABSL_GUARDED_BY(health_mutex_);                     // what became of the last sweep
  bool succeeding_ ABSL_GUARDED_BY(health_mutex_) = true;                  // writes and sweeps
  std::optional<Endpoint::Health> health_ ABSL_GUARDED_BY(health_mutex_);  // that was said last
};

}  // namespace retention

#endif  // RETENTION_SERVER_APP_SERVER_H_
