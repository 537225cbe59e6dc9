// The engine: everything that changes what is held, one command at a time.
//
// A deterministic function of its store, its key ring, the randomness and the time handed in: it asks no clock and
// starts no thread. Commands run on one thread (the committer's); what is marked thread-safe may be read by any.
#ifndef RETENTION_SERVER_ENGINE_ENGINE_H_
#define RETENTION_SERVER_ENGINE_ENGINE_H_

#include <atomic>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/deletion_service.pb.h"
#include "server/anonymisation/cube.h"
#include "server/holds/hold_desk.h"
#include "server/logs/log_book.h"
#include "server/meetings/meeting_book.h"
#include "server/orders/order_desk.h"
#include "server/pbxs/pbx_desk.h"
#include "server/pbxs/pbx_ender.h"
#include "server/policies/policy_refiler.h"
#include "server/recording/recorder.h"
#include "server/rows/change.h"
#include "server/rows/pbx_registry.h"
#include "server/rows/policy_shelf.h"

namespace retention {

// A day that is ending.
struct EndingDay {
  DueDay day;
  CategoryCounts values{};
};

inline constexpr std::string_view kHeldFirst = "HELD_FIRST";

class Engine {
 public:
  // Version of the on-disk format (storage/FORMAT.md).
  static constexpr uint32_t kFormatVersion = 2;

  // Opens the engine on a store and its ring; makes both its own if the store is empty. `policy` is what a new store
  // begins with; any other keeps its own. REQUIRES: all outlive it.
  //
  // FAILED_PRECONDITION with reason FORMAT_UNKNOWN (written by a newer version), KEY_RING_MISMATCH (not the ring of
  // this store) or POLICY_CHANGED (the store is from before policies were kept, and its values were filed under other
  // rules); DATA_LOSS for corruption.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(Store& store, KeyRing& ring, RandomSource& random, Policy policy,
                                                      absl::Time now);

