// The tree over the ledger (RFC 6962, section 2.1, with SHA-256): the leaf of entry n is leaf n - 1 of it.
//
// Whoever keeps one root knows every entry below it: none can be changed, dropped or put in between unseen. Proofs say
// so to somebody who has only the root.
#ifndef RETENTION_SERVER_LEDGER_TREE_H_
#define RETENTION_SERVER_LEDGER_TREE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/ledger_chain.h"

namespace retention {

// Levels of the tree that one tile spans (C2SP tlog-tiles): a tile is 256 hashes.
inline constexpr unsigned kTileHeight = 8;
inline constexpr uint64_t kTileWidth = uint64_t{1} << kTileHeight;

std::string TreeLeafHash(std::string_view leaf);
std::string TreeNodeHash(std::string_view left, std::string_view right);
// The root of a tree without leaves.
std::string EmptyTreeHash();

// The right edge of a tree: the roots of the perfect subtrees that it consists of. With it a leaf is added, and the
// root had, without the leaves before. A value.
class TreeEdge {
 public:
  // Hears of each perfect subtree as it becomes whole: over 2^level leaves, the index-th of them.
  using OnSubtree = std::function<void(unsigned level, uint64_t index, const std::string& hash)>;

  TreeEdge() = default;
  // `subtrees`: of a tree of `size` leaves, the largest first. REQUIRES: one for each bit of `size`.
  TreeEdge(uint64_t size, std::vector<std::string> subtrees) : size_(size), subtrees_(std::move(subtrees)) {}

  void Add(std::string leaf_hash, const OnSubtree& on_subtree);
  std::string Root() const;
  uint64_t size() const { return size_; }

 private:
  uint64_t size_ = 0;
  std::vector<std::string> subtrees_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_TREE_H_
