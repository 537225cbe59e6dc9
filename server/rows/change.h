// A change: rows filed and unfiled together with all that must follow in the same batch.
//
// Whoever ends a value through a Change cannot forget its count, its purge mark, its erasure order or its ledger entry.
#ifndef RETENTION_SERVER_ROWS_CHANGE_H_
#define RETENTION_SERVER_ROWS_CHANGE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/holds/hold_book.h"
#include "server/holds/hold_matcher.h"
#include "server/law/policy.h"
#include "server/ledger/ledger.h"
#include "server/rows/bucket_counts.h"
#include "server/rows/order_book.h"
#include "server/rows/policy_shelf.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Why values ended before their day; the ledger's words.
inline constexpr std::string_view kReasonMeetingEnded = "MEETING_ENDED";
inline constexpr std::string_view kReasonMeetingDeleted = "MEETING_DELETED";
inline constexpr std::string_view kReasonDayMovedIntoPast = "DAY_MOVED_INTO_PAST";
inline constexpr std::string_view kReasonExtensionRemoved = "EXTENSION_REMOVED";
inline constexpr std::string_view kReasonPollDeleted = "POLL_DELETED";
inline constexpr std::string_view kReasonReplaced = "REPLACED";
inline constexpr std::string_view kReasonHoldReleased = "HOLD_RELEASED";
// Not before its day.
inline constexpr std::string_view kReasonDue = "DUE";
inline constexpr std::string_view kReasonPbxDeregistered = "PBX_DEREGISTERED";
inline constexpr std::string_view kReasonLicenceExpired = "LICENCE_EXPIRED";
inline constexpr std::string_view kReasonPbxNotRegistered = "PBX_NOT_REGISTERED";
inline constexpr std::string_view kReasonPbxInactive = "PBX_INACTIVE";
inline constexpr std::string_view kReasonNoContact = "PBX_NO_CONTACT";
inline constexpr std::string_view kReasonFqdnUnresolved = "PBX_FQDN_UNRESOLVED";

// Values by category.
using CategoryCounts = std::array<uint64_t, kCategories>;

// Days that take no more values: closed in their lead window, or ended. Changed by the committer's thread only.
class DayGate {
 public:
  absl::Status Load(const StoreView& store, const KeyRing& ring);
  // Whether a value may still be filed under `day`. `last_due`: LastDueDay(now).
  bool Takes(DueDay day, DueDay last_due) const {
    return !day.is_civil() || (day > last_due && day > ended_through_ && !closed_.contains(day));
  }
  // Whether values that are held already may be moved to `day`: also into a day that takes no new ones any more.
  bool Holds(DueDay day, DueDay last_due) const { return !day.is_civil() || (day > last_due && day > ended_through_); }
  bool closed(DueDay day) const { return closed_.contains(day); }
  void Close(DueDay day) { closed_.insert(day); }
  void EndThrough(DueDay last);

 private:
  std::set<DueDay> closed_;
  DueDay ended_through_;
};

// Days whose files hold bytes of deleted rows until they are scrubbed. DueDay() stands for family `state`.
class PurgeMarks {
 public:
  using Marks = std::map<DueDay, stored::v1::PurgeMark>;
  absl::Status Load(const StoreView& store);
  void Note(DueDay day, absl::Time now);
  void Flush(Batch& batch);
  // Thread-safe copy.
  Marks Read() const;
  // Takes away what `scrubbed` counted. A mark that has grown since it was read, at `since`, stays for what came after.
  void Clear(const Marks& scrubbed, absl::Time since);

 private:
  mutable std::mutex mutex_;
  Marks marks_;               // guarded by mutex_
  std::set<DueDay> changed_;  // guarded by mutex_
};

// What an erasure did when it was rehearsed.
struct Rehearsal {
  CategoryCounts erased{};
  CategoryCounts held{};
  uint64_t orders = 0;
};

// Everything the committer's thread works on. All of it can be read back from the store.
struct Holdings {
  Store& store;
  KeyRing& ring;
  Vault& vault;
  RandomSource& random;
  const PolicyShelf& policies;
  BucketCounts counts;
  PurgeMarks marks;
  OrderBook orders;
  HoldBook holds;
  DayGate gate;
  std::optional<Ledger> ledger;
  // Called with every ended value count, for metrics. May be empty.
  std::function<void(CategoryNumber, std::string_view reason, uint64_t values)> on_erased;
  // Called when orders were issued and can be read. May be empty.
  std::function<void()> on_orders;
  // While it is set, changes are tallied here and not committed. Afterwards everything must be loaded anew.
  Rehearsal* rehearsal = nullptr;

  const Policy& policy() const { return policies.in_force(); }
};

class Change {
 public:
  Change(Holdings& holdings, absl::Time now)
      : holdings_(holdings), now_(now), last_due_(LastDueDay(now, holdings.policy().zone())) {}

  absl::Time now() const { return now_; }
  DueDay last_due() const { return last_due_; }
  DueDay today() const { return last_due_.Next(); }
  bool Takes(DueDay day) const { return holdings_.gate.Takes(day, last_due_); }
  bool Holds(DueDay day) const { return holdings_.gate.Holds(day, last_due_); }

