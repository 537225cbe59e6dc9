// The hold book: which holds there are, and which PBXs they concern.
#ifndef RETENTION_SERVER_ENGINE_HOLD_BOOK_H_
#define RETENTION_SERVER_ENGINE_HOLD_BOOK_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace retention {

// A hold as it was asked for, with what follows from it. Immutable once it is in the book.
struct Hold {
  uint64_t number = 0;  // random; how keys and the ledger name it
  v1::Hold terms;       // without output-only fields
  absl::Time created;
  std::set<PbxId> pbxs;
  std::string email;  // lower case; of a subject, also of one that was named by an extension
  OwnerId owner;      // of the meeting or extension in the scope
  // Since when it is not in force any more; what it kept is being erased.
  std::optional<absl::Time> released;

  // The last day on which it is in force.
  DueDay End() const;
  DueDay Review() const;
  bool InForce(DueDay last_due) const { return !released.has_value() && End() > last_due; }
  // The controller whose PBXs it covers as they come; empty if its PBXs are fixed.
  const std::string& Controller() const;
  // For the ledger.
  std::string LedgerId() const;
};
using HoldPtr = std::shared_ptr<const Hold>;

// Changed by the committer's thread only; reading is thread-safe.
class HoldBook {
 public:
  // Holds at a time, released ones included until they are done with. Every hold that concerns a PBX is asked about
  // every value of it that ends.
  static constexpr size_t kMaxHolds = 10000;

  // Replaces what is held with what `store` says. DATA_LOSS if a row does not parse or open.
  absl::Status Load(const StoreView& store, Vault& vault);

  // The hold with this id; null if there is none.
  HoldPtr Find(std::string_view hold_id) const;
  // All after `after`, by their ids.
  std::vector<HoldPtr> List(std::string_view after) const;
  size_t size() const;
  // Those in force on the day after `last_due` that concern values of a PBX. Costs nothing where there are no holds.
  std::vector<HoldPtr> Concerning(const PbxId& pbx, DueDay last_due) const;
  bool Concerns(const PbxId& pbx, DueDay last_due) const { return !Concerning(pbx, last_due).empty(); }
  // The PBXs that holds in force concern.
  std::set<PbxId> ConcernedPbxs(DueDay last_due) const;
  // Of a controller, those in force that cover its PBXs as they come.
  std::vector<HoldPtr> OfController(std::string_view controller_id, DueDay last_due) const;
  // One that was released and is not done with; null if there is none.
  HoldPtr Releasing() const;
  // Holds whose last day is over and that were not released yet.
  std::vector<HoldPtr> Ended(DueDay last_due) const;
  // Goes up whenever more is covered: what was found not to be held may be by now. Loading what is held already covers
  // no more.
  uint64_t version() const { return version_.load(); }

  // Puts a hold into the book, and over the one with its id; `Row` puts its row into a batch.
  void Put(Hold hold);
  void Erase(std::string_view hold_id);
  static absl::Status PutRow(const Hold& hold, Vault& vault, Batch& batch);

 private:
  // REQUIRES: mutex_ is held
  void Index(const HoldPtr& hold);
  void Unindex(const Hold& hold);

  std::atomic<bool> any_ = false;
  std::atomic<uint64_t> version_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, HoldPtr, std::less<>> holds_;        // by id; guarded by mutex_
  absl::flat_hash_map<PbxId, std::vector<HoldPtr>> by_pbx_;  // guarded by mutex_
};

// The id of the PBX that a scope names; empty for scopes of a controller.
const std::string& PbxOfScope(const v1::HoldScope& scope);
// The owner id of the meeting or extension that a scope names; zero for others.
OwnerId OwnerOfScope(const Vault& vault, const PbxId& pbx, const v1::HoldScope& scope);
// The meeting's or the extension's part of a scope; null if it has none.
const v1::HoldExtension* ExtensionOfScope(const v1::HoldScope& scope);

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_HOLD_BOOK_H_
