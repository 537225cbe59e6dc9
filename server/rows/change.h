// A change: what a command does to the store and to memory, as a value.
//
// Whoever ends a value through a Change cannot forget its count, its purge mark, its erasure order or its ledger entry.
// Nothing of it has happened until it is committed: then all of it has, first durably, then in memory. A change that is
// dropped, because its command failed or was refused, or because only a preview was asked for, leaves nothing behind.
// (Keys of the ring are not of it: one that was minted for it opens nothing, and that of a PBX whose end goes on goes
// before its rows.)
// So a command is a function of the holdings that fills a change, and can be run again.
//
// Three verbs: file, move, drop. Its parts: change.cc; change_objects.cc, orders; and change_keeping.cc, what holds
// keep.
#ifndef RETENTION_SERVER_ROWS_CHANGE_H_
#define RETENTION_SERVER_ROWS_CHANGE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/ledger.pb.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/ledger/reasons.h"
#include "server/rows/holdings.h"
#include "server/rows/object_references.h"
#include "storage/keys.h"
#include "storage/secrets/personal.h"
#include "storage/store.h"

namespace retention {

// A part of a row that is divided.
struct RowPart {
  FiledKey key;
  Personal plaintext;
  uint32_t values;
  std::string_view ends_for;  // it ends, for this reason; empty if it is filed under `key`
  bool restricted = false;    // as is what is cut from a row that was (Vault::IsRestricted)
};

// Belongs to the writer's thread.
class Change {
 public:
  // REQUIRES: `holdings` outlives it, and no other change is committed meanwhile.
  Change(Holdings& holdings, absl::Time now);
  // Drops what was not committed.
  ~Change();
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  absl::Time now() const { return now_; }
  DueDay last_due() const { return last_due_; }
  DueDay today() const { return last_due_.Next(); }
  bool Takes(DueDay day) const {
    Doubt(day);
    return holdings_.gate.Takes(day, last_due_);
  }
  bool TakesMoved(DueDay day) const {
    Doubt(day);
    return holdings_.gate.TakesMoved(day, last_due_);
  }
  // Whether `instant` has come.
  bool HasCome(absl::Time instant) const {
    is_in_doubt_ |= rival_.has_value() && (instant <= now_) != (instant <= *rival_);
    return instant <= now_;
  }
  // Another clock that may be right. From then on it is in doubt as soon as Takes, TakesMoved or HasCome was asked of
  // something that is due by one of the two alone: then it is not to be committed.
  void SetRival(std::optional<absl::Time> rival);
  bool is_in_doubt() const { return is_in_doubt_; }
  bool Concerned(const PbxId& pbx) const { return holdings_.Concerned(pbx, last_due_); }

  // FILE. Seals and files `plaintext`, which holds `values` values. REQUIRES: Takes(key.day), of a shared file
  // TakesMoved; and no row under `key`.
  void File(const FiledKey& key, Personal plaintext, uint32_t values);
  // Files over a row with the same values, of which only what describes them changes.
  void Rewrite(const FiledKey& key, Personal plaintext, uint32_t values);
  // Files over a row whose old values, as many, end but for what is kept.
  absl::Status Replace(const FiledKey& key, Personal plaintext, uint32_t values);

  // MOVE. Moves a row to another day, unless this change has dropped it. If that day is already due it is dropped. A
  // row that nobody can read, because it is damaged or its key is gone, keeps nothing from moving: it ends if it was to
  // move to an earlier day, and else stays and ends with its own. REQUIRES: whether its own day may be over was asked
  // before.
  absl::Status Move(const FiledKey& from, std::string_view envelope, DueDay to);

  // Replaces a row that this change has not dropped by its parts, which hold its values between them; what ends of them
  // may go on as something less, in another part. One part may go on under its key. REQUIRES: TakesMoved the day of
  // each that does not end.
  absl::Status Divide(const FiledKey& from, std::string_view envelope, std::vector<RowPart> parts);

  // DROP. Ends a row for `reason`, once, however often it is called: what holds keep of it goes to the bucket of kept
  // rows, and of an object that none keeps the portal gets its order. An object whose key is gone ended before; one
  // that is damaged ends without an order, for nobody knows what it named. `pbx_id` is the PBX's external identifier.
  absl::Status Drop(const FiledKey& key, std::string_view envelope, std::string_view pbx_id, std::string_view reason);
  // The same of a row that was looked at and that nobody can read: it goes by its key, and nothing of it is kept.
  void DropUnread(const FiledKey& key, std::string_view envelope, std::string_view reason);
  // Only takes a row out of its bucket, if holds keep any of it: what they do not keep ends. True if they do.
  absl::StatusOr<bool> TakeOut(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                               std::string_view reason);
  // Of a kept row, ends what no hold keeps any more. Returns the values that ended.
  absl::StatusOr<uint32_t> LetGo(const FiledKey& key, std::string_view envelope);
  // Ends a row that nobody can read, because a key that it needs is gone (Vault::IsGone).
  void DropGone(const FiledKey& key, std::string_view envelope);
  // Ends all rows under `prefix`, which lie in one day and category and were counted. REQUIRES: none of them is kept.
  void DropRun(const std::string& prefix, DueDay day, CategoryNumber category, uint64_t rows, uint64_t values,
               std::string_view reason);
  // Takes away a row that holds no values, and so needs no entry.
  void DropMark(const FiledKey& key);
  // What was sealed in an envelope has ended, or is sealed anew and lives on: no older copy is to open it for longer.
  void EndSealed(std::string_view envelope);
  void EndResealed(std::string_view envelope);
  // Destroys the secrets of what was sealed anew before the last call.
  absl::Status DestroyRested();

