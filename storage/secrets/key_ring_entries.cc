// Entries of the ring: where they lie, and how they come to the disks.
#include <algorithm>
#include <cstring>
#include <map>

#include "storage/secrets/key_ring.h"
#include "storage/secrets/secret_seal.h"

namespace retention {
namespace {

// Kept free for what is rescued when the disk is full, whatever KeepRoom was asked for.
constexpr size_t kSpareEntries = 64;
// What KeepRoom keeps is a multiple of this.
constexpr size_t kKeptAtOnce = 64;

}  // namespace

absl::Status KeyRing::KeepRoom(uint64_t owners, uint64_t rescues) {
  const size_t entries = (owners + kPageNumbers - 1) / kPageNumbers + rescues;
  const size_t kept = (entries + kKeptAtOnce - 1) / kKeptAtOnce * kKeptAtOnce;
  if (kept_entries_ == kept && !lacks_room_) return absl::OkStatus();
  const MutexLock writing(write_mutex_);
  kept_entries_ = kept;
  const absl::Status reserved = Reserve(0, Room::kAny);
  lacks_room_ = !reserved.ok();
  return reserved;
}

absl::Status KeyRing::Reserve(size_t entries, Room room) {
  size_t slots = 0;
  size_t used = 0;
  {
    const MutexLock lock(mutex_);
    slots = entries_.size() / kEntryBytes;
    used = slots_.size();
  }
  // A change of the root writes all anew before the former go.
  const size_t kept = kSpareEntries + kept_entries_;
  const size_t spare = kept + (options_.root == nullptr ? 0 : used);
  if (free_slots_.size() >= entries + spare) return absl::OkStatus();
  const size_t more = std::max(slots, entries + spare);
  if (absl::Status s = Extend(RingFile::kKeys, kRingFileHeaderBytes + (slots + more) * kEntryBytes); !s.ok()) {
    // Those that were kept for a full disk.
    return free_slots_.size() >= entries + (room == Room::kKept ? 0 : kept) ? absl::OkStatus() : s;
  }
  const MutexLock lock(mutex_);
  entries_.Resize((slots + more) * kEntryBytes);
  for (size_t slot = slots; slot < slots + more; ++slot) free_slots_.insert(slot);
  return absl::OkStatus();
}

absl::Status KeyRing::WriteSlots(const Slots& slots, const RingHead& head) {
  SecretSeal seal(head.keys.entries);
  LockedBytes bytes(slots.size() * kEntryBytes);
  std::vector<RingWrite> writes;
  uint64_t end = 0;
  size_t at = 0;
  for (const auto& [slot, entry] : slots) {
    const ByteSpan place = bytes.span().subspan(at, kEntryBytes);
    at += kEntryBytes;
    if (entry.has_value()) {
      RingEntry sealed = *entry;
      sealed.epoch = head.epoch;
      if (entry->lives()) sealed.secret = seal.Seal(SealNameOf(*entry), entry->secret);
      WriteEntry(slot, sealed, place);
    }
    const uint64_t offset = kRingFileHeaderBytes + slot * kEntryBytes;
    // Neighbours in one write.
    if (!writes.empty() && offset == end) {
      writes.back().bytes = {writes.back().bytes.data(), writes.back().bytes.size() + kEntryBytes};
    } else {
      writes.push_back({offset, place});
    }
    end = offset + kEntryBytes;
  }
  if (absl::Status s = Write(RingFile::kKeys, writes); !s.ok()) return s;
  for (const auto& [slot, entry] : slots) {
    if (entry.has_value()) written_slots_ = std::max(written_slots_, slot + 1);
  }
  return absl::OkStatus();
}

absl::Status KeyRing::Put(std::span<const RingEntry> entries, Room room) {
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (absl::Status s = Reserve(entries.size(), room); !s.ok()) return s;
  RingHead head;
  {
    const MutexLock lock(mutex_);
    head = head_;
  }
  Slots placed;
  for (const RingEntry& entry : entries) placed.emplace(free_slots_.extract(free_slots_.begin()).value(), entry);
  if (absl::Status s = WriteSlots(placed, head); !s.ok()) {
    for (const auto& [slot, entry] : placed) leftover_slots_.insert(slot);
    return s;
  }
  const MutexLock lock(mutex_);
  for (const auto& [slot, entry] : placed) {
    Know(slot, *entry);
    slots_.insert_or_assign(NameOf(*entry), slot);
  }
  return absl::OkStatus();
}

void KeyRing::Rewrite(const RingEntry& entry, bool destroys) {
  const MutexLock lock(mutex_);
  const size_t slot = slots_.at(NameOf(entry));
  Know(slot, entry);
  (destroys ? dirty_slots_ : leftover_slots_).insert(slot);
  if (entry.kind != RingEntryKind::kPage) return;
  Page& page = pages_[entry.name];
  page.block = entry.block;
  const auto giving = giving_.find(page.until);
  if (giving != giving_.end() && giving->second.page == entry.name) giving->second.seed.reset();
}

absl::StatusOr<SecretKey> KeyRing::Mint(RingEntryKind kind, uint64_t name, DueDay until) {
  // Not before the generation that it came with is known.
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (std::optional<SecretKey> found = Find(kind, name)) return *std::move(found);
  absl::StatusOr<SecretKey> key = DrawKey();
  if (!key.ok()) return key;
  const RingEntry entry{.kind = kind, .until = until, .name = name, .secret = *key};
  if (absl::Status s = Put({&entry, 1}); !s.ok()) return s;
  if (absl::Status s = Bump(); !s.ok()) return s;
  return key;
}

}  // namespace retention
