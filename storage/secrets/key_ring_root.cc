// The keys above the ring, and the change of its root.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"

namespace retention {
namespace {

// Blocks are written under new keys so many at once, while all changes wait: 2.5 MiB a replica.
constexpr size_t kRekeyedAtOnce = 256;
// So long after a change that failed the next is tried.
constexpr absl::Duration kRootRetry = absl::Minutes(1);
// Blocks are verified so many at once.
constexpr size_t kVerifiedAtOnce = 64;

constexpr std::string_view kWrappingFlags = "--ring-wrapping-key-file or --ring-wrapping-credential";

absl::string_view FlagOf(RootKind kind) {
  switch (kind) {
    case RootKind::kNone:
      break;
    case RootKind::kFile:
      return "--ring-root-file";
    case RootKind::kPkcs11:
      return "--ring-root-pkcs11";
    case RootKind::kTpm:
      return "--ring-root-tpm";
  }
  return "";
}

absl::Status Another(std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("key ring: ", std::string(what)));
}

}  // namespace

absl::Status KeyRing::UnwrapHead(RingHead& head) const {
  if (head.is_wrapped) {
    if (!options_.wrapping.has_value())
      return Another("its keys are wrapped: give the wrapping key with " + std::string(kWrappingFlags));
    if (CheckOf(*options_.wrapping) != head.wrapping_check) {
      return Another("its keys are wrapped under another wrapping key than the one given with " +
                     std::string(kWrappingFlags));
    }
  }
  std::optional<SecretKey> root;
  if (head.root != RootKind::kNone) {
    const std::string kind(retention::NameOf(head.root));
    if (options_.root == nullptr) {
      return Another(absl::StrCat("its root is kept elsewhere (", kind, "): say where with ", FlagOf(head.root)));
    }
    if (options_.root->kind() != head.root) {
      return Another(
          absl::StrCat("its root is of another kind than the one given: say where it is with ", FlagOf(head.root)));
    }
    absl::StatusOr<SecretKey> read = options_.root->Read({.ring = head.identity, .epoch = head.epoch});
    if (absl::IsNotFound(read.status())) {
      return Another(
          absl::StrCat("its root is not where ", FlagOf(head.root),
                       " says: the ring or the root was put back, or is another's: ", read.status().message()));
    }
    if (!read.ok()) return read.status();
    root = *std::move(read);
  }
  absl::StatusOr<HeadKeys> keys =
      Unwrap(TopKeyOf(head.is_wrapped ? options_.wrapping : std::nullopt, root), head.wrapped_keys);
  if (!keys.ok()) return keys.status();
  head.keys = *std::move(keys);
  return absl::OkStatus();
}

absl::Status KeyRing::WrapHead(RingHead& head) const {
  head.is_wrapped = options_.wrapping.has_value();
  head.wrapping_check = head.is_wrapped ? CheckOf(*options_.wrapping) : WrappingCheck();
  head.root = options_.root == nullptr ? RootKind::kNone : options_.root->kind();
  std::optional<SecretKey> root;
  if (options_.root != nullptr) {
    absl::StatusOr<SecretKey> made = options_.root->Make({.ring = head.identity, .epoch = head.epoch});
    if (!made.ok()) return made.status();
    root = *std::move(made);
  }
  head.wrapped_keys = Wrap(TopKeyOf(options_.wrapping, root), head.keys);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<OwnerSlot>> KeyRing::ReadSlots(uint64_t page) const {
  const uint64_t place = *PageAt(page)->block;
  const uint64_t offset = kRingFileHeaderBytes + place * kBlockBytes;
  SecretSeal seal(*Find(RingEntryKind::kPage, page));
  std::vector<std::optional<OwnerSlot>> slots(kPageNumbers);
  absl::Status failure = absl::UnavailableError("key ring: no replica can be read");
  LockedBytes block(kBlockBytes);
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (disk_->stale(i)) continue;
    if (absl::Status s = disk_->replica(i).ReadAt(RingFile::kPages, offset, block.span()); !s.ok()) {
      failure = s;
      continue;
    }
    failure = absl::OkStatus();
    for (size_t n = 0; n < kPageNumbers; ++n) {
      const size_t at = kBlockHeaderBytes + n * kOwnerSlotBytes;
      auto slot =
          ReadOwnerSlot({.block = place, .number = page * kPageNumbers + n}, block.span().subspan(at, kOwnerSlotBytes));
      // What one says was destroyed was.
      if (!slots[n].has_value() || (slot.has_value() && slot->state == OwnerState::kGone)) slots[n] = std::move(slot);
    }
  }
  if (!failure.ok()) return failure;
  std::vector<OwnerSlot> found;
  found.reserve(kPageNumbers);
  for (size_t n = 0; n < kPageNumbers; ++n) {
    // What is damaged in all replicas costs itself.
    if (!slots[n].has_value()) NoteLost(page * kPageNumbers + n);
    OwnerSlot& slot = found.emplace_back(slots[n].value_or(OwnerSlot{.state = OwnerState::kLost, .secret = {}}));
    if (slot.state == OwnerState::kGone || slot.state == OwnerState::kLost) continue;
    slot.secret = seal.Open(SealNameOfOwner(page * kPageNumbers + n), slot.secret);
  }
  return found;
}

