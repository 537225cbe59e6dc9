// What is forged is noticed, and said where: every byte of proofs, checkpoints and archives.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "tests/client/ledger/test_ledger.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

std::string ProofText(const TestLedger& ledger, uint64_t index, uint64_t size, const std::string& leaf) {
  std::string text = absl::StrCat("c2sp.org/tlog-proof@v1\nextra ", absl::Base64Escape(leaf), "\nindex ", index, "\n");
  for (const std::string& hash : ledger.Inclusion(index, size)) absl::StrAppend(&text, absl::Base64Escape(hash), "\n");
  return absl::StrCat(text, "\n", ledger.Checkpoint(size));
}

TEST(LedgerProofs, HoldForEveryEntryOfEverySize) {
  TestLedger ledger(20);
  for (uint64_t size = 1; size <= 20; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const std::string leaf = HashOfLeaf(ledger.leaves()[index]);
      const auto proof = ledger.Inclusion(index, size);
      EXPECT_TRUE(VerifyInclusion(index, leaf, proof, ledger.Head(size)).ok()) << index << " of " << size;
      EXPECT_FALSE(VerifyInclusion(index, HashOfLeaf("another"), proof, ledger.Head(size)).ok());
      EXPECT_FALSE(VerifyInclusion((index + 1) % (size + 1), leaf, proof, ledger.Head(size)).ok());
      auto longer = proof;
      longer.push_back(leaf);
      EXPECT_FALSE(VerifyInclusion(index, leaf, longer, ledger.Head(size)).ok());
    }
    for (uint64_t first = 0; first <= size; ++first) {
      auto proof = first == 0 ? std::vector<std::string>() : ledger.Consistency(first, size);
      EXPECT_TRUE(VerifyConsistency(ledger.Head(first), ledger.Head(size), proof).ok()) << first << " to " << size;
      if (first == 0) continue;
      LedgerHead forged = ledger.Head(first);
      forged.root[0] ^= 1;
      EXPECT_FALSE(VerifyConsistency(forged, ledger.Head(size), proof).ok()) << first << " to " << size;
      for (std::string& hash : proof) {
        hash[7] ^= 1;
        EXPECT_FALSE(VerifyConsistency(ledger.Head(first), ledger.Head(size), proof).ok());
        hash[7] ^= 1;
      }
    }
    EXPECT_FALSE(VerifyConsistency(ledger.Head(size), ledger.Head(size - 1), {}).ok());
  }
}

TEST(LedgerProofs, AnyByteOfAProofCounts) {
  TestLedger ledger(11);
  const std::string text = ProofText(ledger, 6, 11, ledger.leaves()[6]);
  const auto proof = VerifyEntryProof(text, TestLedger::Key());
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->leaf, "entry 7");
  for (size_t i = 0; i < text.size(); ++i) {
    std::string forged = text;
    forged[i] ^= 1;
    EXPECT_EQ(VerifyEntryProof(forged, TestLedger::Key()).status().code(), absl::StatusCode::kDataLoss) << i;
  }
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(VerifyEntryProof(text.substr(0, size), TestLedger::Key()).ok()) << size;
  }
}

TEST(LedgerKeys, AreTakenInOneFormAlone) {
  const std::string text = TestLedger::KeyText();
  EXPECT_TRUE(ParseLedgerKey(text).ok());
  for (const std::string& bad : {std::string(), text + "A", "x" + text, text.substr(1), std::string("a+b+c")}) {
    EXPECT_EQ(ParseLedgerKey(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TilePaths, AreThoseOfTheStandard) {
  EXPECT_EQ((TilePart{.level = 2, .index = 1234067}).Path(), "tile/2/x001/x234/067");
  EXPECT_EQ((TilePart{.entries = true, .index = 273, .width = 112}).Path(), "tile/entries/273.p/112");
  EXPECT_EQ((TilePart{.index = 0}).Path(), "tile/0/000");
  EXPECT_EQ((TilePart{.index = 1000}).Path(), "tile/0/x001/000");
}

class ArchivedLedger : public ::testing::TestWithParam<uint64_t> {
 protected:
  absl::Status Verify() { return VerifyArchive(directory_.path(), TestLedger::Key()).status(); }
  std::vector<std::string> Files() {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), directory_.path()));
    }
    return files;
  }

  const FreshDirectory directory_;
};

TEST_P(ArchivedLedger, IsVerifiedToItsLastByte) {
  TestLedger(GetParam()).Archive(directory_.path());
  ASSERT_TRUE(Verify().ok()) << Verify();
  for (const std::string& file : Files()) {
    const std::string bytes = *ReadArchived(directory_.path(), file);
    const size_t step = 1 + bytes.size() / 40;
    for (size_t i = 0; i < bytes.size(); i += step) {
      std::string forged = bytes;
      forged[i] ^= 1;
      ASSERT_TRUE(WriteArchived(directory_.path(), file, forged).ok());
      const absl::Status status = Verify();
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << file << " at " << i;
      // Of two files that do not fit each other both are named.
      EXPECT_TRUE(absl::StrContains(status.message(), file)) << status;
    }
    ASSERT_TRUE(WriteArchived(directory_.path(), file, bytes.substr(0, bytes.size() - 1)).ok());
    EXPECT_FALSE(Verify().ok()) << file;
    fs::remove(directory_.path() / file);
    EXPECT_TRUE(absl::StrContains(Verify().message(), file)) << Verify();
    ASSERT_TRUE(WriteArchived(directory_.path(), file, bytes).ok());
  }
  EXPECT_TRUE(Verify().ok());
}

TEST_P(ArchivedLedger, DroppedOrSwappedEntriesAreNoticed) {
  TestLedger(GetParam()).Archive(directory_.path());
  const std::string checkpoint = *ReadArchived(directory_.path(), "checkpoint");
  TestLedger swapped(GetParam());
  std::swap(swapped.leaves()[0], swapped.leaves()[2]);
  swapped.Archive(directory_.path());
  ASSERT_TRUE(WriteArchived(directory_.path(), "checkpoint", checkpoint).ok());
  EXPECT_EQ(Verify().code(), absl::StatusCode::kDataLoss);
  TestLedger dropped(GetParam());
  dropped.leaves().erase(dropped.leaves().begin() + 1);
  dropped.leaves().push_back("another at the end");
  dropped.Archive(directory_.path());
  ASSERT_TRUE(WriteArchived(directory_.path(), "checkpoint", checkpoint).ok());
  EXPECT_EQ(Verify().code(), absl::StatusCode::kDataLoss);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ArchivedLedger, ::testing::Values(3, 256, 520));

}  // namespace
}  // namespace retention
