#include "server/ledger/ledger_tree.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/ledger/tree_verifying.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

void Append(Store& store, uint64_t entries) {
  auto ledger = Ledger::Open(store);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  Batch batch;
  for (uint64_t i = 0; i < entries; ++i) {
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_PURGED);
    ledger->Append(entry, absl::FromUnixSeconds(static_cast<int64_t>(i)), batch);
  }
  ASSERT_TRUE(store.Commit(batch).ok());
}

std::vector<std::string> LeafHashes(const StoreView& store) {
  std::vector<std::string> hashes;
  for (uint64_t sequence = 1;; ++sequence) {
    const auto row = LedgerRowAt(store, sequence);
    EXPECT_TRUE(row.ok());
    if (!row.ok() || !row->has_value()) return hashes;
    hashes.push_back(TreeLeafHash((*row)->leaf));
  }
}

// MTH of RFC 6962, as it stands there.
std::string NaiveRoot(const std::vector<std::string>& leaves, size_t begin, size_t end) {
  if (begin == end) return EmptyTreeHash();
  if (end - begin == 1) return leaves[begin];
  size_t left = 1;
  while (left * 2 < end - begin) left *= 2;
  return TreeNodeHash(NaiveRoot(leaves, begin, begin + left), NaiveRoot(leaves, begin + left, end));
}

// Of Certificate Transparency's own tests of its trees.
TEST(Tree, HasTheRootsOfCertificateTransparency) {
  const std::vector<std::string> leaves = {"",
                                           std::string(1, '\0'),
                                           "\x10",
                                           "\x20\x21",
                                           "\x30\x31",
                                           "\x40\x41\x42\x43",
                                           "\x50\x51\x52\x53\x54\x55\x56\x57",
                                           "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
  const std::vector<std::string> roots = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                          "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                          "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                          "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                          "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                          "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                          "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  TreeEdge edge;
  EXPECT_EQ(absl::BytesToHexString(edge.Root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (size_t i = 0; i < leaves.size(); ++i) {
    edge.Add(TreeLeafHash(leaves[i]), [](unsigned, uint64_t, const std::string&) {});
    EXPECT_EQ(absl::BytesToHexString(edge.Root()), roots[i]) << i;
  }
}

TEST(LedgerTree, IsThatOfItsLeavesAtEverySize) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  // Reopened now and then, at edges of tiles too.
  for (const uint64_t more : {1, 253, 2, 3, 250, 1, 300}) Append(harness.store(), more);
  const std::vector<std::string> leaves = LeafHashes(harness.store());
  ASSERT_GT(leaves.size(), 800u);
  for (uint64_t size = 0; size <= leaves.size(); ++size) {
    const auto root = LedgerTree(harness.store(), size).Root();
    ASSERT_TRUE(root.ok()) << root.status();
    ASSERT_EQ(*root, NaiveRoot(leaves, 0, size)) << size;
    const auto edge = LedgerTree(harness.store(), size).Edge();
    ASSERT_TRUE(edge.ok());
    ASSERT_EQ(edge->Root(), *root) << size;
  }
}

TEST(LedgerTree, ProvesWhatIsInIt) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  Append(harness.store(), 600);
  const std::vector<std::string> leaves = LeafHashes(harness.store());
  for (const uint64_t size : {uint64_t{1}, uint64_t{2}, uint64_t{7}, uint64_t{255}, uint64_t{256}, uint64_t{257},
                              uint64_t{513}, uint64_t{600}}) {
    const LedgerTree tree(harness.store(), size);
    const std::string root = *tree.Root();
    for (uint64_t index = 0; index < size; index += 1 + index / 7) {
      auto proof = tree.InclusionProof(index);
      ASSERT_TRUE(proof.ok());
      EXPECT_TRUE(InclusionHolds(index, size, leaves[index], *proof, root)) << index << " of " << size;
      EXPECT_FALSE(InclusionHolds(index, size, TreeLeafHash("another"), *proof, root));
      for (std::string& hash : *proof) {
        hash[5] ^= 1;
        EXPECT_FALSE(InclusionHolds(index, size, leaves[index], *proof, root));
        hash[5] ^= 1;
      }
    }
  }
}

TEST(LedgerTree, ProvesThatItOnlyGrew) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  Append(harness.store(), 600);
  for (const uint64_t size : {uint64_t{1}, uint64_t{6}, uint64_t{8}, uint64_t{256}, uint64_t{515}, uint64_t{600}}) {
    const LedgerTree tree(harness.store(), size);
    const std::string root = *tree.Root();
    for (uint64_t from = 1; from <= size; from += 1 + from / 9) {
      const std::string before = *LedgerTree(harness.store(), from).Root();
      auto proof = tree.ConsistencyProof(from);
      ASSERT_TRUE(proof.ok());
      EXPECT_TRUE(ConsistencyHolds(from, size, *proof, before, root)) << from << " to " << size;
      EXPECT_FALSE(ConsistencyHolds(from, size, *proof, TreeLeafHash("another"), root));
      for (std::string& hash : *proof) {
        hash[31] ^= 1;
        EXPECT_FALSE(ConsistencyHolds(from, size, *proof, before, root));
        hash[31] ^= 1;
      }
    }
  }
}

