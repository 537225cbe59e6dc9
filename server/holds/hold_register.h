// The register of holds: which holds there are, and which PBXs they concern.
#ifndef RETENTION_SERVER_HOLDS_HOLD_REGISTER_H_
#define RETENTION_SERVER_HOLDS_HOLD_REGISTER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/holds/hold.h"
#include "server/rows/change.h"
#include "server/rows/keeper.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/mutex.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// The PBXs of a controller of which there are holds. All its holds share them: what each of them covers follows from
// its generation.
struct HoldCover {
  std::set<PbxId> present;
  std::map<PbxId, HoldGeneration> left;  // those that it had, with the generation in which they had left
  HoldGeneration generation = 0;         // of the next hold

  friend bool operator==(const HoldCover&, const HoldCover&) = default;
};

// What a PBX that has ended can be found by, as long as any hold covers it: keyed hashes.
struct HeldPbxEnd {
  OwnerId controller;  // zero: unknown
  OwnerId name;        // of its external id

  friend bool operator==(const HeldPbxEnd&, const HeldPbxEnd&) = default;
};

// Changed by the writer's thread only; reading is thread-safe. Memory: holds and PBXs, not their product.
class HoldRegister : public Keeper {
 public:
  // Holds at a time, released ones included until they are done with.
  static constexpr size_t kMaxHolds = 10000;

  // Replaces what is held with what `store` says. DATA_LOSS if a row does not parse or open.
  absl::Status Load(const StoreView& store, Vault& vault);

  // The hold with this id; null if there is none.
  HoldPtr Find(std::string_view hold_id) const;
  // All after `after`, by their ids.
  std::vector<HoldPtr> List(std::string_view after) const;
  size_t size() const;
  // The holds in force on the day after `last_due` that may cover anything of a PBX.
  std::vector<HoldPtr> On(const PbxId& pbx, DueDay last_due) const;
  // What holds in force on the day after `last_due` cover of a PBX. Costs nothing where there are no holds.
  HoldConcerns Concerning(const PbxId& pbx, DueDay last_due) const;
  bool Concerns(const PbxId& pbx, DueDay last_due) const override { return !Concerning(pbx, last_due).empty(); }
  std::unique_ptr<KeptParts> PartsIn(const StoreView& view, Vault& vault, const BucketCounts& counts,
                                     DueDay last_due) const override;
  // The PBXs that holds in force concern, until when at most.
  std::map<PbxId, DueDay> ConcernedPbxs(DueDay last_due) const;
  // The PBXs that a hold covers, in their order, and how many there are.
  std::vector<PbxId> PbxsOf(const Hold& hold) const;
  size_t CountPbxsOf(const Hold& hold) const;
  // Of those that were released and are not done with, the first but the one with number `but`; null if there is none.
  HoldPtr Releasing(uint64_t but = 0) const;
  // Holds whose last day is over and that were not released yet.
  std::vector<HoldPtr> Ended(DueDay last_due) const;
  // Goes up whenever more is covered: what was found not to be held may be by now. Loading what is held already covers
  // no more.
  uint64_t version() const { return version_.load(); }
  // Goes up with every change.
  uint64_t changes() const { return changes_.load(); }

  // The PBXs that a new hold of a controller covers, which are those that it has now; and the rows that say so.
  HoldCover CoverOf(const std::string& controller_id, std::span<const PbxId> pbxs, const Vault& vault,
                    Batch& batch) const;
  // A controller has another PBX, `created` or another's: its holds cover it from now on, so
  // that they keep what `change` ends of it; not if that is dropped.
  void Join(const std::string& controller_id, const PbxId& pbx, bool created, const Vault& vault, Change& change);

  // The end of a PBX that holds cover begins: a hold that is placed later finds it by this.
  void NoteEnd(const PbxId& pbx, const HeldPbxEnd& end, Change& change);
  // PBXs that have ended, that a hold in force concerns, and whose end `is` finds.
  std::vector<PbxId> EndedPbxs(DueDay last_due, absl::FunctionRef<bool(const HeldPbxEnd&)> is) const;
  // Whether a hold covers a PBX, be it released, but for the one with number `but`.
  bool Covers(const PbxId& pbx, uint64_t but = 0) const;

  // Puts a hold into the register, and over the one with its id, together with what `CoverOf` said of a new one of a
  // controller.
  void Put(Hold hold, std::optional<HoldCover> cover, Change& change);
  // Takes a hold out of the register, with the PBXs of its controller if it is the last of it, and what is known of the
  // ended PBXs that it covers if it is the last that does.
  void Erase(const Hold& hold, const Vault& vault, Change& change);

 private:
  void Enlist(Hold hold, std::optional<HoldCover> cover);
  void Strike(const Hold& hold);
  // The holds of one PBX or of one controller.
  struct Group {
    std::map<uint64_t, HoldPtr> holds;  // by number
    // What those in force cover, as it was asked for last; null if that is not known any more.
    mutable std::shared_ptr<const HoldClaims> claims;
    mutable DueDay claims_of;
  };
  void IndexCover(const std::string& controller_id, HoldCover cover) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UnindexCover(const std::string& controller_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Index(const HoldPtr& hold) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unindex(const Hold& hold) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<const HoldClaims> ClaimsOf(const Group& group, DueDay last_due) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Shows `visit` the holds on a PBX, and those on each controller that it had, with the generation in which it left.
  void ForEachGroup(const PbxId& pbx, absl::FunctionRef<void(const Group& group, HoldGeneration left)> visit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<bool> any_ = false;
  std::atomic<uint64_t> version_ = 0;
  std::atomic<uint64_t> changes_ = 0;
  mutable Mutex mutex_;
  std::map<std::string, HoldPtr, std::less<>> holds_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PbxId, Group> by_pbx_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Group> by_controller_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, HoldCover> covers_ ABSL_GUARDED_BY(mutex_);
  // The controllers whose covers name a PBX.
  absl::flat_hash_map<PbxId, std::set<std::string>> controllers_of_ ABSL_GUARDED_BY(mutex_);
  std::map<PbxId, HeldPbxEnd> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_REGISTER_H_
