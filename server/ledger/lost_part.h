// What is known of a part of a store's life that the store has lost: its ledger, which the key ring's volume has kept.
#ifndef RETENTION_SERVER_LEDGER_LOST_PART_H_
#define RETENTION_SERVER_LEDGER_LOST_PART_H_

#include <cstdint>
#include <map>
#include <set>

#include "absl/status/statusor.h"
#include "retention/stored/v1/ledger.pb.h"
#include "storage/store.h"

namespace retention {

struct LostPart {
  uint64_t entries = 0;
  std::map<stored::v1::LedgerEntry::Kind, uint64_t> acts;
  std::set<uint64_t> holds;  // that were placed, or changed, and not released: by number
};

// Of all entries behind the first `known`.
absl::StatusOr<LostPart> ReadLostPart(const StoreView& store, uint64_t known);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LOST_PART_H_
