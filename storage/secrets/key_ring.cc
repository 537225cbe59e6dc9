#include "storage/secrets/key_ring.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "storage/secrets/hmac.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kCheckpointLabel = "retention.v1 checkpoint key";

RingEntryKind RescueKindOf(PbxKeyUse use) {
  return static_cast<RingEntryKind>(static_cast<uint8_t>(RingEntryKind::kRescueNotNeeded) + static_cast<uint8_t>(use));
}

}  // namespace

absl::Status KeyRing::Draw(uint8_t* bytes, size_t size) const {
  if (options_.random) return options_.random(bytes, size);
  if (RAND_priv_bytes(bytes, static_cast<int>(size)) == 1) return absl::OkStatus();
  return absl::UnavailableError("key ring: no randomness");
}

absl::StatusOr<SecretKey> KeyRing::DrawKey() const {
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  const absl::Status status = Draw(bytes.data(), bytes.size());
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!status.ok()) return status;
  return key;
}

std::string KeyRing::identity() const {
  const MutexLock lock(mutex_);
  return std::string(reinterpret_cast<const char*>(head_.identity.data()), head_.identity.size());
}

uint64_t KeyRing::generation() const {
  const MutexLock lock(mutex_);
  return head_.generation;
}

size_t KeyRing::stale_replicas() const {
  const MutexLock writing(write_mutex_);
  return disk_->out_of_reach();
}

bool KeyRing::out_of_reach() const {
  const MutexLock writing(write_mutex_);
  return disk_->out_of_reach() == disk_->size();
}

bool KeyRing::memory_is_locked() const {
  const MutexLock lock(mutex_);
  return entries_.locked();
}

SecretKey KeyRing::HashKey() const {
  const MutexLock lock(mutex_);
  return head_.keys.hash;
}

SecretKey KeyRing::CheckpointSeed() const { return HmacSha256(HashKey(), {kCheckpointLabel}); }

SecretKey KeyRing::OpenKey() const {
  const MutexLock lock(mutex_);
  return head_.keys.open;
}

uint64_t KeyRing::size() const {
  const MutexLock writing(write_mutex_);
  const MutexLock lock(mutex_);
  return 2 * kHeadBytes + 2 * kRingFileHeaderBytes + entries_.size() + blocks_ * kBlockBytes;
}

ConstByteSpan KeyRing::EntryAt(size_t slot) const { return entries_.span().subspan(slot * kEntryBytes, kEntryBytes); }

std::optional<RingEntry> KeyRing::KnownEntry(size_t slot) const { return ReadEntry(slot, EntryAt(slot)); }

void KeyRing::Know(size_t slot, const RingEntry& entry) {
  WriteEntry(slot, entry, entries_.span().subspan(slot * kEntryBytes, kEntryBytes));
}

KeyRing::EntryName KeyRing::NameOf(const RingEntry& entry) {
  return {.kind = entry.kind, .name = entry.name, .day = IsRescue(entry.kind) ? entry.until : DueDay::None()};
}

std::optional<SecretKey> KeyRing::Find(RingEntryKind kind, uint64_t name, DueDay day) const {
  const MutexLock lock(mutex_);
  const auto found = slots_.find({kind, name, day});
  if (found == slots_.end()) return std::nullopt;
  return SecretAt(found->second);
}

SecretKey KeyRing::SecretAt(size_t slot) const { return SecretOfEntry(EntryAt(slot)); }

absl::Status KeyRing::Write(RingFile file, std::span<const RingWrite> writes) {
  const size_t stale = disk_->stale_replicas();
  if (absl::Status s = disk_->Write(file, writes); !s.ok()) return s;
  if (disk_->stale_replicas() == stale) return absl::OkStatus();
  bump_owed_ = true;
  return Bump();
}

absl::Status KeyRing::Extend(RingFile file, uint64_t size) {
  const size_t stale = disk_->stale_replicas();
  if (absl::Status s = disk_->Extend(file, size); !s.ok()) return s;
  if (disk_->stale_replicas() == stale) return absl::OkStatus();
  bump_owed_ = true;
  return Bump();
}

