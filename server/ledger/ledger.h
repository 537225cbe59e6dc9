// The ledger: nothing ends without an entry in it.
//
// Append-only and hash-chained: beside each entry's leaf (leaf.h) lies SHA-256(hash of the entry before | leaf), which
// the copies beside the key ring follow. Over the leaves stands a tree (tree.h), by which others can follow without a
// copy. Entries hold sizes, categories, policy version, reason and opaque ids, never personal data.
#ifndef RETENTION_SERVER_LEDGER_LEDGER_H_
#define RETENTION_SERVER_LEDGER_LEDGER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/ledger.pb.h"
#include "server/ledger/leaf.h"
#include "server/ledger/tree.h"
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

  // Adds `entry` to `batch`, filling in sequence and time, and that it was done at that time unless it says when. Its
  // counts become what the ledger says of them (LedgerSize), and so do damaged rows (LedgerStep). Returns its leaf.
  std::string Append(stored::v1::LedgerEntry entry, absl::Time now, Batch& batch);
  // Adds an entry as another place has kept it. DATA_LOSS if it is not the next.
  absl::Status AppendLeaf(std::string_view leaf, std::string_view hash, Batch& batch);

  uint64_t size() const { return next_ - 1; }
  // Zeros at the beginning.
  const std::string& head() const { return head_; }

 private:
  // As the next, of which `head_` is the hash.
  void Put(std::string_view leaf, Batch& batch);

  uint64_t next_ = 1;
  std::string head_ = LedgerBeginning();
  TreeEdge edge_;
};

// Reads a row for each doubling of their number.
absl::StatusOr<uint64_t> CountLedgerEntries(const StoreView& store);
// The entry at a position, from 1. nullopt if there is none; DATA_LOSS if it does not parse.
absl::StatusOr<std::optional<LedgerRow>> LedgerRowAt(const StoreView& store, uint64_t sequence);

// Walks the whole chain in order, and what is stored of the tree with it. DATA_LOSS naming the sequence of the first
// entry that is missing, malformed or does not follow from the one before.
absl::Status VerifyLedger(const StoreView& store, const std::function<void(const stored::v1::LedgerEntry&)>& visit);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LEDGER_H_