// C2SP tlog-tiles: "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of
// width 112, one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1".
TEST(LedgerTree, HasTheTilesThatItsSizeSays) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  const LedgerTree large(harness.store(), 70'000);
  EXPECT_EQ(large.WidthOfTile(0, 272), 256u);
  EXPECT_EQ(large.WidthOfTile(0, 273), 112u);
  EXPECT_EQ(large.WidthOfTile(0, 274), 0u);
  EXPECT_EQ(large.WidthOfTile(1, 0), 256u);
  EXPECT_EQ(large.WidthOfTile(1, 1), 17u);
  EXPECT_EQ(large.WidthOfTile(2, 0), 1u);
  EXPECT_EQ(large.WidthOfTile(3, 0), 0u);
  EXPECT_EQ(large.WidthOfTile(63, 0), 0u);
  EXPECT_EQ(LedgerTree(harness.store(), 256).WidthOfTile(1, 0), 1u);
  Append(harness.store(), 600);
  const std::vector<std::string> leaves = LeafHashes(harness.store());
  const LedgerTree tree(harness.store(), leaves.size());
  EXPECT_EQ(*tree.Tile(0, 1, 3), leaves[256] + leaves[257] + leaves[258]);
  EXPECT_EQ(*tree.Tile(1, 0, 2), NaiveRoot(leaves, 0, 256) + NaiveRoot(leaves, 256, 512));
  const auto bundle = tree.Bundle(2, 1);
  ASSERT_TRUE(bundle.ok());
  ASSERT_EQ(bundle->size(), 2u + (static_cast<uint8_t>((*bundle)[0]) << 8) + static_cast<uint8_t>((*bundle)[1]));
  EXPECT_EQ(TreeLeafHash(bundle->substr(2)), leaves[512]);
}

TEST(LedgerTree, AChangedOrMissingTileIsNoticed) {
  Harness harness(At("2026-03-02T10:00:00+01:00"));
  Append(harness.store(), 600);
  ASSERT_TRUE(VerifyLedger(harness.store(), [](const LedgerEntry&) {}).ok());
  auto& store = harness.store();
  std::string tile = **store.Get(Family::kLedger, LedgerTileKey(1, 1));
  tile[0] ^= 1;
  Batch changed;
  changed.Put(Family::kLedger, LedgerTileKey(1, 1), tile);
  ASSERT_TRUE(store.Commit(changed).ok());
  const absl::Status status = VerifyLedger(store, [](const LedgerEntry&) {});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("entry 512"), absl::string_view::npos) << status;
  Batch deleted;
  deleted.Delete(Family::kLedger, LedgerTileKey(1, 1));
  ASSERT_TRUE(store.Commit(deleted).ok());
  EXPECT_EQ(VerifyLedger(store, [](const LedgerEntry&) {}).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(LedgerTree(store, 600).Root().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Ledger::Open(store).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace retention
