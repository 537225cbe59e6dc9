#include "storage/secrets/ring_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "storage/secrets/hmac.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kHeadMagic = "RETNRING";
constexpr std::string_view kBlockMagic = "PAGE";
constexpr std::string_view kOrdersLabel = "retention.v1 orders";
constexpr std::string_view kOwnerLabel = "retention.v1 owner";
constexpr size_t kEntryCheckBytes = 8;
constexpr size_t kEntrySecretAt = 16;
constexpr size_t kSlotCheckBytes = 7;
constexpr std::string_view kKeysLabel = "keys";
constexpr std::string_view kPagesLabel = "pages";
constexpr size_t kBlockCheckBytes = 16;
constexpr size_t kBlockHashAt = 16;   // of the slots as first written
constexpr size_t kBlockCheckAt = 48;  // of the header before it

using Digest = std::array<uint8_t, kSha256Bytes>;

template <typename T>
void PutNumber(T number, uint8_t* out) {
  for (size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<uint8_t>(number >> (8 * (sizeof(T) - 1 - i)));
}

template <typename T>
T TakeNumber(const uint8_t* in) {
  T number = 0;
  for (size_t i = 0; i < sizeof(T); ++i) number = static_cast<T>(number << 8 | in[i]);
  return number;
}

SecretKey TakeKey(const uint8_t* in) {
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  std::memcpy(bytes.data(), in, bytes.size());
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

bool Equal(ConstByteSpan a, ConstByteSpan b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

ConstByteSpan BytesOf(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// Puts fields behind each other, or takes them.
class Place {
 public:
  explicit Place(uint8_t* at) : at_(at) {}
  uint8_t* Next(size_t size) { return std::exchange(at_, at_ + size); }

 private:
  uint8_t* at_;
};
class ConstPlace {
 public:
  explicit ConstPlace(const uint8_t* at) : at_(at) {}
  const uint8_t* Next(size_t size) { return std::exchange(at_, at_ + size); }

 private:
  const uint8_t* at_;
};

// Checks are over the file and the place in it too, so that nothing passes where it was not written.
Digest EntryCheck(uint64_t slot, ConstByteSpan entry) {
  uint8_t place[8];
  PutNumber(slot, place);
  return Sha256({BytesOf(kKeysLabel), ConstByteSpan(place), entry.first(kEntryBytes - kEntryCheckBytes)});
}

// Of one block of the hash: there are many of them.
Digest SlotCheck(const SlotPlace& of, ConstByteSpan slot) {
  uint8_t place[16];
  PutNumber(of.block, place);
  PutNumber(of.number, place + 8);
  return Sha256({BytesOf(kPagesLabel), ConstByteSpan(place), slot.first(kOwnerSlotBytes - kSlotCheckBytes)});
}

Digest HeaderCheck(uint64_t block, ConstByteSpan header) {
  uint8_t place[8];
  PutNumber(block, place);
  return Sha256({BytesOf(kPagesLabel), ConstByteSpan(place), header.first(kBlockCheckAt)});
}

bool HasSecret(OwnerState state) { return state == OwnerState::kLive || state == OwnerState::kRestricted; }

Digest SlotsHash(ConstByteSpan block) { return Sha256({block.subspan(kBlockHeaderBytes)}); }

}  // namespace

bool IsZero(ConstByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

void WriteHead(const RingHead& head, ByteSpan out) {
  std::fill(out.begin(), out.end(), 0);
  Place at(out.data());
  std::memcpy(at.Next(kHeadMagic.size()), kHeadMagic.data(), kHeadMagic.size());
  PutNumber(kRingVersion, at.Next(4));
  PutNumber(head.generation, at.Next(8));
  std::memcpy(at.Next(head.identity.size()), head.identity.data(), head.identity.size());
  uint8_t* const above = at.Next(4);
  above[0] = head.is_wrapped ? 1 : 0;
  above[1] = static_cast<uint8_t>(head.root);
  PutNumber(head.epoch, at.Next(4));
  std::memcpy(at.Next(head.wrapping_check.size()), head.wrapping_check.data(), head.wrapping_check.size());
  PutNumber(static_cast<uint64_t>(head.root_changed_us), at.Next(8));
  PutNumber(head.root_generation, at.Next(8));
  PutNumber(head.root_destroyed_through.number(), at.Next(4));
  std::memcpy(at.Next(head.wrapped_keys.size()), head.wrapped_keys.data(), head.wrapped_keys.size());
  PutNumber(head.pages_reserved, at.Next(8));
  PutNumber(head.destroyed_through.number(), at.Next(4));
  PutNumber(head.cohorts_destroyed_through.number(), at.Next(4));
  PutNumber(head.entries_written, at.Next(4));
  PutNumber(static_cast<uint32_t>(head.unentered.size()), at.Next(4));
  for (const UnenteredDestruction& range : head.unentered) {
    PutNumber(range.from.number(), at.Next(4));
    PutNumber(range.to.number(), at.Next(4));
    PutNumber(static_cast<uint64_t>(range.instant_us), at.Next(8));
    PutNumber(range.generation, at.Next(8));
  }
  const Digest check = Sha256({out.first(kHeadBytes - kSha256Bytes)});
  std::memcpy(out.data() + kHeadBytes - kSha256Bytes, check.data(), kSha256Bytes);
}

std::optional<RingHead> ReadHead(ConstByteSpan bytes, uint32_t& version) {
  if (bytes.size() != kHeadBytes) return std::nullopt;
  if (!Equal(Sha256({bytes.first(kHeadBytes - kSha256Bytes)}), bytes.last(kSha256Bytes))) return std::nullopt;
  ConstPlace at(bytes.data());
  if (!Equal(bytes.first(kHeadMagic.size()), BytesOf(kHeadMagic))) return std::nullopt;
  at.Next(kHeadMagic.size());
  version = TakeNumber<uint32_t>(at.Next(4));
  if (version != kRingVersion) return std::nullopt;
  RingHead head;
  head.generation = TakeNumber<uint64_t>(at.Next(8));
  std::memcpy(head.identity.data(), at.Next(head.identity.size()), head.identity.size());
  const uint8_t* const above = at.Next(4);
  head.is_wrapped = above[0] != 0;
  head.root = static_cast<RootKind>(above[1]);
  head.epoch = TakeNumber<uint32_t>(at.Next(4));
  std::memcpy(head.wrapping_check.data(), at.Next(head.wrapping_check.size()), head.wrapping_check.size());
  head.root_changed_us = static_cast<int64_t>(TakeNumber<uint64_t>(at.Next(8)));
  head.root_generation = TakeNumber<uint64_t>(at.Next(8));
  head.root_destroyed_through = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
  std::memcpy(head.wrapped_keys.data(), at.Next(head.wrapped_keys.size()), head.wrapped_keys.size());
  head.pages_reserved = TakeNumber<uint64_t>(at.Next(8));
  head.destroyed_through = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
  head.cohorts_destroyed_through = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
  head.entries_written = TakeNumber<uint32_t>(at.Next(4));
  const uint32_t ranges = TakeNumber<uint32_t>(at.Next(4));
  if (ranges > kUnenteredMax) return std::nullopt;
  for (uint32_t i = 0; i < ranges; ++i) {
    UnenteredDestruction& range = head.unentered.emplace_back();
    range.from = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
    range.to = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
    range.instant_us = static_cast<int64_t>(TakeNumber<uint64_t>(at.Next(8)));
    range.generation = TakeNumber<uint64_t>(at.Next(8));
  }
  return head;
}

uint64_t NumberOf(const PbxId& pbx) { return TakeNumber<uint64_t>(pbx.bytes.data()); }

PbxId PbxOf(uint64_t name) {
  PbxId pbx;
  PutNumber(name, pbx.bytes.data());
  return pbx;
}

void WriteEntry(size_t slot, const RingEntry& entry, ByteSpan out) {
  std::fill(out.begin(), out.end(), 0);
  if (entry.kind != RingEntryKind::kNone) {
    Place at(out.data());
    uint8_t* const kind = at.Next(4);
    kind[0] = static_cast<uint8_t>(entry.kind);
    kind[1] = entry.is_gone ? 1 : 0;
    PutNumber(entry.until.number(), at.Next(4));
    PutNumber(entry.name, at.Next(8));
    if (entry.lives()) {
      std::memcpy(at.Next(SecretKey::kBytes), entry.secret.data(), SecretKey::kBytes);
      PutNumber(entry.epoch, at.Next(4));
      PutNumber(entry.block.has_value() ? *entry.block + 1 : 0, at.Next(4));
    }
  }
  const Digest check = EntryCheck(slot, out);
  std::memcpy(out.data() + kEntryBytes - kEntryCheckBytes, check.data(), kEntryCheckBytes);
}

std::optional<RingEntry> ReadEntry(size_t slot, ConstByteSpan bytes) {
  if (IsZero(bytes)) return std::nullopt;  // most often, and without a hash
  const Digest check = EntryCheck(slot, bytes);
  if (!Equal(ConstByteSpan(check).first(kEntryCheckBytes), bytes.last(kEntryCheckBytes))) return std::nullopt;
  ConstPlace at(bytes.data());
  RingEntry entry;
  const uint8_t* const kind = at.Next(4);
  entry.kind = static_cast<RingEntryKind>(kind[0]);
  entry.is_gone = kind[1] != 0;
  entry.until = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
  entry.name = TakeNumber<uint64_t>(at.Next(8));
  if (!entry.lives()) return entry;
  entry.secret = TakeKey(at.Next(SecretKey::kBytes));
  entry.epoch = TakeNumber<uint32_t>(at.Next(4));
  const uint32_t block = TakeNumber<uint32_t>(at.Next(4));
  if (block > 0) entry.block = block - 1;
  return entry;
}

SecretSeal::Name SealNameOf(const RingEntry& entry) {
  SecretSeal::Name name{};
  name[0] = static_cast<uint8_t>(entry.kind);
  // A page's seed and the key of its block are two.
  name[1] = entry.block.has_value() ? 1 : 0;
  PutNumber(entry.until.number(), name.data() + 4);
  PutNumber(entry.name, name.data() + 8);
  return name;
}

SecretSeal::Name SealNameOfOwner(uint64_t number) {
  SecretSeal::Name name{};
  PutNumber(number, name.data() + 8);
  return name;
}

SecretKey SecretOfEntry(ConstByteSpan bytes) { return TakeKey(bytes.data() + kEntrySecretAt); }

void WriteOwnerSlot(const SlotPlace& place, const OwnerSlot& slot, ByteSpan out) {
  std::fill(out.begin(), out.end(), 0);
  Place at(out.data());
  *at.Next(1) = static_cast<uint8_t>(slot.state);
  uint8_t* const secret = at.Next(SecretKey::kBytes);
  if (HasSecret(slot.state)) std::memcpy(secret, slot.secret.data(), SecretKey::kBytes);
  const Digest check = SlotCheck(place, out);
  std::memcpy(at.Next(kSlotCheckBytes), check.data(), kSlotCheckBytes);
}

std::optional<OwnerSlot> ReadOwnerSlot(const SlotPlace& place, ConstByteSpan bytes) {
  const uint8_t state = bytes[0];
  if (state < static_cast<uint8_t>(OwnerState::kLive) || state > static_cast<uint8_t>(OwnerState::kGone)) {
    return std::nullopt;
  }
  const Digest check = SlotCheck(place, bytes);
  if (!Equal(ConstByteSpan(check).first(kSlotCheckBytes), bytes.last(kSlotCheckBytes))) return std::nullopt;
  OwnerSlot slot{.state = static_cast<OwnerState>(state), .secret = {}};
  if (HasSecret(slot.state)) slot.secret = TakeKey(bytes.data() + 1);
  return slot;
}

void WriteBlockHeader(uint64_t place, const BlockHeader& header, ByteSpan block) {
  const ByteSpan out = block.first(kBlockHeaderBytes);
  std::fill(out.begin(), out.end(), 0);
  Place at(out.data());
  std::memcpy(at.Next(kBlockMagic.size()), kBlockMagic.data(), kBlockMagic.size());
  PutNumber(header.page, at.Next(8));
  PutNumber(header.until.number(), at.Next(4));
  const Digest hash = SlotsHash(block);
  std::memcpy(out.data() + kBlockHashAt, hash.data(), kSha256Bytes);
  const Digest check = HeaderCheck(place, out);
  std::memcpy(out.data() + kBlockCheckAt, check.data(), kBlockCheckBytes);
}

std::optional<BlockHeader> ReadBlockHeader(uint64_t place, ConstByteSpan block) {
  const ConstByteSpan bytes = block.first(kBlockHeaderBytes);
  if (!Equal(bytes.first(kBlockMagic.size()), BytesOf(kBlockMagic))) return std::nullopt;
  const Digest check = HeaderCheck(place, bytes);
  if (!Equal(ConstByteSpan(check).first(kBlockCheckBytes), bytes.subspan(kBlockCheckAt, kBlockCheckBytes))) {
    return std::nullopt;
  }
  ConstPlace at(bytes.data() + kBlockMagic.size());
  BlockHeader header;
  header.page = TakeNumber<uint64_t>(at.Next(8));
  header.until = DueDay::FromNumber(TakeNumber<uint32_t>(at.Next(4)));
  return header;
}

bool IsBlockAsFirstWritten(uint64_t place, ConstByteSpan block) {
  return ReadBlockHeader(place, block).has_value() &&
         Equal(SlotsHash(block), block.subspan(kBlockHashAt, kSha256Bytes));
}

SecretKey OwnerSecretOf(const HmacKey& seed, uint64_t number) {
  uint8_t name[8];
  PutNumber(number, name);
  return seed.Digest({kOwnerLabel, std::string_view(reinterpret_cast<const char*>(name), sizeof(name))});
}

SecretKey OrderKeyOf(const SecretKey& pbx_key) { return HmacSha256(pbx_key, {kOrdersLabel}); }

}  // namespace retention
