#include "storage/rocksdb/key_order.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace retention {
namespace {

// Enough of a key to tell nearly all apart: of a row of family `filed` all but the item and a few bytes of the owner.
constexpr size_t kHeadWords = 3;
using KeyHead = std::array<uint64_t, kHeadWords>;

// The first bytes as numbers that compare as they do; zeros where the key is shorter.
KeyHead HeadOf(std::string_view key) {
  KeyHead head{};
  for (size_t i = 0; i < std::min(key.size(), sizeof(KeyHead)); ++i) {
    head[i / sizeof(uint64_t)] |= static_cast<uint64_t>(static_cast<uint8_t>(key[i]))
                                  << (8 * (sizeof(uint64_t) - 1 - i % sizeof(uint64_t)));
  }
  return head;
}

// What is compared lies together: of a large batch, whose keys are spread over memory, hardly any is looked at again.
struct Placed {
  Family family;
  KeyHead head;
  const Batch::Change* change;
};

bool IsBefore(const Placed& a, const Placed& b) {
  if (a.family != b.family) return a.family < b.family;
  if (a.head != b.head) return a.head < b.head;
  const int order = a.change->key.compare(b.change->key);
  return order != 0 ? order < 0 : a.change < b.change;  // they lie in one vector
}

}  // namespace

std::vector<const Batch::Change*> InKeyOrder(const Batch& batch) {
  std::vector<Placed> placed;
  placed.reserve(batch.changes().size());
  bool ranges = false;
  for (const Batch::Change& change : batch.changes()) {
    placed.push_back({.family = change.family, .head = HeadOf(change.key), .change = &change});
    ranges |= change.verb == Batch::Verb::kDeleteRange;
  }
  if (!ranges) std::sort(placed.begin(), placed.end(), IsBefore);
  std::vector<const Batch::Change*> changes;
  changes.reserve(placed.size());
  for (const Placed& each : placed) changes.push_back(each.change);
  return changes;
}

}  // namespace retention
