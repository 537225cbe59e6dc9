// The bytes of the ring's files: heads, entries, opened pages. See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_RING_BYTES_H_
#define RETENTION_STORAGE_SECRETS_RING_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/secrets/hmac.h"
#include "storage/secrets/locked_bytes.h"
#include "storage/secrets/root_key.h"
#include "storage/secrets/secret_key.h"
#include "storage/secrets/secret_seal.h"
#include "storage/secrets/wrapping.h"

namespace retention {

using ByteSpan = std::span<uint8_t>;
using ConstByteSpan = std::span<const uint8_t>;

// A destruction of days that the store's ledger does not tell of yet.
struct UnenteredDestruction {
  DueDay from;
  DueDay to;
  int64_t instant_us = 0;  // when; microseconds since 1970
  uint64_t generation = 0;

  friend bool operator==(const UnenteredDestruction&, const UnenteredDestruction&) = default;
};
// Beyond that the last one grows.
inline constexpr size_t kUnenteredMax = 64;

// What a ring is, but for its entries.
struct RingHead {
  uint64_t generation = 0;
  std::array<uint8_t, 16> identity{};
  // What stands above the ring, and the how manieth root it is. Entries of another epoch are left from a change.
  bool is_wrapped = false;
  RootKind root = RootKind::kNone;
  uint32_t epoch = 1;
  WrappingCheck wrapping_check{};
  // The last change of the root: when, in microseconds since 1970; the generation that it came with, and what had been
  // destroyed by then.
  int64_t root_changed_us = 0;
  uint64_t root_generation = 0;
  DueDay root_destroyed_through;
  WrappedKeys wrapped_keys{};
  HeadKeys keys;                // does not lie on the disk
  uint64_t pages_reserved = 0;  // no page from this number on has ever been
  // Entries of `keys` that were ever written: each of them has its check, and one without is damaged; what lies behind
  // them is nothing.
  uint32_t entries_written = 0;
  DueDay destroyed_through;
  DueDay cohorts_destroyed_through;
  std::vector<UnenteredDestruction> unentered;
};
inline constexpr size_t kHeadBytes = 4096;  // of one of the two places of a head
// REQUIRES: `out` has kHeadBytes; no more than kUnenteredMax destructions.
void WriteHead(const RingHead& head, ByteSpan out);
// nullopt unless it is whole. `version`, if it is there, tells which version it is of; only kRingVersion is read.
std::optional<RingHead> ReadHead(ConstByteSpan bytes, uint32_t& version);
inline constexpr uint32_t kRingVersion = 5;

// A key with a name. Do not change the numbers.
enum class RingEntryKind : uint8_t {
  kNone = 0,
  kDay = 1,        // name: the due day
  kCohort = 2,     // its last day
  kPbx = 3,        // the PBX
  kPbxOrders = 4,  // the PBX
  kPage = 5,       // of owners' numbers: the seed of its secrets; of an opened one, the key of its block
  // What is left of a destroyed day, for holds: the key of a PBX's rows that need no key of it, its own, its order key.
  // Name: the PBX; until: the day.
  kRescueNotNeeded = 6,
  kRescueNeeded = 7,
  kRescueForOrders = 8,
  // For destructions that cannot ask the store; no secrets. kDueRules: the name of a time zone in the place of its
  // secret; until: open while nothing may be destroyed. kHeldPbx: name: the PBX; until: the last day of its holds.
  kDueRules = 9,
  kHeldPbx = 10,
  kNames = 11,  // number of the key; until: the day on which it was made
  kLoss = 12,   // no secret: something was damaged in all replicas, and is lost; no ledger tells of it yet
};
struct RingEntry {
  RingEntryKind kind = RingEntryKind::kNone;
  bool is_gone = false;  // a tombstone: what it names was destroyed, and has neither secret nor block
  DueDay until;          // of pages: none of what they seal is filed under a later day; else as its kind says
  uint64_t name = 0;
  SecretKey secret;               // sealed where it lies on a disk
  std::optional<uint32_t> block;  // of an opened page
  uint32_t epoch = 0;             // the head's when it was written

  bool lives() const { return kind != RingEntryKind::kNone && !is_gone; }
};
// A PBX as a name.
uint64_t NumberOf(const PbxId& pbx);
PbxId PbxOf(uint64_t name);
inline constexpr size_t kEntryBytes = 64;
// What its secret is sealed as.
SecretSeal::Name SealNameOf(const RingEntry& entry);
// `slot`: which entry of `keys` it is. One of kind kNone says that nothing is there.
void WriteEntry(size_t slot, const RingEntry& entry, ByteSpan out);
// nullopt if it is damaged, or was never written: zeros are no entry, and one of another slot is none here.
std::optional<RingEntry> ReadEntry(size_t slot, ConstByteSpan bytes);

// REQUIRES: it is whole, and lives.
SecretKey SecretOfEntry(ConstByteSpan bytes);

// A page of owners that was opened: each has its secret in a place of its own, or has been erased.
inline constexpr size_t kPageNumbers = 256;
enum class OwnerState : uint8_t {
  kLive = 1,
  kRestricted = 2,  // GDPR article 18: to be shown to nobody but who handles rights
  kLost = 3,        // it was damaged in all replicas; no secret
  kGone = 4,        // it was destroyed; no secret
};
struct OwnerSlot {
  OwnerState state = OwnerState::kGone;
  SecretKey secret;
};
inline constexpr size_t kOwnerSlotBytes = 40;
SecretSeal::Name SealNameOfOwner(uint64_t number);
// Which slot it is: of an owner, in a block of `pages`.
struct SlotPlace {
  uint64_t block = 0;
  uint64_t number = 0;
};
void WriteOwnerSlot(const SlotPlace& place, const OwnerSlot& slot, ByteSpan out);
// nullopt if it is damaged: zeros are, and so is one of another place.
std::optional<OwnerSlot> ReadOwnerSlot(const SlotPlace& place, ConstByteSpan bytes);

inline constexpr size_t kBlockHeaderBytes = 64;
inline constexpr size_t kBlockBytes = kBlockHeaderBytes + kPageNumbers * kOwnerSlotBytes;
struct BlockHeader {
  uint64_t page = 0;
  DueDay until;
};
// Fills the header of block `place`, whose slots stand in it already as they are first written.
void WriteBlockHeader(uint64_t place, const BlockHeader& header, ByteSpan block);
// nullopt unless the header is whole.
std::optional<BlockHeader> ReadBlockHeader(uint64_t place, ConstByteSpan block);
// Whether all slots are as they were first written.
bool IsBlockAsFirstWritten(uint64_t place, ConstByteSpan block);

bool IsZero(ConstByteSpan bytes);

// The secret of an owner that follows from its page's seed.
SecretKey OwnerSecretOf(const HmacKey& seed, uint64_t number);
// The key for what the end of a PBX still needs. The PBX's own does not follow from it.
SecretKey OrderKeyOf(const SecretKey& pbx_key);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_BYTES_H_