  // What `day` holds of a category once this change is made.
  BucketCount CountOf(DueDay day, CategoryNumber category) const {
    return holdings_.counts.Of(day, category, count_changes_);
  }
  // A day ends as a whole: it is counted no more. Its entry is the caller's.
  void EndDay(DueDay day) { count_changes_.EndDay(day); }
  // Tells the portal to delete an object, once; but not while any row of it is left after this change, which has that
  // done when it ends, or a hold that keeps it lets it go. Orders get their numbers when the change is committed, so
  // that they become visible in the order of their numbers.
  void Order(CategoryNumber category, std::string_view pbx_id, const stored::v1::StoredObjectRef& object);
  // The same for a row whose day is ending: it counts as ended.
  void OrderRow(const FiledKey& key, std::string_view pbx_id, const stored::v1::StoredObjectRef& object);
  // Whether any row of an object is left after this change, as it is so far.
  absl::StatusOr<bool> Holds(std::string_view pbx_id, const stored::v1::StoredObjectRef& object) const;
  // Forgets an order that was carried out. REQUIRES: it is in the store.
  void ForgetOrder(uint64_t sequence);
  // A number for a notice about a report, whose row is the caller's.
  uint64_t NoticeNumber();
  // An entry for something other than values ended by this change.
  void Enter(stored::v1::LedgerEntry entry) { entries_.push_back(std::move(entry)); }

  // Rows of family `state`; PutSealed: under the open key. What they replace or delete no older copy opens. DeleteState
  // marks their bytes for scrubbing, as MarkState does for those that are deleted or replaced otherwise.
  Batch& batch() { return batch_; }
  void PutSealed(const std::string& key, Personal plaintext);
  void DeleteState(const std::string& key);
  void MarkState(std::string_view key) { mark_changes_.deletions[DueDay::None()].Add(key); }
  // What a scrub that is done had counted is marked no more.
  void ClearMarks(PurgeMarks::Marks scrubbed) { mark_changes_.scrubbed.merge(std::move(scrubbed)); }

  // What the ring must know before any of this is durable. If that fails, so does the commit.
  void Before(std::function<absl::Status(KeyRing&)> act) { preparations_.push_back(std::move(act)); }
  // What happens in memory, and to the ring, once the change is durable; in this order. An error is the commit's, but
  // takes nothing back, and keeps the rest from nothing.
  void Then(std::function<absl::Status()> effect) { effects_.push_back(std::move(effect)); }
  template <typename Effect>
  void ThenDo(Effect effect) {
    Then([effect = std::move(effect)]() mutable {
      effect();
      return absl::OkStatus();
    });
  }
  // What must be undone in memory if it never becomes durable: caches that are altered on the way.
  void Otherwise(std::function<void()> undo) { undos_.push_back(std::move(undo)); }

  // Shows `visit` the rows that it puts into the bucket of kept ones.
  void ForEachKept(
      absl::FunctionRef<void(const FiledKey& key, const stored::v1::KeptRow& row, uint32_t values)> visit) const;
  // What it ends and keeps.
  const CategoryCounts& erased() const { return erased_in_all_; }
  const CategoryCounts& kept() const { return kept_in_all_; }
  // The objects that it orders unless rows of them are left, and what becomes of the rows.
  std::vector<OwnerId> ordered() const;
  const ObjectReferences& references() const { return references_; }
  // Makes known that a row has its object, if it has one: where that was lost.
  void Refer(const FiledKey& key, const Personal& plaintext);
  // Rows that it ends although nobody could read them; those of objects among them, which nobody can order away.
  struct Unread {
    uint64_t rows = 0;
    uint64_t objects = 0;
  };
  const Unread& unread() const { return unread_; }
  // Keys of the rows that it ends.
  const absl::flat_hash_set<std::string>& dropped() const { return dropped_; }
  bool empty() const { return batch_.empty() && entries_.empty() && orders_.empty() && mark_changes_.empty(); }

 private:
  friend class Writer;