absl::Status KeyRing::Bump() {
  bump_owed_ = true;
  return WriteNextHead();
}

absl::Status KeyRing::WriteNextHead() {
  RingHead next;
  {
    const MutexLock lock(mutex_);
    next = head_;
  }
  return WriteHead(std::move(next));
}

absl::Status KeyRing::WriteHead(RingHead next) {
  size_t stale = 0;
  do {
    stale = disk_->stale_replicas();
    next.entries_written = std::max(next.entries_written, static_cast<uint32_t>(written_slots_));
    // Never one that a failed write may have left on a disk.
    next.generation = last_generation_ = std::max(next.generation, last_generation_) + 1;
    if (absl::Status s = WriteHeadTo(*disk_, next); !s.ok()) return s;
    // One that is lost by this very write may have got it: once more, so that it is known for stale.
  } while (disk_->stale_replicas() != stale);
  bump_owed_ = false;
  head_unsure_ = false;
  second_head_owed_ = false;
  const MutexLock lock(mutex_);
  head_ = std::move(next);
  return absl::OkStatus();
}

void KeyRing::Forget(const EntryName& name, bool destroys) {
  const MutexLock lock(mutex_);
  const auto found = slots_.find(name);
  if (found == slots_.end()) return;
  const size_t slot = found->second;
  RingEntry left;
  if (const auto entry = KnownEntry(slot); destroys && entry.has_value()) {
    left = {.kind = entry->kind, .is_gone = true, .until = entry->until, .name = entry->name, .secret = {}};
  }
  Know(slot, left);
  (destroys ? dirty_slots_ : leftover_slots_).insert(slot);
  slots_.erase(found);
}

void KeyRing::ForgetThrough(DueDay last) {
  std::vector<EntryName> ended;
  {
    const MutexLock lock(mutex_);
    const DueDay cohorts = head_.cohorts_destroyed_through;
    for (const auto& [name, slot] : slots_) {
      if (name.kind == RingEntryKind::kDay && name.name <= last.number()) ended.push_back(name);
      if (name.kind == RingEntryKind::kCohort && name.name <= cohorts.number()) ended.push_back(name);
    }
  }
  for (const EntryName& name : ended) Forget(name);
  // What was rescued needs its owners' secrets too.
  const DueDay rescued = FirstRescued();
  while (!pages_until_.empty() && pages_until_.begin()->first <= last &&
         (rescued == DueDay::None() || pages_until_.begin()->first < rescued)) {
    ForgetPage(pages_until_.begin()->second);
  }
}

