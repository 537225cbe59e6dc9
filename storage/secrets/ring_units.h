// What of a ring's files is whole or damaged by itself. Needs no key: checks are over what lies on the disk.
#ifndef RETENTION_STORAGE_SECRETS_RING_UNITS_H_
#define RETENTION_STORAGE_SECRETS_RING_UNITS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "storage/secrets/locked_bytes.h"
#include "storage/secrets/ring_bytes.h"

namespace retention {

struct RingUnit {
  uint64_t offset = 0;
  size_t size = 0;
  std::function<bool(ConstByteSpan)> whole;
};

// Of entries that lie behind each other.
std::vector<RingUnit> UnitsOfKeys(size_t bytes);
// Of a block whose header, in one of the replicas, says which page it is.
std::vector<RingUnit> UnitsOfBlock(std::optional<uint64_t> page);
// The page of a block, as the first replica says whose header is whole.
std::optional<uint64_t> PageOfBlock(std::span<const LockedBytes> replicas);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_UNITS_H_
