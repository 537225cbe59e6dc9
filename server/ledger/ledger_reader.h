// Answers what is asked about the ledger: its entries, its head, and proofs.
#ifndef RETENTION_SERVER_LEDGER_LEDGER_READER_H_
#define RETENTION_SERVER_LEDGER_LEDGER_READER_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "retention/v1/ledger_service.pb.h"
#include "server/ledger/checkpoint.h"
#include "server/ledger/ledger_tree.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace retention {

// Of one view of the store. Errors are those of LedgerService.
class LedgerReader {
 public:
  static constexpr int kDefaultEntriesPerPage = 100;
  static constexpr int kMaxEntriesPerPage = 1000;
  // A page looks at so many at most.
  static constexpr uint64_t kEntriesLookedAt = 10'000;

  // REQUIRES: both outlive it.
  static absl::StatusOr<LedgerReader> Open(const StoreView& store, const CheckpointSigner& signer);

  absl::StatusOr<v1::GetCheckpointResponse> Checkpoint() const;
  // `pbx`: the one of the request, if it names any.
  absl::StatusOr<v1::ListLedgerEntriesResponse> List(const v1::ListLedgerEntriesRequest& request,
                                                     const std::optional<PbxId>& pbx) const;
  absl::StatusOr<v1::GetInclusionProofResponse> Inclusion(const v1::GetInclusionProofRequest& request) const;
  absl::StatusOr<v1::GetConsistencyProofResponse> Consistency(const v1::GetConsistencyProofRequest& request) const;
  absl::StatusOr<v1::GetLedgerTileResponse> Tile(const v1::GetLedgerTileRequest& request) const;

 private:
  LedgerReader(const StoreView& store, const CheckpointSigner& signer, uint64_t size)
      : store_(store), signer_(signer), size_(size) {}
  absl::StatusOr<TreeHead> HeadOf(uint64_t size) const;
  // The asked size, or all for 0; OUT_OF_RANGE beyond.
  absl::StatusOr<uint64_t> SizeOf(uint64_t asked) const;

  const StoreView& store_;
  const CheckpointSigner& signer_;
  const uint64_t size_;
};

// An entry as callers see it.
v1::LedgerEntry DescribeEntry(const stored::v1::LedgerEntry& entry);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LEDGER_READER_H_
