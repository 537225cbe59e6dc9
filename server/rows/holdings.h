// Everything that is held, as the store says it: what commands read and changes are made to.
#ifndef RETENTION_SERVER_ROWS_HOLDINGS_H_
#define RETENTION_SERVER_ROWS_HOLDINGS_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "server/law/category_counts.h"
#include "server/law/cohort_days.h"
#include "server/law/policy.h"
#include "server/ledger/ledger.h"
#include "server/rows/bucket_counts.h"
#include "server/rows/day_gate.h"
#include "server/rows/keeper.h"
#include "server/rows/notice_numbers.h"
#include "server/rows/order_numbers.h"
#include "server/rows/owner_ends.h"
#include "server/rows/pbx_registry.h"
#include "server/rows/policy_versions.h"
#include "server/rows/purge_marks.h"
#include "server/rows/room_names.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// All of it can be read back from the store. Memory follows what is durable: only a change that was committed alters it
// (change.h). What is marked thread-safe in its own header may be read by any thread; the rest belongs to the writer's.
struct Holdings {
  // The store, or a snapshot of it for what is to change nothing.
  const StoreView& store;
  KeyRing& ring;
  Vault& vault;
  RandomSource& random;
  PolicyVersions policies;
  BucketCounts counts;
  PurgeMarks marks;
  OrderNumbers orders;
  NoticeNumbers notices;
  OwnerEnds owner_ends;
  uint64_t ring_generation = 0;  // that the store has seen
  PbxRegistry registry;
  RoomNames names;
  DayGate gate;
  Ledger ledger;
  stored::v1::LedgerEntry::Clock clock = stored::v1::LedgerEntry::CLOCK_UNSPECIFIED;  // by which it is told the time
  const Keeper* keeper = nullptr;
  // Called when PBXs or extensions have changed, or ended: what was looked up of them before is wiped. May be empty.
  std::function<void()> on_extensions;
  // Called with every ended value count, for metrics. May be empty.
  std::function<void(CategoryNumber, std::string_view reason, uint64_t values)> on_erased;
  // Called with an entry that is about to be committed, its counts as they are, and its leaf. For tests: the ledger's
  // own sizes balance nothing. May be empty.
  std::function<void(const stored::v1::LedgerEntry& exact, std::string_view leaf)> on_entry;
  // Called with every entry that is durable; what it counts is not rounded. May be empty.
  std::function<void(const stored::v1::LedgerEntry& exact)> on_entered;
  // Called when orders were issued and can be read. May be empty.
  std::function<void()> on_orders;
  // Called when notices about reports were given and can be read. May be empty.
  std::function<void()> on_notices;

  // REQUIRES: all outlive it. `first` is in force until Load finds another policy.
  Holdings(const StoreView& view, KeyRing& key_ring, Vault& key_vault, RandomSource& randomness, Policy first)
      : store(view),
        ring(key_ring),
        vault(key_vault),
        random(randomness),
        policies(std::move(first)),
        registry(policies),
        names(key_ring, key_vault) {}

  // Takes up what the store says. DATA_LOSS if a row does not parse or open.
  absl::Status Load();

  // Keeps room in the ring for the orders and rescues of all objects that are held, and of `more`: what closing their
  // days needs. RESOURCE_EXHAUSTED if its disk has none.
  absl::Status KeepRoomForObjects(uint64_t more);

  const Policy& policy() const { return policies.in_force(); }
  // In which what began then is counted.
  CohortDays CohortAt(absl::Time begin) const {
    return policies.current().profiles.CohortOf(DueDay(DayOf(begin, policy().zone())));
  }
  DueDay LastDue(absl::Time now) const { return LastDueDay(now, policy().zone()); }
  // When a read is judged that is asked for at `now`: what was destroyed as due is due, though the clock by which it
  // was has been put back since. Of such days keys are left for what holds keep, and for orders, which are nobody's to
  // read.
  absl::Time ReadsAt(absl::Time now) const;
  // Whether a hold concerns values of a PBX.
  bool Concerned(const PbxId& pbx, DueDay last_due) const {
    return keeper != nullptr && keeper->Concerns(pbx, last_due);
  }
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_HOLDINGS_H_
