// What the ledger is told of days whose keys the ring destroyed.
#ifndef RETENTION_SERVER_DAYS_DAY_ENTRIES_H_
#define RETENTION_SERVER_DAYS_DAY_ENTRIES_H_

#include <span>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/ledger/ledger.h"
#include "storage/due_day.h"
#include "storage/secrets/ring_bytes.h"
#include "storage/store.h"

namespace retention {

// The end of `day`, without sizes. `destructions` are those that no ledger tells of; when the keys went, and with which
// generation of the ring, is its that the day is of.
stored::v1::LedgerEntry DayEndEntry(DueDay day, std::span<const UnenteredDestruction> destructions,
                                    const absl::TimeZone& zone);

// Whether an entry tells of `destruction` already: the process ended before the ring was marked. Reads back as far as
// to what was entered before it.
absl::StatusOr<bool> IsEntered(const StoreView& store, const Ledger& ledger, const UnenteredDestruction& destruction);

// Whether an entry tells of the end of `day`, which is of none of those: in an older copy of a store, that is gone on
// with, the ledger was completed. Reads back as far as to the instant at which it was due.
absl::StatusOr<bool> IsDayEntered(const StoreView& store, const Ledger& ledger, DueDay day,
                                  std::span<const UnenteredDestruction> destructions, const absl::TimeZone& zone);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_DAY_ENTRIES_H_