  // A row whose envelope is made when the change is committed: what is dropped mints no key.
  struct Unsealed {
    size_t position;  // in batch_
    FiledKey key;
    Personal plaintext;
    uint32_t values;
    bool restricted;
  };
  // An order, unless a row of what it names is left when the change is committed.
  struct WaitingOrder {
    OwnerId object;
    Personal plaintext;
  };
  // What an object's row tells of it.
  struct ObjectOfRow {
    std::string pbx_id;
    stored::v1::StoredObjectRef reference;
  };
  // By the day, too, of what was lost with its key; else None().
  using ByReason = std::map<std::pair<std::string, DueDay>, CategoryCounts>;

  // Makes it all durable at once, then happen in memory.
  absl::Status Commit(Store& store);
  void Seal(const FiledKey& key, Personal plaintext, uint32_t values, bool restricted = false);
  void FileRestricted(const FiledKey& key, Personal plaintext, uint32_t values, bool restricted);
  absl::Status SealRows();
  // An object goes to where the orders of its day are out already, from where it has had none.
  void OrderIfPassedOver(const FiledKey& from, const FiledKey& to, const ObjectOfRow& object);
  void Order(CategoryNumber category, const ObjectOfRow& object) { Order(category, object.pbx_id, object.reference); }
  // A row of it goes, and it with that, unless it has had its order, or a hold keeps it.
  void EndObject(const FiledKey& key, std::string_view pbx_id, const stored::v1::StoredObjectRef& object, bool is_kept);
  // nullopt if a row tells of no object, or of no portal that has it.
  std::optional<ObjectOfRow> ObjectIn(const FiledKey& key, const Personal& plaintext) const;
  OwnerId NameOf(const ObjectOfRow& object) const;
  // What is stored under a key now, if it is sealed, ends with this change: it is erased, or sealed anew.
  struct StoredEnd {
    Family family;
    std::string key;
    bool erased;
  };
  void EndStored(Family family, std::string key, bool erased) {
    stored_ends_.push_back({family, std::move(key), erased});
  }
  absl::Status TakeStoredEnds();
  absl::Status PutOrders(OrderNumbers::Counter& counter);
  void EnterCounts(stored::v1::LedgerEntry::Kind kind, const ByReason& counts);
  void CountUnread(CategoryNumber category, std::string_view reason);
  void AppendEntries(uint64_t ring_generation, Ledger& ledger);
  void Report() const;

  // Puts what is kept of an opened row that ends, or of a part of it, into the bucket of kept rows; returns how many
  // values that is.
  struct Opened {
    std::string_view envelope;  // of the row
    const Personal& plaintext;
    uint32_t values;
  };
  absl::StatusOr<uint32_t> Keep(const FiledKey& key, const Opened& opened, std::string_view pbx_id,
                                std::string_view reason);
  void Touch(CategoryNumber category) { touches_extensions_ |= category == kPbxSync; }
  // Takes a row away of whose values `kept` are kept.
  void EndRow(const FiledKey& key, std::string_view envelope, uint32_t values, uint32_t kept, std::string_view reason);
  void CountErased(CategoryNumber category, DueDay day, uint64_t values, std::string_view reason);
  void Mark(const FiledKey& key) { mark_changes_.deletions[key.day].Add(key.Encode()); }
  KeptParts& Parts();

  void Doubt(DueDay day) const {
    is_in_doubt_ |= rival_.has_value() && day.is_civil() && (day <= last_due_) != (day <= rival_last_due_);
  }

  Holdings& holdings_;
  const absl::Time now_;
  const DueDay last_due_;
  std::optional<absl::Time> rival_;
  DueDay rival_last_due_;  // if there is one
  mutable bool is_in_doubt_ = false;
  bool touches_extensions_ = false;
  Batch batch_;
  std::vector<Unsealed> unsealed_;
  std::vector<std::pair<size_t, Personal>> unsealed_state_;  // by position in batch_
  CountChanges count_changes_;
  PurgeMarks::Changes mark_changes_;
  ByReason erased_;
  ByReason kept_;                                             // by the reason for which they would have ended
  std::map<std::string, uint64_t, std::less<>> unread_rows_;  // by reason
  Unread unread_;
  CategoryCounts erased_in_all_{};
  CategoryCounts kept_in_all_{};
  absl::flat_hash_set<std::string> dropped_;  // keys of rows that it ended
  std::vector<StoredEnd> stored_ends_;
  EndedOwners ended_owners_;
  std::unique_ptr<KeptParts> parts_;
  std::vector<stored::v1::LedgerEntry> entries_;
  std::vector<WaitingOrder> orders_;
  std::map<OwnerId, size_t> order_of_;  // where in it an object's is
  ObjectReferences references_;
  uint64_t orders_forgotten_ = 0;
  std::optional<NoticeNumbers::Counter> notices_;  // as it is after this, if it gives any
  std::vector<std::function<absl::Status(KeyRing&)>> preparations_;
  std::vector<std::function<absl::Status()>> effects_;
  std::vector<std::function<void()>> undos_;
};

// Sets the non-zero counts of a ledger entry.
void SetCounts(const CategoryCounts& counts, stored::v1::LedgerEntry& entry);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_CHANGE_H_
