// Proofs that an entry is in a ledger, and that a ledger only grew: RFC 9162, sections 2.1.3.2 and 2.1.4.2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/ledger/ledger_note.h"

namespace retention {

std::string HashOfLeaf(const std::string& leaf);
std::string HashOfNodes(const std::string& left, const std::string& right);

// All return DATA_LOSS if it does not follow.

// That the leaf with this hash is the `index`-th, from 0, of a tree.
absl::Status VerifyInclusion(uint64_t index, std::string leaf_hash, const std::vector<std::string>& proof,
                             const LedgerHead& head);
// That the second goes on from the first.
absl::Status VerifyConsistency(const LedgerHead& first, const LedgerHead& second,
                               const std::vector<std::string>& proof);

// A proof as one text (c2sp.org/tlog-proof), which has the entry itself as its extra data.
struct EntryProof {
  uint64_t index = 0;
  std::string leaf;
  std::vector<std::string> hashes;
  std::string checkpoint;
  LedgerHead head;
};
// Reads such a text, and verifies all of it.
absl::StatusOr<EntryProof> VerifyEntryProof(const std::string& text, const LedgerKey& key);

// The root over leaves as they come.
class GrowingTree {
 public:
  void Add(std::string leaf_hash);
  LedgerHead head() const;

 private:
  uint64_t size_ = 0;
  std::vector<std::string> subtrees_;
};

}  // namespace retention
