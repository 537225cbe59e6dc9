// The backup loop: makes backups when it is time, and deletes those whose time is over.
//
// One is over when it is older than the policy lets it be, or from before the policy in force: it would bring back what
// that shortened. Before a new one is made, which takes a while, those go that would be over before the next. Of a
// damaged one the ledger says when it was made; without such an entry that was too long ago.
#ifndef RETENTION_SERVER_OPS_BACKUP_LOOP_H_
#define RETENTION_SERVER_OPS_BACKUP_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/engine/committer.h"
#include "server/engine/engine.h"
#include "server/ops/metrics.h"
#include "server/ops/repeater.h"
#include "storage/backups.h"
#include "storage/mutex.h"

namespace retention {

// When that of which `note` tells must be deleted at the latest.
absl::Time ExpiryOf(const stored::v1::BackupNote& note, const Policy& policy);

// Thread-safe. A run that failed is counted, logged when the failure is a new one, and tried again after kRetry.
//
// Errors of calls: as the API says of BackupService.
class BackupLoop {
 public:
  static constexpr absl::Duration kTick = absl::Seconds(1);
  static constexpr absl::Duration kRetry = absl::Minutes(1);
  // So long it may take to make one.
  static constexpr absl::Duration kLongestMake = absl::Hours(1);

  struct Options {
    absl::Duration interval = absl::Hours(24);       // zero: only when asked
    absl::Duration overdue_after = absl::Hours(48);  // the youngest may be so old
    // Opens the directory for writing.
    std::function<absl::StatusOr<std::unique_ptr<Backups>>()> open;
    // Makes one there of the store as it is at `now` or later.
    std::function<absl::StatusOr<Backup>(Backups& backups, absl::Time now)> make;
    // Called after every run that did something, or failed.
    std::function<void()> on_run;
  };

  // REQUIRES: all outlive it. Does not run yet.
  BackupLoop(Engine& engine, Committer& committer, const Clock& clock, Metrics& metrics, Options options);
  // Stops.
  ~BackupLoop();

  // Does what is due now.
  void RunOnce();
  // From now on runs by itself.
  void Start();
  // A backup that is being made, or verified, is given up. Nothing is made or verified after it.
  void Stop();

  // Calls of the API.
  absl::StatusOr<Backup> Create();
  struct Listing {
    std::vector<Backup> backups;
    std::vector<uint32_t> damaged;
  };
  absl::StatusOr<Listing> List();
  // 0: the youngest.
  absl::StatusOr<Backup> Verify(uint32_t number);
  absl::Status Prune(uint32_t number);
  absl::Duration interval() const { return options_.interval; }

  // How things stand.
  struct Standing {
    size_t backups = 0;
    std::optional<absl::Duration> age;  // of the youngest; none if there is none
    bool is_well = false;               // the last run succeeded, and the youngest is not overdue
  };
  Standing standing() const;

 private:
  // Why it is over at `now`; empty if it is not.
  std::string_view ReasonToPrune(const stored::v1::BackupNote& note, absl::Time now) const;
  bool IsDue(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  bool WantsBackup(absl::Time now, const std::vector<Backup>& backups) const;
  absl::StatusOr<std::unique_ptr<Backups>> Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  absl::Status RunLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  absl::StatusOr<Backup> Make(Backups& backups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // The same, once there is none left that would be over before it is done.
  absl::StatusOr<Backup> MakeNext(Backups& backups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // Something that takes long; until it returns, Stop stops `backups`.
  absl::Status Stoppably(Backups& backups, absl::FunctionRef<absl::Status()> work);
  // When the ledger says that one was made; nullopt if nothing that is younger than the policy's longest age says it.
  absl::StatusOr<std::optional<absl::Time>> EnteredAsMade(uint32_t number, absl::Time at) const;
  // All that are over at `at`, but for the youngest if `but_youngest`.
  absl::Status PruneOver(Backups& backups, absl::Time at, bool but_youngest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  absl::Status PruneOne(Backups& backups, uint32_t number, absl::Time made, std::string_view reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  // Told when the store can be.
  void Enter(stored::v1::LedgerEntry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  absl::Status EnterWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);
  void Remember(const Backups& backups);
  void Report(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);

  Engine& engine_;
  const Commands commands_;
  const Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  Mutex run_mutex_;  // held during a run
  std::string last_failure_ ABSL_GUARDED_BY(run_mutex_);
  std::optional<absl::Time> failed_at_ ABSL_GUARDED_BY(run_mutex_);
  std::vector<stored::v1::LedgerEntry> waiting_ ABSL_GUARDED_BY(run_mutex_);  // for the store
  std::set<uint32_t> entered_ ABSL_GUARDED_BY(run_mutex_);                    // as pruned, whose files may be there yet

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(run_mutex_);
  std::vector<Backup> known_ ABSL_GUARDED_BY(mutex_);               // so that the directory is not read each second
  std::optional<absl::Time> damaged_over_ ABSL_GUARDED_BY(mutex_);  // when the first of those will be
  bool has_looked_ ABSL_GUARDED_BY(mutex_) = false;
  bool succeeded_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Backups* busy_ ABSL_GUARDED_BY(mutex_) = nullptr;

  Repeater repeater_;  // last: its thread uses the rest
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_BACKUP_LOOP_H_