absl::Status KeyRing::Rekey(size_t most) {
  size_t count = std::min(most, touched_.size());
  ReserveBlocks(count).IgnoreError();
  // On a full disk with those that were kept.
  count = std::min(count, free_blocks_.size());
  if (count == 0) return absl::ResourceExhaustedError("key ring: no room for a block under a new key");
  const std::vector<uint64_t> pages(touched_.begin(), std::next(touched_.begin(), static_cast<ptrdiff_t>(count)));
  const auto slots_of = [this](uint64_t page) ABSL_NO_THREAD_SAFETY_ANALYSIS { return ReadSlots(page); };
  const absl::Status written = WriteBlocks(pages, slots_of);
  if (!written.ok()) return written;
  for (const uint64_t page : pages) touched_.erase(page);
  return Finish();
}

absl::Status KeyRing::Reseal(absl::Time now) {
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (absl::Status s = Reserve(0, Room::kAny); !s.ok()) return s;
  RingHead next;
  std::map<EntryName, RingEntry> entries;
  {
    const MutexLock lock(mutex_);
    next = head_;
    for (const auto& [name, slot] : slots_) entries.emplace(name, *KnownEntry(slot));
  }
  if (free_slots_.size() < entries.size()) return absl::ResourceExhaustedError("key ring: no room for its entries");
  absl::StatusOr<SecretKey> key = DrawKey();
  if (!key.ok()) return key.status();
  next.keys.entries = *std::move(key);
  // One that is out of reach is not made anew elsewhere.
  if (next.root != RootKind::kNone) {
    const auto former = options_.root->Read({.ring = next.identity, .epoch = next.epoch});
    if (!former.ok()) return former.status();
  }
  ++next.epoch;
  next.root_changed_us = absl::ToUnixMicros(now);
  next.generation = std::max(next.generation, last_generation_);
  next.root_generation = next.generation + 1;
  next.root_destroyed_through = next.destroyed_through;

  // Beside those that count, which is for the head to say.
  Slots placed;
  std::map<EntryName, size_t> slots;
  for (const auto& [name, entry] : entries) {
    const size_t slot = free_slots_.extract(free_slots_.begin()).value();
    placed.emplace(slot, entry);
    slots.emplace(name, slot);
  }
  absl::Status status = placed.empty() ? absl::OkStatus() : WriteSlots(placed, next);
  if (status.ok()) {
    // Late: what keeps it wears with every one that is made.
    former_root_ = options_.root != nullptr;
    status = WrapHead(next);
  }
  if (status.ok()) {
    head_unsure_ = true;
    status = WriteHead(std::move(next));
  }
  if (!status.ok()) {
    for (const auto& [slot, entry] : placed) leftover_slots_.insert(slot);
    return status;
  }
  {
    const MutexLock lock(mutex_);
    for (const auto& [name, slot] : slots_) {
      Know(slot, RingEntry());
      leftover_slots_.insert(slot);
    }
    for (const auto& [slot, entry] : placed) {
      Know(slot, *entry);
    }
    slots_ = std::move(slots);
  }
  // The other place of the head is under the former root.
  second_head_owed_ = true;
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (absl::Status s = DropFormerRoot(); !s.ok()) return s;
  erased_since_root_ = false;
  root_due_since_.reset();
  root_tried_.reset();
  return absl::OkStatus();
}

absl::Status KeyRing::DropFormerRoot() {
  if (!former_root_ || head_unsure_ || second_head_owed_) return absl::OkStatus();
  RootName name;
  {
    const MutexLock lock(mutex_);
    name = {.ring = head_.identity, .epoch = head_.epoch};
  }
  if (absl::Status s = options_.root->KeepOnly(name); !s.ok()) return s;
  former_root_ = false;
  return absl::OkStatus();
}

