// What is known of a part of a store's life that the store has lost: its ledger, which the key ring's volume has kept.
#ifndef RETENTION_SERVER_LEDGER_LOST_PART_H_
#define RETENTION_SERVER_LEDGER_LOST_PART_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "absl/status/statusor.h"
#include "retention/stored/v1/ledger.pb.h"
#include "retention/stored/v1/loss.pb.h"
#include "storage/store.h"

namespace retention {

struct LostPart {
  uint64_t entries = 0;
  std::map<stored::v1::LedgerEntry::Kind, uint64_t> acts;
  std::set<uint64_t> holds;  // that were placed, or changed, and not released: by number
};

// Of all entries behind the first `known`.
absl::StatusOr<LostPart> ReadLostPart(const StoreView& store, uint64_t known);

// The mark that a store bears from the acceptance of a loss until all that follows from it is done, so that a start
// that was cut short is followed by one that goes on, whatever it is told; nullopt if there is none. DATA_LOSS if it
// does not parse.
absl::StatusOr<std::optional<stored::v1::LossMark>> ReadLossMark(const StoreView& store);
void PutLossMark(const stored::v1::LossMark& mark, Batch& batch);
// Both: what either has not entered yet, once, and the longer part.
stored::v1::LossMark Merged(stored::v1::LossMark mark, const stored::v1::LossMark& other);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LOST_PART_H_
