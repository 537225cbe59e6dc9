// Checks proofs as RFC 9162, sections 2.1.3.2 and 2.1.4.2, says it: by walking up, where the server walks down.
#ifndef RETENTION_TESTS_LEDGER_TREE_VERIFYING_H_
#define RETENTION_TESTS_LEDGER_TREE_VERIFYING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/ledger/tree.h"

namespace retention {

inline bool InclusionHolds(uint64_t index, uint64_t size, std::string hash, const std::vector<std::string>& proof,
                           const std::string& root) {
  if (index >= size) return false;
  uint64_t node = index;
  uint64_t last = size - 1;
  for (const std::string& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = TreeNodeHash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = TreeNodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

inline bool ConsistencyHolds(uint64_t first, uint64_t second, std::vector<std::string> proof,
                             const std::string& first_root, const std::string& second_root) {
  if (first == 0 || first > second) return false;
  if (first == second) return proof.empty() && first_root == second_root;
  if ((first & (first - 1)) == 0) proof.insert(proof.begin(), first_root);
  if (proof.empty()) return false;
  uint64_t node = first - 1;
  uint64_t last = second - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  std::string from = proof.front();
  std::string to = proof.front();
  for (size_t i = 1; i < proof.size(); ++i) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      from = TreeNodeHash(proof[i], from);
      to = TreeNodeHash(proof[i], to);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      to = TreeNodeHash(to, proof[i]);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && from == first_root && to == second_root;
}

}  // namespace retention

#endif  // RETENTION_TESTS_LEDGER_TREE_VERIFYING_H_
