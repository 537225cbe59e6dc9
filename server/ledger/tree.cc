#include "server/ledger/tree.h"

#include <initializer_list>
#include <span>
#include <utility>

#include "storage/secrets/hmac.h"

namespace retention {
namespace {

// Before what is hashed, so that no node can pass for a leaf (RFC 6962, section 2.1).
constexpr char kLeafPrefix = 0;
constexpr char kNodePrefix = 1;

std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string Hash(std::initializer_list<std::span<const uint8_t>> parts) {
  const auto digest = Sha256(parts);
  return {digest.begin(), digest.end()};
}

}  // namespace

std::string TreeLeafHash(std::string_view leaf) { return Hash({BytesOf({&kLeafPrefix, 1}), BytesOf(leaf)}); }

std::string TreeNodeHash(std::string_view left, std::string_view right) {
  return Hash({BytesOf({&kNodePrefix, 1}), BytesOf(left), BytesOf(right)});
}

std::string EmptyTreeHash() { return Hash({}); }

void TreeEdge::Add(std::string leaf_hash, const OnSubtree& on_subtree) {
  std::string hash = std::move(leaf_hash);
  unsigned level = 0;
  on_subtree(level, size_, hash);
  // A bit that is set is a subtree to the left, of the size of the one that has become whole.
  for (; (size_ >> level & 1) != 0; ++level) {
    hash = TreeNodeHash(subtrees_.back(), hash);
    subtrees_.pop_back();
    on_subtree(level + 1, size_ >> (level + 1), hash);
  }
  subtrees_.push_back(std::move(hash));
  ++size_;
}

std::string TreeEdge::Root() const {
  if (subtrees_.empty()) return EmptyTreeHash();
  std::string root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i > 0; --i) root = TreeNodeHash(subtrees_[i - 1], root);
  return root;
}

}  // namespace retention
