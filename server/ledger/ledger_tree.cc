#include "server/ledger/ledger_tree.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ledger/leaf.h"
#include "storage/keys.h"

namespace retention {
namespace {

absl::Status Missing(std::string_view what, uint64_t number) {
  return absl::DataLossError(absl::StrCat("the ledger's ", absl::string_view(what.data(), what.size()), " ", number,
                                          " is missing or damaged"));
}

// Where a subtree of at least two leaves is cut: the largest power of two below its size.
uint64_t LeftPart(uint64_t leaves) { return std::bit_floor(leaves - 1); }

}  // namespace

void PutSubtree(unsigned level, uint64_t index, const std::string& hash, Batch& batch) {
  if (IsTileHash(level)) batch.Put(Family::kLedger, LedgerTileKey(TileLevel(level), index), hash);
}

absl::StatusOr<std::vector<std::string>> LedgerTree::Leaves(uint64_t first, uint64_t count) const {
  std::vector<std::string> leaves;
  leaves.reserve(count);
  auto cursor = store_.Scan(Family::kLedger, LedgerKey(first + 1), LedgerKey(first + count + 1));
  for (; cursor->Valid(); cursor->Next()) {
    const uint64_t sequence = first + leaves.size() + 1;
    auto row = ReadRow(cursor->value());
    if (!row.has_value() || cursor->key() != LedgerKey(sequence) || row->entry.sequence() != sequence) break;
    leaves.push_back(std::move(row->leaf));
  }
  if (!cursor->status().ok()) return cursor->status();
  if (leaves.size() != count) return Missing("entry", first + leaves.size() + 1);
  return leaves;
}

absl::StatusOr<std::vector<std::string>> LedgerTree::Hashes(unsigned tile_level, uint64_t first, uint64_t count) const {
  if (tile_level == 0) {
    auto leaves = Leaves(first, count);
    if (!leaves.ok()) return leaves.status();
    for (std::string& leaf : *leaves) leaf = TreeLeafHash(leaf);
    return leaves;
  }
  const auto level = static_cast<uint8_t>(tile_level);
  std::vector<std::string> hashes;
  hashes.reserve(count);
  auto cursor = store_.Scan(Family::kLedger, LedgerTileKey(level, first), LedgerTileKey(level, first + count));
  for (; cursor->Valid(); cursor->Next()) {
    if (cursor->key() != LedgerTileKey(level, first + hashes.size()) || cursor->value().size() != kLedgerHashBytes)
      break;
    hashes.emplace_back(cursor->value());
  }
  if (!cursor->status().ok()) return cursor->status();
  if (hashes.size() != count) return Missing("tile", first + hashes.size());
  return hashes;
}

absl::StatusOr<std::string> LedgerTree::RootOf(uint64_t begin, uint64_t end) const {
  const uint64_t leaves = end - begin;
  if (leaves == 0) return EmptyTreeHash();
  if (!std::has_single_bit(leaves)) {
    const uint64_t middle = begin + LeftPart(leaves);
    auto left = RootOf(begin, middle);
    if (!left.ok()) return left.status();
    auto right = RootOf(middle, end);
    if (!right.ok()) return right.status();
    return TreeNodeHash(*left, *right);
  }
  // A perfect subtree, from the hashes of the level of tiles below its root.
  const auto height = static_cast<unsigned>(std::countr_zero(leaves));
  const unsigned tile_level = height / kTileHeight;
  const unsigned below = tile_level * kTileHeight;
  auto hashes = Hashes(tile_level, begin >> below, leaves >> below);
  if (!hashes.ok()) return hashes.status();
  while (hashes->size() > 1) {
    for (size_t i = 0; i < hashes->size() / 2; ++i) (*hashes)[i] = TreeNodeHash((*hashes)[2 * i], (*hashes)[2 * i + 1]);
    hashes->resize(hashes->size() / 2);
  }
  return std::move(hashes->front());
}

absl::StatusOr<std::string> LedgerTree::Root() const { return RootOf(0, size_); }

absl::StatusOr<TreeEdge> LedgerTree::Edge() const {
  std::vector<std::string> subtrees;
  for (uint64_t begin = 0; begin < size_;) {
    const uint64_t end = begin + std::bit_floor(size_ - begin);
    auto root = RootOf(begin, end);
    if (!root.ok()) return root.status();
    subtrees.push_back(*std::move(root));
    begin = end;
  }
  return TreeEdge(size_, std::move(subtrees));
}

absl::StatusOr<std::vector<std::string>> LedgerTree::InclusionProof(uint64_t index) const {
  std::vector<std::string> proof;
  if (absl::Status status = AppendInclusion(index, 0, size_, proof); !status.ok()) return status;
  return proof;
}

// PATH of RFC 6962.
absl::Status LedgerTree::AppendInclusion(uint64_t index, uint64_t begin, uint64_t end,
                                         std::vector<std::string>& proof) const {
  if (end - begin <= 1) return absl::OkStatus();
  const uint64_t middle = begin + LeftPart(end - begin);
  const bool is_left = index < middle;
  const absl::Status below =
      is_left ? AppendInclusion(index, begin, middle, proof) : AppendInclusion(index, middle, end, proof);
  if (!below.ok()) return below;
  auto sibling = is_left ? RootOf(middle, end) : RootOf(begin, middle);
  if (!sibling.ok()) return sibling.status();
  proof.push_back(*std::move(sibling));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> LedgerTree::ConsistencyProof(uint64_t from) const {
  std::vector<std::string> proof;
  if (from == 0) return proof;  // every tree goes on from the empty one
  if (absl::Status status = AppendConsistency(from, 0, size_, true, proof); !status.ok()) return status;
  return proof;
}

// SUBPROOF of RFC 6962; `from` counts from the tree's first leaf.
absl::Status LedgerTree::AppendConsistency(uint64_t from, uint64_t begin, uint64_t end, bool whole,
                                           std::vector<std::string>& proof) const {
  const auto append_root = [&](uint64_t first, uint64_t last) -> absl::Status {
    auto root = RootOf(first, last);
    if (!root.ok()) return root.status();
    proof.push_back(*std::move(root));
    return absl::OkStatus();
  };
  if (from == end) return whole ? absl::OkStatus() : append_root(begin, end);
  const uint64_t middle = begin + LeftPart(end - begin);
  if (from <= middle) {
    if (absl::Status status = AppendConsistency(from, begin, middle, whole, proof); !status.ok()) return status;
    return append_root(middle, end);
  }
  if (absl::Status status = AppendConsistency(from, middle, end, false, proof); !status.ok()) return status;
  return append_root(begin, middle);
}

uint64_t LedgerTree::WidthOfTile(unsigned level, uint64_t index) const {
  const unsigned below = level * kTileHeight;
  if (below >= 64) return 0;
  const uint64_t hashes = size_ >> below;
  if (index > hashes / kTileWidth) return 0;
  return std::min(kTileWidth, hashes - index * kTileWidth);
}

absl::StatusOr<std::string> LedgerTree::Tile(unsigned level, uint64_t index, uint64_t width) const {
  const auto hashes = Hashes(level, index * kTileWidth, width);
  if (!hashes.ok()) return hashes.status();
  std::string tile;
  tile.reserve(width * kLedgerHashBytes);
  for (const std::string& hash : *hashes) tile.append(hash);
  return tile;
}

absl::StatusOr<std::string> LedgerTree::Bundle(uint64_t index, uint64_t width) const {
  const auto leaves = Leaves(index * kTileWidth, width);
  if (!leaves.ok()) return leaves.status();
  std::string bundle;
  for (const std::string& leaf : *leaves) {
    bundle.push_back(static_cast<char>(leaf.size() >> 8));
    bundle.push_back(static_cast<char>(leaf.size() & 0xFF));
    bundle.append(leaf);
  }
  return bundle;
}

}  // namespace retention
