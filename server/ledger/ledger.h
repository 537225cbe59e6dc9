// The ledger: nothing ends without an entry in it.
//
// Append-only and hash-chained: each entry carries SHA-256(hash of the entry before | this entry without its hash).
// Entries hold counts, categories, policy version, reason and opaque ids, never personal data.
#ifndef RETENTION_SERVER_LEDGER_LEDGER_H_
#define RETENTION_SERVER_LEDGER_LEDGER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/store.h"

namespace retention {

// A value: a copy goes on by itself, which is how a batch that may not be committed is tried. Belongs to the writer's
// thread.
class Ledger {
 public:
  // At its beginning.
  Ledger() = default;
  // Reads the end of the chain. DATA_LOSS if the last entry does not parse.
  static absl::StatusOr<Ledger> Open(const StoreView& store);

  // Adds `entry` to `batch`, filling in sequence, time and hash.
  void Append(stored::v1::LedgerEntry entry, absl::Time now, Batch& batch);

  uint64_t size() const { return next_ - 1; }

 private:
  uint64_t next_ = 1;
  std::string head_ = std::string(32, '\0');
};

// Walks the whole chain in order. DATA_LOSS naming the sequence of the first entry that is missing, malformed or does
// not follow from the one before.
absl::Status VerifyLedger(const StoreView& store, const std::function<void(const stored::v1::LedgerEntry&)>& visit);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LEDGER_H_