  // Commands. Any error of storage leaves the engine as the store has it: the command may or may not have happened, and
  // can be repeated.
  // Events and log lines become durable together.
  absl::Status Record(std::span<RecordCommand* const> events, std::span<LogCommand* const> lines, absl::Time now);
  absl::Status Record(std::span<RecordCommand* const> events, absl::Time now) { return Record(events, {}, now); }
  absl::StatusOr<PbxDesk::SyncOutcome> SyncPbx(std::string_view pbx_id, const v1::PbxSynced& synced, absl::Time now);
  // The reasons of these commands are the ledger's words.
  absl::StatusOr<PbxDesk::RemovalOutcome> RemoveExtension(std::string_view pbx_id, std::string_view number,
                                                          std::string_view reason, absl::Time now);
  // Returns the internal id. NOT_FOUND with reason PBX_UNKNOWN. What is left to delete is RowsOfEnding and
  // FinishEnding; see EndPbx in sweeper.h.
  absl::StatusOr<PbxId> BeginEnd(std::string_view pbx_id, std::string_view reason, absl::Time now);
  absl::StatusOr<PbxDesk::LicenceOutcome> ReportLicence(std::string_view licence_key, absl::Time valid_until,
                                                        bool registered, bool active, absl::Time now);
  // See PbxDesk::CountProbes.
  absl::Status CountProbes(std::span<const Probe> probes, absl::Time asked, absl::Time now);
  absl::StatusOr<CategoryCounts> DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id,
                                               std::string_view reason, absl::Time now);
  absl::Status DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                            std::string_view object_id, std::string_view reason, absl::Time now);
  // NOT_FOUND with reason PBX_UNKNOWN or POLL_UNKNOWN.
  absl::Status DeletePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason, absl::Time now);
  // See DeletionService.PreviewErasure.
  absl::StatusOr<v1::PreviewErasureResponse> PreviewErasure(const v1::PreviewErasureRequest& request, absl::Time now);
  // See OrderDesk::Confirm.
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> ConfirmOrders(const v1::ConfirmErasureOrdersRequest& request,
                                                                 absl::Time now);
  // See LogBook::Extend. Call RefileLogs until it is done.
  absl::StatusOr<v1::LogExtension> ExtendLogRetention(const v1::ExtendLogRetentionRequest& request, absl::Time now);
  // See LogBook::Refile.
  absl::StatusOr<bool> RefileLogs(absl::Time now);
  // Puts a policy into force; durable on return. Call RefilePolicy until it is done. FAILED_PRECONDITION with reason
  // REFILE_UNDER_WAY, or PLAN_STALE if `planned_from` is not in force any more; UNAVAILABLE with reason SWEEP_FIRST if
  // something that is due has not ended. REQUIRES: `next` may follow the policy in force (policy_change.h).
  absl::Status ApplyPolicy(const PolicyVersion& planned_from, const Policy& next, absl::Time now);
  // See PolicyRefiler::Step.
  absl::StatusOr<bool> RefilePolicy(absl::Time now);

  // See HoldDesk. After a release call LetGo until it is done.
  absl::StatusOr<v1::Hold> CreateHold(const v1::Hold& hold, absl::Time now);
  absl::StatusOr<v1::Hold> UpdateHold(const v1::UpdateHoldRequest& request, absl::Time now);
  absl::Status ReleaseHold(std::string_view hold_id, absl::Time now);
  absl::StatusOr<HoldDesk::Step> LetGo(absl::Time now);

  // Commands of the sweeper.
  absl::StatusOr<bool> EndHolds(absl::Time now);
  absl::StatusOr<bool> TakeOutOfDueDays(absl::Time now);
  absl::StatusOr<HoldDesk::Step> TakeOutOfEnding(const PbxRegistry::EndingPbx& ending, absl::Time now);
  // Takes up writing, and the destruction of keys, again after a failure. Does nothing if there was none.
  absl::Status Recover();
  // Begins the end of a PBX that has come to it by itself: licence, contact, name.
  absl::Status EndOverPbx(std::string_view pbx_id, absl::Time now);
  absl::Status FinishEnding(const PbxId& pbx, std::span<const RowRun> runs, absl::Time now);
  // See Recorder::Review.
  absl::StatusOr<size_t> ReviewMeetings(std::span<const MeetingTimer> timers, absl::Time now);
  // `day` takes no more values from now on; orders for its objects are issued.
  absl::Status CloseDay(DueDay day, absl::Time now);
  // Puts a cube, its ledger entry and its "released" mark in one batch, then destroys the cohort's key. Does nothing
  // but the latter if the cohort was released before.
  absl::Status Release(DueDay cohort, const NoisyCube* cube, absl::Time now);
  // Enters the end of every day that is due into the ledger, then destroys its key: unreadable from then on.
  // FAILED_PRECONDITION with reason HELD_FIRST while TakeOutOfDueDays has more than a step to do.
  absl::StatusOr<std::vector<EndingDay>> EndDays(absl::Time now);
  // Deletes the locators of the given meetings if their history ended with `last` or before.
  absl::Status DropLocators(std::span<const LocatorName> meetings, DueDay last, absl::Time now);
  // Enters that no byte of the days up to `last` is left.
  absl::Status FinishDays(std::span<const DueDay> days, absl::Time now);
  // Enters that no byte of what was marked is left.
  absl::Status FinishScrub(const PurgeMarks::Marks& scrubbed, absl::Time now);
  // See LogBook::DropEnded.
  absl::Status DropEndedLogExtensions(absl::Time now);
  // Enters the end of cubes that are due.
  absl::Status EndCubes(DueDay last, uint64_t cohorts, absl::Time now);

  // Thread-safe.
  // The rows that are left of a PBX whose end has begun.
  absl::StatusOr<std::vector<RowRun>> RowsOfEnding(const PbxId& pbx) const;
  Store& store() { return holdings_.store; }
  Vault& vault() { return vault_; }
  KeyRing& ring() { return holdings_.ring; }
  RandomSource& random() { return holdings_.random; }
  // The policy in force. It lives as long as the engine, also when another one has taken its place.
  const Policy& policy() const { return policies_.in_force(); }
  const PolicyShelf& policies() const { return policies_; }
  const PolicyRefiler& policy_refiler() const { return policy_refiler_; }
  const PbxRegistry& registry() const { return registry_; }
  const BucketCounts& counts() const { return holdings_.counts; }
  const PurgeMarks& marks() const { return holdings_.marks; }
  const OrderDesk& orders() const { return order_desk_; }
  const LogBook& logs() const { return logs_; }
  const HoldBook& holds() const { return holdings_.holds; }
  // How long the longest overdue value has been due without being unreadable; zero if none is. An error of the store if
  // nobody can tell.
  absl::StatusOr<absl::Duration> OldestOverdue(absl::Time now) const;

  // REQUIRES: set before the first command.
  void set_on_erased(std::function<void(CategoryNumber, std::string_view, uint64_t)> hook) {
    holdings_.on_erased = std::move(hook);
  }
  // Called on the committer's thread whenever orders were issued. REQUIRES: set before the first command.
  void set_on_orders(std::function<void()> hook) { holdings_.on_orders = std::move(hook); }

 private:
  Engine(Store& store, KeyRing& ring, RandomSource& random, Policy policy);
  absl::Status Establish(absl::Time now);
  // Loads a store that was opened before, under its own policy.
  absl::Status AdoptPolicy(absl::Time now);
  // Keeps the policy in force, which was given, in the store.
  absl::Status PutPolicy(absl::Time since, bool enter, absl::Time now);
  // Orders for the objects that end with `day`. Files have an end of their own, earlier than their day's. Of
  // kAllButFiles, returns the PBXs whose objects got none because holds concern them or they are ending.
  enum class OrderScope { kAllButFiles, kFiles, kAll };
  absl::StatusOr<std::set<PbxId>> IssueOrders(DueDay day, OrderScope scope, Change& change);
  absl::Status Load();
  absl::Status ErasePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason, absl::Time now);
  absl::Status Rehearse(const v1::PreviewErasureRequest& request, absl::Time now, Rehearsal& rehearsal);
  absl::Status RehearsePbx(const PbxId& pbx, const std::string& pbx_id, absl::Time now, Rehearsal& rehearsal);
  absl::Status RehearseDays(DueDay last, Rehearsal& rehearsal);
  // Runs a command; after a failure of storage everything is read back from the store before the next one.
  absl::Status Run(absl::FunctionRef<absl::Status()> command);
  // The same for a command that returns something.
  template <typename Outcome>
  absl::StatusOr<Outcome> RunFor(absl::FunctionRef<absl::StatusOr<Outcome>()> command) {
    absl::StatusOr<Outcome> outcome = absl::UnknownError("the command did not run");
    absl::Status status = Run([&] {
      outcome = command();
      return outcome.status();
    });
    if (!status.ok()) return status;
    return outcome;
  }

  PolicyShelf policies_;
  Vault vault_;
  Holdings holdings_;
  PbxRegistry registry_;
  MeetingBook book_;
  PbxEnder ender_;
  PbxDesk desk_;
  OrderDesk order_desk_;
  HoldDesk hold_desk_;
  Recorder recorder_;
  LogBook logs_;
  PolicyRefiler policy_refiler_;
  bool stale_ = false;  // memory may differ from the store
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_ENGINE_H_
