// What of a ring's files is whole or damaged by itself. Needs no key: checks are over what lies on the disk.
#ifndef RETENTION_STORAGE_SECRETS_RING_UNITS_H_
#define RETENTION_STORAGE_SECRETS_RING_UNITS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/secrets/ring_bytes.h"

namespace retention {

struct RingUnit {
  enum class Kind : uint8_t {
    kHead,
    kEntry,
    kFreshEntry,  // behind all that were ever written: whatever lies there is whole, and none of it is missed
    kBlockHeader,
    kSlot,
    kUnnamed,  // a block that no entry names: the same
  };
  Kind kind = Kind::kHead;
  uint64_t offset = 0;
  size_t size = 0;
  uint64_t place = 0;   // which entry or block
  uint64_t number = 0;  // of the page, or of the owner

  bool IsWhole(ConstByteSpan bytes) const;
  // Of two that are whole and not alike: whether `other` is the later, be it read from whichever replica. It is where
  // it says that what `one` holds was destroyed, or is a page that was opened since, or where nothing is in `one`.
  bool Yields(ConstByteSpan one, ConstByteSpan other) const;
  // Whether it is whole, and holds a secret.
  bool Lives(ConstByteSpan bytes) const;
};

// The unit of a head; of entries that lie behind each other, the first of the file first, of which so many were ever
// written.
std::vector<RingUnit> UnitsOfHead();
std::vector<RingUnit> UnitsOfKeys(size_t bytes, uint32_t written);
// Of a block, and the page that an entry says it is of.
std::vector<RingUnit> UnitsOfBlock(uint64_t block, std::optional<uint64_t> page);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_UNITS_H_
