// Reads the tree over the ledger from the store: hashes of tiles that are full lie there, all else follows from leaves.
#ifndef RETENTION_SERVER_LEDGER_LEDGER_TREE_H_
#define RETENTION_SERVER_LEDGER_LEDGER_TREE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/ledger/tree.h"
#include "storage/store.h"

namespace retention {

// Whether the root of a subtree over 2^level leaves is stored: it is a hash of a tile above the leaves; and of which
// level of tiles.
inline bool IsTileHash(unsigned level) { return level > 0 && level % kTileHeight == 0; }
inline uint8_t TileLevel(unsigned level) { return static_cast<uint8_t>(level / kTileHeight); }
// Stores it if it is.
void PutSubtree(unsigned level, uint64_t index, const std::string& hash, Batch& batch);

// The tree of the first `size` entries. A call reads at most 256 rows for each level of tiles that it needs: three for
// ten million entries. REQUIRES: the view outlives it, and has as many entries.
//
// Errors: DATA_LOSS if a row is missing or damaged.
class LedgerTree {
 public:
  LedgerTree(const StoreView& store, uint64_t size) : store_(store), size_(size) {}

  uint64_t size() const { return size_; }
  absl::StatusOr<std::string> Root() const;
  absl::StatusOr<TreeEdge> Edge() const;
  // That leaf `index` is in it: hashes from the leaf's sibling up (RFC 6962, section 2.1.1). REQUIRES: index < size.
  absl::StatusOr<std::vector<std::string>> InclusionProof(uint64_t index) const;
  // That it goes on from the tree of the first `from` leaves (section 2.1.2). REQUIRES: from <= size.
  absl::StatusOr<std::vector<std::string>> ConsistencyProof(uint64_t from) const;

  // How wide a tile, or a bundle of entries (level 0), is in it; 0 if it has none. (C2SP tlog-tiles)
  uint64_t WidthOfTile(unsigned level, uint64_t index) const;
  // The first `width` hashes of a tile, one after the other. REQUIRES: 0 < width <= WidthOfTile.
  absl::StatusOr<std::string> Tile(unsigned level, uint64_t index, uint64_t width) const;
  // The leaves under a tile of level 0, each after its length in two bytes, the higher first. REQUIRES: the same.
  absl::StatusOr<std::string> Bundle(uint64_t index, uint64_t width) const;

 private:
  // `count` hashes from `first` on of a level of tiles.
  absl::StatusOr<std::vector<std::string>> Hashes(unsigned tile_level, uint64_t first, uint64_t count) const;
  absl::StatusOr<std::vector<std::string>> Leaves(uint64_t first, uint64_t count) const;
  // The root over the leaves of [begin, end). REQUIRES: they are a subtree of it, whole or at its right edge.
  absl::StatusOr<std::string> RootOf(uint64_t begin, uint64_t end) const;
  absl::Status AppendInclusion(uint64_t index, uint64_t begin, uint64_t end, std::vector<std::string>& proof) const;
  // `whole`: the subtree of the earlier tree is one that its root is known of.
  absl::Status AppendConsistency(uint64_t from, uint64_t begin, uint64_t end, bool whole,
                                 std::vector<std::string>& proof) const;

  const StoreView& store_;
  const uint64_t size_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LEDGER_TREE_H_
