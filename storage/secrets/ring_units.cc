#include "storage/secrets/ring_units.h"

namespace retention {
namespace {

bool EntryYields(const RingEntry& one, const RingEntry& other) {
  if (one.kind == RingEntryKind::kNone) return other.kind != RingEntryKind::kNone;
  const bool of_the_same = one.kind == other.kind && one.name == other.name && one.until == other.until;
  if (!one.lives() || !of_the_same) return false;
  return other.is_gone || (other.block.has_value() && !one.block.has_value());
}

}  // namespace

bool RingUnit::IsWhole(ConstByteSpan bytes) const {
  switch (kind) {
    case Kind::kHead: {
      uint32_t version = 0;
      return ReadHead(bytes, version).has_value();
    }
    case Kind::kEntry:
      return ReadEntry(place, bytes).has_value();
    case Kind::kBlockHeader: {
      const auto header = ReadBlockHeader(place, bytes);
      return header.has_value() && header->page == number;
    }
    case Kind::kSlot:
      return ReadOwnerSlot({.block = place, .number = number}, bytes).has_value();
    case Kind::kFreshEntry:
    case Kind::kUnnamed:
      return true;
  }
  return false;
}

bool RingUnit::Yields(ConstByteSpan one, ConstByteSpan other) const {
  if (kind == Kind::kEntry || kind == Kind::kFreshEntry) {
    const auto entry = ReadEntry(place, one);
    const auto other_entry = ReadEntry(place, other);
    if (!entry.has_value() || !other_entry.has_value()) return other_entry.has_value();
    return EntryYields(*entry, *other_entry);
  }
  if (kind != Kind::kSlot) return false;
  // A slot goes one way: what is gone stays so in each block that its page is ever written to.
  return one[0] != other[0] && other[0] == static_cast<uint8_t>(OwnerState::kGone);
}

bool RingUnit::Lives(ConstByteSpan bytes) const {
  if (kind == Kind::kEntry || kind == Kind::kFreshEntry) {
    const auto entry = ReadEntry(place, bytes);
    return entry.has_value() && entry->lives();
  }
  if (kind != Kind::kSlot) return false;
  const auto slot = ReadOwnerSlot({.block = place, .number = number}, bytes);
  return slot.has_value() && (slot->state == OwnerState::kLive || slot->state == OwnerState::kRestricted);
}

std::vector<RingUnit> UnitsOfHead() { return {{.kind = RingUnit::Kind::kHead, .offset = 0, .size = kHeadBytes}}; }

std::vector<RingUnit> UnitsOfKeys(size_t bytes, uint32_t written) {
  std::vector<RingUnit> units;
  for (size_t slot = 0; (slot + 1) * kEntryBytes <= bytes; ++slot) {
    units.push_back({.kind = slot < written ? RingUnit::Kind::kEntry : RingUnit::Kind::kFreshEntry,
                     .offset = slot * kEntryBytes,
                     .size = kEntryBytes,
                     .place = slot});
  }
  return units;
}

std::vector<RingUnit> UnitsOfBlock(uint64_t block, std::optional<uint64_t> page) {
  if (!page.has_value()) return {{.kind = RingUnit::Kind::kUnnamed, .offset = 0, .size = kBlockBytes, .place = block}};
  std::vector<RingUnit> units;
  units.reserve(1 + kPageNumbers);
  units.push_back(
      {.kind = RingUnit::Kind::kBlockHeader, .offset = 0, .size = kBlockHeaderBytes, .place = block, .number = *page});
  for (size_t i = 0; i < kPageNumbers; ++i) {
    units.push_back({.kind = RingUnit::Kind::kSlot,
                     .offset = kBlockHeaderBytes + i * kOwnerSlotBytes,
                     .size = kOwnerSlotBytes,
                     .place = block,
                     .number = *page * kPageNumbers + i});
  }
  return units;
}

}  // namespace retention
