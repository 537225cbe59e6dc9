#include "storage/secrets/ring_units.h"

namespace retention {

std::vector<RingUnit> UnitsOfKeys(size_t bytes) {
  std::vector<RingUnit> units;
  const auto whole = [](ConstByteSpan unit) { return ReadEntry(unit).has_value(); };
  for (size_t at = 0; at + kEntryBytes <= bytes; at += kEntryBytes) units.push_back({at, kEntryBytes, whole});
  return units;
}

std::vector<RingUnit> UnitsOfBlock(std::optional<uint64_t> page) {
  std::vector<RingUnit> units;
  units.push_back(
      {0, kBlockHeaderBytes, [](ConstByteSpan unit) { return IsZero(unit) || ReadBlockHeader(unit).has_value(); }});
  for (size_t i = 0; i < kPageNumbers; ++i) {
    const auto whole = [number = page.value_or(0) * kPageNumbers + i](ConstByteSpan unit) {
      return ReadOwnerSlot(number, unit).has_value();
    };
    units.push_back({kBlockHeaderBytes + i * kOwnerSlotBytes, kOwnerSlotBytes, whole});
  }
  return units;
}

std::optional<uint64_t> PageOfBlock(std::span<const LockedBytes> replicas) {
  for (const LockedBytes& replica : replicas) {
    if (const auto header = ReadBlockHeader(replica.span())) return header->page;
  }
  return std::nullopt;
}

}  // namespace retention