  // Seals and files `plaintext`, which holds `values` values. REQUIRES: Takes(key.day), and no row under `key`.
  absl::Status File(const FiledKey& key, const Personal& plaintext, uint32_t values);
  // Files over an existing row with the same number of values, whose old values end but for what is held: their bytes
  // are marked for scrubbing.
  absl::Status Replace(const FiledKey& key, const Personal& plaintext, uint32_t values);
  // The same where the values stay and only what describes them changes.
  absl::Status Rewrite(const FiledKey& key, const Personal& plaintext, uint32_t values);
  // Takes away a row that holds no values, and so needs no entry.
  void RemoveMark(const FiledKey& key);
  // Ends a row for `reason`; its bytes are marked for scrubbing. What holds keep of it goes to the held bucket.
  absl::Status Erase(const FiledKey& key, uint32_t values, std::string_view reason);
  // The same for an object, with the order to the portal to delete it, unless it is held.
  absl::Status EraseObject(const FiledKey& key, const stored::v1::Value& object, uint32_t values,
                           std::string_view pbx_id, std::string_view reason);
  // Takes a row out of its bucket if holds keep any of it; what they do not keep of it ends for `reason`. True if they
  // do. `pbx_id`: for the order to come, if it is an object.
  absl::StatusOr<bool> TakeOut(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                               std::string_view reason);
  // Ends an object that no hold keeps, with its order. `envelope`: its row.
  absl::Status EndWithOrder(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                            std::string_view reason);
  // Ends what no hold keeps any more of a row of the held bucket. Returns the values that ended.
  absl::StatusOr<uint32_t> LetGo(const FiledKey& key, std::string_view envelope);
  // Whether holds keep any of a row.
  absl::StatusOr<bool> IsHeld(const FiledKey& key, std::string_view envelope);
  // Whether a hold concerns values of a PBX.
  bool Concerned(const PbxId& pbx) const { return holdings_.holds.Concerns(pbx, last_due_); }
  // Ends all rows under `prefix`, which lie in one day and category and were counted. REQUIRES: nothing in them is
  // held.
  void EraseRun(const std::string& prefix, DueDay day, CategoryNumber category, uint64_t rows, uint64_t values,
                std::string_view reason);
  // Moves a row to another day. It is erased instead if that day or its own is already due.
  absl::Status Move(const FiledKey& from, std::string_view envelope, DueDay to);
  // The same for a move that was decided before the row's own day came, and was cut short: that day may be due by now.
  // REQUIRES: the day's key is still there.
  absl::Status MoveLate(const FiledKey& from, std::string_view envelope, DueDay to);
  // The same, but that a row that nobody can read, because it is damaged or its key is gone, keeps nothing from moving:
  // it ends if it was to move to an earlier day, and else stays and ends with its own.
  absl::Status Relocate(const FiledKey& from, std::string_view envelope, DueDay to);
  // Tells the portal to delete an object. `pbx_id` is the external identifier, sealed with the order. Orders get their
  // sequences when the change is committed, so that they become visible in the order of their sequences.
  absl::Status Order(CategoryNumber category, std::string_view pbx_id, const stored::v1::StoredObjectRef& object);
  // Forgets an order that was carried out; its bytes are marked for scrubbing. REQUIRES: it is held.
  void ForgetOrder(uint64_t sequence);
  // An entry for something other than values ended by this change.
  void Enter(stored::v1::LedgerEntry entry) { entries_.push_back(std::move(entry)); }

  // For rows of family `state`.
  Batch& batch() { return batch_; }
  // What this change has ended so far, committed or not; what is held is not counted.
  const CategoryCounts& erased() const { return erased_in_all_; }
  // How many values that would have ended it has kept so far, committed or not.
  uint64_t held() const { return held_in_all_; }
  bool empty() const { return batch_.empty() && entries_.empty() && orders_.empty(); }

  // Makes it all durable at once and starts afresh. After an error the holdings must be loaded anew.
  absl::Status Commit();

 private:
  void Rehearse();
  absl::Status PutOrders();
  // Puts what holds keep of a row that ends into the held bucket; returns how many values that is.
  absl::StatusOr<uint32_t> Keep(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                                std::string_view reason);
  // The same for a row that is in the store.
  absl::StatusOr<uint32_t> KeepStored(const FiledKey& key, std::string_view pbx_id, std::string_view reason);
  // Takes a row away of whose values `kept` are held.
  void EndRow(const FiledKey& key, uint32_t values, uint32_t kept, std::string_view reason);
  HoldMatcher& Matcher();

  Holdings& holdings_;
  const absl::Time now_;
  const DueDay last_due_;
  Batch batch_;
  std::map<std::string, CategoryCounts, std::less<>> erased_;  // by reason
  std::map<std::string, CategoryCounts, std::less<>> held_;    // by the reason for which they would have ended
  CategoryCounts erased_in_all_{};
  uint64_t held_in_all_ = 0;
  std::optional<HoldMatcher> matcher_;  // of the store as it was at the last commit
  std::vector<stored::v1::LedgerEntry> entries_;
  std::vector<Personal> orders_;  // serialised
  uint64_t orders_forgotten_ = 0;

  void CountErased(CategoryNumber category, uint64_t values, std::string_view reason);
};

// Sets the non-zero counts of a ledger entry.
void SetCounts(const CategoryCounts& counts, stored::v1::LedgerEntry& entry);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_CHANGE_H_
