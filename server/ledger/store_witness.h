// What the key ring's volume remembers of the store: the witness, and the ledger's copy.
//
// At a start it tells a store, a log or a ring that lacks what was acknowledged from one that a crash left behind;
// while the server runs it follows the store.
#ifndef RETENTION_SERVER_LEDGER_STORE_WITNESS_H_
#define RETENTION_SERVER_LEDGER_STORE_WITNESS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/loss.pb.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/base/clock.h"
#include "server/ledger/ledger.h"
#include "storage/mutex.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/ledger_copy.h"
#include "storage/secrets/witness.h"
#include "storage/store.h"

namespace retention {

// What a store looks like beside what is remembered of it.
enum class Standing : uint8_t {
  kSound,
  kRolledBack,      // it is a copy from the past
  kShortLog,        // its log has lost what was acknowledged
  kAnother,         // it is another one, or has a history of its own
  kMissing,         // there is none
  kWitnessDamaged,  // nobody can tell
  kWitnessMissing,  // nor here, though there was one: it is written before a store
};
// As reasons of errors and entries: "STORE_ROLLED_BACK". REQUIRES: not kSound.
std::string_view ReasonOf(Standing standing);

// Whose store it is, by the row that names its format. Its own identity is 0 if it has none yet, or holds nothing.
// DATA_LOSS if the row does not parse.
absl::StatusOr<stored::v1::StoreFormat> ReadStoreFormat(const StoreView& store);

// Thread-safe but for what says otherwise.
class StoreWitness {
 public:
  // Asked before each write and sync; not OK: it fails.
  using OnIo = std::function<absl::Status()>;
  // How much of the clock a restart of the machine may forget.
  static constexpr absl::Duration kClockInterval = absl::Minutes(1);

  // `directories`: those that hold replicas of the ring. The ring need not be open yet.
  static absl::StatusOr<std::unique_ptr<StoreWitness>> Open(std::vector<std::string> directories, OnIo on_io = {});

  // By which clock it was told the time when it was last written, and where that was; nullopt if there was none. `kind`
  // is CLOCK_UNSPECIFIED if it did not say.
  struct KnownClock {
    stored::v1::LedgerEntry::Clock kind = stored::v1::LedgerEntry::CLOCK_UNSPECIFIED;
    ClockAnchor anchor;
  };
  const std::optional<KnownClock>& known_clock() const { return known_clock_; }
  // Whether there was one that knew of a store, and the ring's generation in it; 0 if there was none.
  bool knew_store() const { return knew_store_; }
  uint64_t ring_generation() const { return ring_generation_; }

  // Compares a store, whose opening finds `progress`, with what is remembered of it, before it is opened. `found` says
  // what it looks like in words, with figures. REQUIRES: `ring` outlives it; called once.
  struct Finding {
    Standing standing = Standing::kSound;
    std::string found;
  };
  absl::StatusOr<Finding> Meet(const StoreView& store, const StoreProgress& progress, const KeyRing& ring);
  // Not OK unless it is sound: FAILED_PRECONDITION with the reason, and the way out.
  static absl::Status Refusal(const Finding& finding);
  // That store, now open, is followed from here on. REQUIRES: after Meet; it outlives this.
  void Follow(const Store& store) { store_ = &store; }
  // Whoever runs the server goes on with a store that is not sound: `loss` is marked in it, before anything else; what
  // entries it lacks are put back from the copy as far as they follow, what of the copy does not is dropped. REQUIRES:
  // after Meet, before the engine opens `store`.
  absl::Status Accept(Store& store, const stored::v1::LossMark& loss);
  // Entries that the store had at Meet; since when what was acknowledged may be missing.
  uint64_t entries_found() const { return entries_found_; }
  // Until when the store was remembered; nullopt if it was not.
  std::optional<absl::Time> remembered_until() const {
    return known_clock_.has_value() ? std::make_optional(known_clock_->anchor.instant) : std::nullopt;
  }

  // Completes the copy, and writes down how far store, ring and clock have come, if that has changed since the last
  // time; that the clock went on alone counts after kClockInterval. Before a ring's first store is made it is to be
  // called once: a store that is there has a witness, or lost it. REQUIRES: after Follow; not while the engine
  // opens the store.
  absl::Status Note(stored::v1::LedgerEntry::Clock kind, const ClockAnchor& anchor);
  // Entries that the copy has not got, in the directory that lacks most.
  uint64_t uncopied() const { return uncopied_.load(); }
  // That the opening of copies cut off.
  uint64_t cut_bytes() const { return cut_bytes_; }
  // Copies whose header was damaged, and is written anew.
  uint64_t headers_mended() const { return headers_mended_; }

 private:
  StoreWitness(std::vector<std::string> directories, OnIo on_io)
      : directories_(std::move(directories)), on_io_(std::move(on_io)) {}
  absl::StatusOr<Finding> Compare(const StoreView& store, const StoreProgress& progress) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Finding> CompareLedger(const StoreView& store, const Finding& behind) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The rest of the ledger, to all copies.
  absl::Status CopyLedger() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What of a file that took its place follows from the store is kept.
  absl::Status FollowPath(LedgerCopy& copy) const;
  // As many entries as the copy and the store have alike.
  static absl::StatusOr<uint64_t> Common(const LedgerCopy& copy, const StoreView& store);

  const std::vector<std::string> directories_;
  const OnIo on_io_;
  bool found_ = false;
  bool knew_store_ = false;
  std::optional<KnownClock> known_clock_;
  uint64_t ring_generation_ = 0;
  uint64_t cut_bytes_ = 0;
  uint64_t entries_found_ = 0;
  uint64_t headers_mended_ = 0;
  std::atomic<uint64_t> uncopied_ = 0;
  const Store* store_ = nullptr;   // by Follow
  const KeyRing* ring_ = nullptr;  // by Meet

  Mutex mutex_;
  std::unique_ptr<WitnessFile> file_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<LedgerCopy>> copies_ ABSL_GUARDED_BY(mutex_);
  uint64_t store_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of the store's ledger, as far as it was followed.
  uint64_t ledger_size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string ledger_head_ ABSL_GUARDED_BY(mutex_) = LedgerBeginning();
};

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_STORE_WITNESS_H_
