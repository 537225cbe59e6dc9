#include "client/ledger/ledger_proofs.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

constexpr char kProofHeader[] = "c2sp.org/tlog-proof@v1";
constexpr char kExtra[] = "extra ";
constexpr char kIndex[] = "index ";

// A node on the way up from a leaf, and the last node of its level.
struct Climb {
  uint64_t node;
  uint64_t last;

  // Whether what is beside it is to the left.
  bool IsRight() const { return (node & 1) != 0 || node == last; }
  void Up() {
    node >>= 1;
    last >>= 1;
  }
  // Past levels in which it has no sibling.
  void UpAlone() {
    while ((node & 1) == 0 && node != 0) Up();
  }
};

}  // namespace

std::string HashOfLeaf(const std::string& leaf) { return Sha256Of(std::string(1, '\0') + leaf); }
std::string HashOfNodes(const std::string& left, const std::string& right) {
  return Sha256Of(absl::StrCat("\x01", left, right));
}

absl::Status VerifyInclusion(uint64_t index, std::string leaf_hash, const std::vector<std::string>& proof,
                             const LedgerHead& head) {
  const absl::Status wrong = absl::DataLossError(
      absl::StrCat("entry ", index + 1, " is not shown to be in the ledger of ", head.size, " entries"));
  if (index >= head.size) return wrong;
  Climb climb{.node = index, .last = head.size - 1};
  for (const std::string& sibling : proof) {
    if (climb.last == 0) return wrong;
    if (climb.IsRight()) {
      leaf_hash = HashOfNodes(sibling, leaf_hash);
      climb.UpAlone();
    } else {
      leaf_hash = HashOfNodes(leaf_hash, sibling);
    }
    climb.Up();
  }
  return climb.last == 0 && leaf_hash == head.root ? absl::OkStatus() : wrong;
}

absl::Status VerifyConsistency(const LedgerHead& first, const LedgerHead& second,
                               const std::vector<std::string>& proof) {
  const absl::Status wrong =
      absl::DataLossError(absl::StrCat("the ledger of ", second.size, " entries does not go on from the one of ",
                                       first.size, ": one of them was forged"));
  if (first.size > second.size) return wrong;
  if (first.size == second.size) return first.root == second.root ? absl::OkStatus() : wrong;
  if (first.size == 0) return absl::OkStatus();
  std::vector<std::string> path;
  if ((first.size & (first.size - 1)) == 0) path.push_back(first.root);  // a whole subtree: it is known
  path.insert(path.end(), proof.begin(), proof.end());
  if (path.empty()) return wrong;
  Climb climb{.node = first.size - 1, .last = second.size - 1};
  while ((climb.node & 1) != 0) climb.Up();
  std::string from = path.front();
  std::string to = path.front();
  for (size_t i = 1; i < path.size(); ++i) {
    if (climb.last == 0) return wrong;
    if (climb.IsRight()) {
      from = HashOfNodes(path[i], from);
      to = HashOfNodes(path[i], to);
      climb.UpAlone();
    } else {
      to = HashOfNodes(to, path[i]);
    }
    climb.Up();
  }
  return climb.last == 0 && from == first.root && to == second.root ? absl::OkStatus() : wrong;
}

absl::StatusOr<EntryProof> VerifyEntryProof(const std::string& text, const LedgerKey& key) {
  const absl::Status malformed = absl::DataLossError("the file is no proof of an entry (c2sp.org/tlog-proof)");
  const size_t end = text.find("\n\n");
  if (end == std::string::npos) return malformed;
  const std::vector<std::string> lines = absl::StrSplit(text.substr(0, end), '\n');
  if (lines.size() < 3 || lines[0] != kProofHeader || !absl::StartsWith(lines[1], kExtra) ||
      !absl::StartsWith(lines[2], kIndex)) {
    return malformed;
  }
  EntryProof proof;
  auto leaf = DecodeBase64(lines[1].substr(sizeof(kExtra) - 1));
  const std::string index = lines[2].substr(sizeof(kIndex) - 1);
  if (!leaf.ok() || !absl::SimpleAtoi(index, &proof.index) || absl::StrCat(proof.index) != index) return malformed;
  proof.leaf = *std::move(leaf);
  for (size_t i = 3; i < lines.size(); ++i) {
    auto hash = DecodeBase64(lines[i]);
    if (!hash.ok() || hash->size() != kHashBytes) return malformed;
    proof.hashes.push_back(*std::move(hash));
  }
  proof.checkpoint = text.substr(end + 2);
  auto head = VerifyCheckpoint(proof.checkpoint, key);
  if (!head.ok()) return head.status();
  proof.head = *std::move(head);
  const absl::Status status = VerifyInclusion(proof.index, HashOfLeaf(proof.leaf), proof.hashes, proof.head);
  if (!status.ok()) return status;
  return proof;
}

void GrowingTree::Add(std::string leaf_hash) {
  for (uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    leaf_hash = HashOfNodes(subtrees_.back(), leaf_hash);
    subtrees_.pop_back();
  }
  subtrees_.push_back(std::move(leaf_hash));
  ++size_;
}

LedgerHead GrowingTree::head() const {
  if (subtrees_.empty()) return {.size = 0, .root = Sha256Of("")};
  std::string root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i > 0; --i) root = HashOfNodes(subtrees_[i - 1], root);
  return {.size = size_, .root = std::move(root)};
}

}  // namespace retention