absl::Status KeyRing::ChangeRoot(absl::Time now) {
  if (options_.root == nullptr) return Another("it has no root that can be changed");
  while (true) {
    const MutexLock writing(write_mutex_);
    if (absl::Status s = Finish(); !s.ok()) return s;
    // What a failure left of an earlier change.
    if (absl::Status s = DropFormerRoot(); !s.ok()) return s;
    // A replica that is out of reach is under the former.
    if (absl::Status s = GiveUpElsewhere(); !s.ok()) return s;
    if (touched_.empty()) return Reseal(now);
    // The last ones in one go, since others may come in between.
    do {
      if (absl::Status s = Rekey(kRekeyedAtOnce); !s.ok()) return s;
    } while (touched_.size() <= kRekeyedAtOnce && !touched_.empty());
    if (touched_.empty()) return Reseal(now);
  }
}

bool KeyRing::RootIsDue(absl::Time now) {
  if (options_.root == nullptr) return false;
  const MutexLock lock(mutex_);
  if (head_.destroyed_through > head_.root_destroyed_through) return true;
  const absl::Time changed = absl::FromUnixMicros(head_.root_changed_us);
  // A clock that was set back keeps no root.
  return erased_since_root_ && (now >= changed + kRootInterval || now < changed);
}

absl::StatusOr<bool> KeyRing::ChangeRootIfDue(absl::Time now) {
  {
    const MutexLock writing(write_mutex_);
    if (!RootIsDue(now)) return false;
    if (!root_due_since_.has_value()) root_due_since_ = now;
    if (root_tried_.has_value() && root_tried_->IsWithin(kRootRetry, AttemptAt(now))) return false;
    root_tried_ = AttemptAt(now);
  }
  if (absl::Status s = ChangeRoot(now); !s.ok()) return s;
  return true;
}

absl::Status KeyRing::LookForRoot(absl::Time now) {
  if (options_.root == nullptr) return absl::OkStatus();
  const MutexLock writing(write_mutex_);
  if (root_looked_.has_value() && root_looked_->IsWithin(kRootLook, AttemptAt(now))) return root_found_;
  RootName name;
  {
    const MutexLock lock(mutex_);
    name = {.ring = head_.identity, .epoch = head_.epoch};
  }
  root_looked_ = AttemptAt(now);
  root_found_ = options_.root->Read(name).status();
  return root_found_;
}

RingStatus KeyRing::status() const {
  RingStatus status;
  status.bytes = size();
  const MutexLock writing(write_mutex_);
  for (size_t i = 0; i < disk_->size(); ++i) status.replicas_stale.push_back(!disk_->in_reach(i));
  status.erased_since_root = options_.root != nullptr && erased_since_root_;
  status.root_due_since = root_due_since_;
  const MutexLock lock(mutex_);
  status.generation = head_.generation;
  status.entries_lost = found_.entries_damaged + lost_since_;
  for (const auto& [number, page] : pages_) {
    ++(page.block.has_value() ? status.pages_opened : status.pages_untouched);
  }
  status.owners = pages_.size() * kPageNumbers;
  status.destroyed_through = head_.destroyed_through;
  status.is_wrapped = head_.is_wrapped;
  status.root = head_.root;
  status.root_changed = absl::FromUnixMicros(head_.root_changed_us);
  return status;
}

absl::StatusOr<RingVerification> KeyRing::Verify() const {
  RingVerification found;
  {
    const MutexLock writing(write_mutex_);
    for (size_t i = 0; i < disk_->size(); ++i) {
      found.replicas.push_back({.is_stale = disk_->stale(i), .is_readable = !disk_->stale(i)});
    }
    size_t bytes = 0;
    uint32_t written = 0;
    {
      const MutexLock lock(mutex_);
      bytes = entries_.size();
      written = head_.entries_written;
    }
    VerifyRun(*disk_, RingFile::kHead, generation() % 2 * kHeadBytes, UnitsOfHead(), found);
    VerifyRun(*disk_, RingFile::kKeys, kRingFileHeaderBytes, UnitsOfKeys(bytes, written), found);
  }
  for (size_t block = 0;;) {
    const MutexLock writing(write_mutex_);
    std::map<size_t, uint64_t> pages;
    {
      const MutexLock lock(mutex_);
      for (const auto& [number, page] : pages_) {
        if (page.block >= block && page.block < block + kVerifiedAtOnce) pages.emplace(*page.block, number);
      }
    }
    for (const size_t end = std::min(blocks_, block + kVerifiedAtOnce); block < end; ++block) {
      const auto page = pages.find(block);
      const auto name = page == pages.end() ? std::nullopt : std::optional(page->second);
      VerifyRun(*disk_, RingFile::kPages, kRingFileHeaderBytes + block * kBlockBytes, UnitsOfBlock(block, name), found);
    }
    if (block == blocks_) return found;
  }
}

}  // namespace retention