absl::StatusOr<SecretKey> KeyRing::ForDay(DueDay day) {
  if (!day.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  const MutexLock writing(write_mutex_);
  if (day <= destroyed_through()) return absl::FailedPreconditionError("key ring: the day was destroyed");
  return Mint(RingEntryKind::kDay, day.number());
}

std::optional<SecretKey> KeyRing::FindDay(DueDay day) const { return Find(RingEntryKind::kDay, day.number()); }

absl::Status KeyRing::DestroyDaysThrough(DueDay last, absl::Time now, std::span<const RescuedKey> rescues) {
  if (!last.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  const MutexLock writing(write_mutex_);
  RingHead next;
  std::optional<DueDay> first;
  {
    const MutexLock lock(mutex_);
    next = head_;
    const auto day = slots_.lower_bound({RingEntryKind::kDay, 0});
    if (day != slots_.end() && day->first.kind == RingEntryKind::kDay && day->first.name <= last.number()) {
      first = DueDay::FromNumber(static_cast<uint32_t>(day->first.name));
    }
  }
  if (last <= next.destroyed_through) return Finish();
  std::vector<RingEntry> rescued;
  for (const RescuedKey& rescue : rescues) {
    if (Find(RescueKindOf(rescue.use), NumberOf(rescue.pbx), rescue.day)) continue;
    rescued.push_back(
        {.kind = RescueKindOf(rescue.use), .until = rescue.day, .name = NumberOf(rescue.pbx), .secret = rescue.key});
  }
  if (absl::Status s = rescued.empty() ? absl::OkStatus() : Put(rescued, Room::kKept); !s.ok()) return s;
  next.destroyed_through = last;
  if (first.has_value()) {
    // What does not fit is told of together with the last.
    if (next.unentered.size() < kUnenteredMax) {
      next.unentered.push_back(
          {.from = *first, .to = last, .instant_us = absl::ToUnixMicros(now), .generation = next.generation + 1});
    } else {
      next.unentered.back().to = last;
    }
  }
  if (absl::Status s = WriteHead(std::move(next)); !s.ok()) return s;
  ForgetThrough(last);
  return Finish();
}

std::vector<DueDay> KeyRing::DaysThrough(DueDay last) const {
  const MutexLock lock(mutex_);
  std::vector<DueDay> days;
  for (auto entry = slots_.lower_bound({RingEntryKind::kDay, 0}); entry != slots_.end(); ++entry) {
    if (entry->first.kind != RingEntryKind::kDay || entry->first.name > last.number()) break;
    days.push_back(DueDay::FromNumber(static_cast<uint32_t>(entry->first.name)));
  }
  return days;
}

std::optional<SecretKey> KeyRing::FindRescue(DueDay day, const PbxId& pbx, PbxKeyUse use) const {
  return Find(RescueKindOf(use), NumberOf(pbx), day);
}

DueDay KeyRing::FirstRescued() const {
  const MutexLock lock(mutex_);
  DueDay first = DueDay::None();
  for (auto slot = slots_.lower_bound({RingEntryKind::kRescueNotNeeded, 0});
       slot != slots_.end() && IsRescue(slot->first.kind); ++slot) {
    if (first == DueDay::None() || slot->first.day < first) first = slot->first.day;
  }
  return first;
}

absl::Status KeyRing::DropRescues(DueDay through) {
  const MutexLock writing(write_mutex_);
  std::vector<EntryName> dropped;
  {
    const MutexLock lock(mutex_);
    for (auto slot = slots_.lower_bound({RingEntryKind::kRescueNotNeeded, 0});
         slot != slots_.end() && IsRescue(slot->first.kind); ++slot) {
      if (slot->first.day <= through) dropped.push_back(slot->first);
    }
  }
  for (const EntryName& name : dropped) Forget(name);
  ForgetThrough(destroyed_through());
  return Finish();
}

bool KeyRing::unfinished() const {
  const MutexLock writing(write_mutex_);
  return !dirty_slots_.empty() || !dirty_blocks_.empty() || !dirty_owners_.empty();
}

DueDay KeyRing::destroyed_through() const {
  const MutexLock lock(mutex_);
  return head_.destroyed_through;
}

std::vector<UnenteredDestruction> KeyRing::unentered() const {
  const MutexLock lock(mutex_);
  return head_.unentered;
}

absl::Status KeyRing::MarkEntered(DueDay through) {
  const MutexLock writing(write_mutex_);
  RingHead next;
  {
    const MutexLock lock(mutex_);
    next = head_;
  }
  const size_t entered =
      std::erase_if(next.unentered, [&](const UnenteredDestruction& range) { return range.to <= through; });
  return entered == 0 ? absl::OkStatus() : WriteHead(std::move(next));
}

absl::StatusOr<SecretKey> KeyRing::MintPbx(const PbxId& pbx) {
  const MutexLock writing(write_mutex_);
  if (Find(RingEntryKind::kPbxOrders, NumberOf(pbx))) {
    return absl::FailedPreconditionError("key ring: the PBX's key was narrowed");
  }
  return Mint(RingEntryKind::kPbx, NumberOf(pbx));
}

std::optional<SecretKey> KeyRing::FindPbx(const PbxId& pbx) const { return Find(RingEntryKind::kPbx, NumberOf(pbx)); }

std::optional<SecretKey> KeyRing::FindPbxOrders(const PbxId& pbx) const {
  if (const auto key = FindPbx(pbx)) return OrderKeyOf(*key);
  return Find(RingEntryKind::kPbxOrders, NumberOf(pbx));
}

absl::Status KeyRing::NarrowPbx(const PbxId& pbx) {
  const MutexLock writing(write_mutex_);
  const auto key = Find(RingEntryKind::kPbx, NumberOf(pbx));
  if (!key.has_value()) return Finish();
  if (!Find(RingEntryKind::kPbxOrders, NumberOf(pbx))) {
    const RingEntry entry{
        .kind = RingEntryKind::kPbxOrders, .until = DueDay::None(), .name = NumberOf(pbx), .secret = OrderKeyOf(*key)};
    if (absl::Status s = Put({&entry, 1}, Room::kKept); !s.ok()) return s;
  }
  Forget({RingEntryKind::kPbx, NumberOf(pbx)});
  if (absl::Status s = Finish(); !s.ok()) return s;
  return Bump();
}

absl::Status KeyRing::DestroyPbx(const PbxId& pbx) {
  const MutexLock writing(write_mutex_);
  if (!Find(RingEntryKind::kPbx, NumberOf(pbx)) && !Find(RingEntryKind::kPbxOrders, NumberOf(pbx))) return Finish();
  Forget({RingEntryKind::kPbx, NumberOf(pbx)});
  Forget({RingEntryKind::kPbxOrders, NumberOf(pbx)});
  if (absl::Status s = Finish(); !s.ok()) return s;
  return Bump();
}

absl::StatusOr<SecretKey> KeyRing::ForCohort(DueDay last_day) {
  if (!last_day.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  const MutexLock writing(write_mutex_);
  if (last_day <= cohorts_destroyed_through()) {
    return absl::FailedPreconditionError("key ring: the cohort was destroyed");
  }
  return Mint(RingEntryKind::kCohort, last_day.number());
}

std::optional<SecretKey> KeyRing::FindCohort(DueDay last_day) const {
  return Find(RingEntryKind::kCohort, last_day.number());
}

absl::Status KeyRing::DestroyCohortsThrough(DueDay last) {
  if (!last.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  const MutexLock writing(write_mutex_);
  RingHead next;
  {
    const MutexLock lock(mutex_);
    next = head_;
  }
  if (last <= next.cohorts_destroyed_through) return Finish();
  next.cohorts_destroyed_through = last;
  if (absl::Status s = WriteHead(std::move(next)); !s.ok()) return s;
  ForgetThrough(destroyed_through());
  return Finish();
}

DueDay KeyRing::cohorts_destroyed_through() const {
  const MutexLock lock(mutex_);
  return head_.cohorts_destroyed_through;
}

std::vector<NamesKey> KeyRing::NamesKeys() const {
  const MutexLock lock(mutex_);
  std::vector<NamesKey> keys;
  for (auto slot = slots_.lower_bound({RingEntryKind::kNames, 0});
       slot != slots_.end() && slot->first.kind == RingEntryKind::kNames; ++slot) {
    const auto entry = KnownEntry(slot->second);
    keys.push_back({.number = static_cast<uint32_t>(slot->first.name),
                    .made = entry.has_value() ? entry->until : DueDay::None(),
                    .key = SecretAt(slot->second)});
  }
  return keys;
}

absl::Status KeyRing::MintNames(uint32_t number, DueDay today) {
  const MutexLock writing(write_mutex_);
  return Mint(RingEntryKind::kNames, number, today).status();
}

absl::Status KeyRing::DestroyNamesBefore(uint32_t number) {
  const MutexLock writing(write_mutex_);
  bool any = false;
  for (const NamesKey& key : NamesKeys()) {
    if (key.number >= number) break;
    Forget({RingEntryKind::kNames, key.number});
    any = true;
  }
  if (absl::Status s = Finish(); !s.ok() || !any) return s;
  return Bump();
}

}  // namespace retention
