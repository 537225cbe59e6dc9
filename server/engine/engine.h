// The engine: the domains over a store, and the writer that makes their changes happen.
//
// A deterministic function of its store, its key ring, the randomness and the time handed in: it asks no clock and
// starts no thread. Commands run on one thread (the committer's); what is marked thread-safe may be called by any.
#ifndef RETENTION_SERVER_ENGINE_ENGINE_H_
#define RETENTION_SERVER_ENGINE_ENGINE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/deletion_service.pb.h"
#include "server/days/endings.h"
#include "server/days/gone_sweep.h"
#include "server/engine/domains.h"
#include "server/ledger/lost_part.h"
#include "server/orders/erasure_orders.h"
#include "server/policies/policy_change.h"
#include "server/rows/writer.h"
#include "storage/mutex.h"

namespace retention {

// What is known of a store that is opened.
struct EngineOpening {
  stored::v1::LedgerEntry::Clock clock = stored::v1::LedgerEntry::CLOCK_UNSPECIFIED;
  // It may be older than the ring, or the ring than it: rows whose keys are gone are looked for, and swept, as in a
  // store that bears the mark of a loss.
  bool sweeps_gone = false;
};

class Engine {
 public:
  // Version of the on-disk format (storage/FORMAT.md).
  static constexpr uint32_t kFormatVersion = 9;
  // What a caller is told to wait while another preview is made.
  static constexpr absl::Duration kPreviewRetryDelay = absl::Seconds(1);

  // A store that bears the mark of an accepted loss (ledger/lost_part.h) has the loss entered before anything else
  // happens; numbers of orders and notices go on beyond all that were given, what the ring knows of holds that were
  // lost takes their place, and the sweep of what no key opens ends it.
  //
  // Opens the engine on a store and its ring; makes both its own if the store is empty. `policy` is what a new store
  // begins with; any other keeps its own. `clock` is what tells it the time, for the ledger. REQUIRES: all outlive it.
  //
  // FAILED_PRECONDITION with reason FORMAT_UNKNOWN (written by another version), KEY_RING_MISMATCH (not the ring of
  // this store) or PBX_KEYS_GONE (of PBXs that it holds, and what is gone is not to be swept); DATA_LOSS for
  // corruption.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(Store& store, KeyRing& ring, RandomSource& random, Policy policy,
                                                      absl::Time now, const EngineOpening& opening = {});

  // Records a group of batches, mostly by one durable change; lines become durable with the first part of the events.
  // An error means that nothing is recorded for certain: the batches can be sent again.
  // With `rival`, another clock that may be right: CLOCK_IN_DOUBT if anything would be left out for being due by one of
  // the two alone.
  absl::Status Record(std::span<EventBatch* const> events, std::span<LineBatch* const> lines, absl::Time now,
                      std::optional<absl::Time> rival = std::nullopt);
  // Runs any command but these: see Writer::Do.
  Writer& writer() { return writer_; }
  // Enters, once until the next start, that keys of the ring are lost (KeyRing::has_untold_loss), and has that start
  // sweep what they sealed. Until then who reads it is told that it is lost.
  absl::Status EnterLostKeys(Change& change);

  // Thread-safe.
  // See DeletionService.PreviewErasure. Works on a snapshot, beside the writer; one at a time, another is refused with
  // QUEUE_FULL.
  absl::StatusOr<v1::PreviewErasureResponse> PreviewErasure(const v1::PreviewErasureRequest& request,
                                                            absl::Time now) const;
  // What a synchronisation would do now: see PbxService.SyncPbx, `validate_only`. Works, and is refused, like
  // PreviewErasure. What it reads is bounded by the PBX: its extensions, and one walk over its polls and PDFs.
  absl::StatusOr<PbxCommands::SyncOutcome> PreviewSync(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                       absl::Time now) const;
  // How long the longest overdue value has been due without being unreadable; zero if none is. Of days it is known from
  // the ring, whatever the store says.
  struct Overdue {
    absl::Duration oldest = absl::ZeroDuration();
    absl::Status unread;  // not OK: shared files could not be looked at
  };
  Overdue OldestOverdue(absl::Time now) const;
  // What of it nobody could read any more when it was opened.
  const GoneTally& swept() const { return swept_; }
  // And what the ledger tells of what was lost; nullopt if nothing was.
  const std::optional<LostPart>& lost_part() const { return lost_part_; }
  const Store& store() const { return store_; }
  const Holdings& holdings() const { return domains_.holdings; }
  const HoldRegister& holds() const { return domains_.holds; }
  const LogRetention& logs() const { return domains_.logs; }
  const Controllers& controllers() const { return domains_.controllers; }
  const PolicyRefiler& refiler() const { return domains_.refiler; }
  const ErasureOrders& orders() const { return orders_; }
  PolicyPlanner& planner() { return planner_; }
  // Those whose commands are the caller's to run.
  Domains& domains() { return domains_; }
  Enders enders();

  // REQUIRES: set before the first command.
  void set_on_erased(std::function<void(CategoryNumber, std::string_view, uint64_t)> hook) {
    domains_.holdings.on_erased = std::move(hook);
  }
  // Called on the committer's thread whenever orders were issued. REQUIRES: set before the first command.
  void set_on_orders(std::function<void()> hook) { domains_.holdings.on_orders = std::move(hook); }
  // The same for every entry of the ledger that is durable.
  void set_on_entered(std::function<void(const stored::v1::LedgerEntry&)> hook) {
    domains_.holdings.on_entered = std::move(hook);
  }
  // The same for notices about reports.
  void set_on_notices(std::function<void()> hook) { domains_.holdings.on_notices = std::move(hook); }

 private:
  // When the end of the files came that have waited longest; `now` if none have.
  absl::StatusOr<absl::Time> OldestOverdueFile(absl::Time now) const;
  Engine(Store& store, KeyRing& ring, RandomSource& random, Policy policy);
  absl::Status Establish(absl::Time now, const EngineOpening& opening);
  absl::Status SweepGone(absl::Time now, const EngineOpening& opening);
  // Whether a hold is lost with its key.
  absl::StatusOr<bool> LacksHolds() const;
  void EnterLosses(stored::v1::LossMark mark, Change& change);
  // On all that a PBX has which the ring knows to be held, until somebody places what is meant.
  absl::Status ReplaceHolds(uint64_t since, absl::Time now);
  // Domains over a snapshot, for one caller at a time. Commands run in them, and their changes are dropped: the
  // writer's thread waits for none of it, and nothing that the domains hold in memory is the writer's.
  absl::Status OnSnapshot(absl::FunctionRef<absl::Status(Domains&)> look) const;
  absl::Status Create(DueDay today, absl::Time now);
  // The row that names the format, with an identity of the store's own.
  absl::Status PutFormat(stored::v1::StoreFormat format, Change& change) const;

  Store& store_;
  mutable Vault vault_;
  Domains domains_;
  Writer writer_;
  ErasureOrders orders_;
  PolicyPlanner planner_;
  EndingSteps ending_steps_;
  GoneTally swept_;
  std::optional<LostPart> lost_part_;
  mutable std::atomic<bool> previewing_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_ENGINE_H_
