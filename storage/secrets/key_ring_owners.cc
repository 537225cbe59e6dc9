#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "storage/secrets/key_ring.h"

namespace retention {
namespace {

// Pages are minted so many at once, and their numbers set aside so many at once.
constexpr size_t kPagesAtOnce = 16;
constexpr uint64_t kPagesReserved = 4096;
// Owners that end within so many days of each other share pages.
constexpr uint32_t kPageSpanDays = 32;
// Pages are opened so many at once: 10 MiB of secrets, and a few syncs.
constexpr size_t kOpenedAtOnce = 1024;

DueDay SpanOf(DueDay until) {
  if (!until.is_civil()) return DueDay::Open();
  return DueDay::FromNumber((until.number() / kPageSpanDays + 1) * kPageSpanDays - 1);
}

uint64_t PageOf(OwnerNumber number) { return number / kPageNumbers; }

uint64_t BlockAt(size_t block) { return kRingFileHeaderBytes + block * kBlockBytes; }

uint64_t SlotAt(size_t block, OwnerNumber number) {
  return BlockAt(block) + kBlockHeaderBytes + number % kPageNumbers * kOwnerSlotBytes;
}

}  // namespace

std::optional<KeyRing::Page> KeyRing::PageAt(uint64_t page) const {
  const MutexLock lock(mutex_);
  const auto found = pages_.find(page);
  return found == pages_.end() ? std::nullopt : std::optional(found->second);
}

absl::Status KeyRing::MintPages(size_t pages, DueDay until, Room room) {
  RingHead next;
  {
    const MutexLock lock(mutex_);
    next = head_;
  }
  if (next_page_ + pages > next.pages_reserved) {
    next.pages_reserved = next_page_ + pages + kPagesReserved;
    if (absl::Status s = WriteHead(std::move(next)); !s.ok()) return s;
  }
  std::vector<RingEntry> entries;
  for (size_t i = 0; i < pages; ++i) {
    absl::StatusOr<SecretKey> seed = DrawKey();
    if (!seed.ok()) return seed.status();
    entries.push_back({.kind = RingEntryKind::kPage, .until = until, .name = next_page_ + i, .secret = *seed});
  }
  // A number that came to nothing is not tried again.
  next_page_ += pages;
  absl::Status put = Put(entries, room);
  if (put.ok()) put = Bump();
  if (!put.ok()) {
    for (const RingEntry& entry : entries) Forget(NameOf(entry));
    return put;
  }
  const MutexLock lock(mutex_);
  for (const RingEntry& entry : entries) {
    pages_.insert_or_assign(entry.name, Page{.block = std::nullopt, .until = until});
    pages_until_.emplace(until, entry.name);
    ahead_[until].push_back(entry.name);
  }
  return absl::OkStatus();
}

std::optional<KeyRing::NextOwner> KeyRing::NextNumber(DueDay span) {
  const MutexLock lock(mutex_);
  Giving& giving = giving_[span];
  if (giving.page == 0 || giving.next == kPageNumbers) {
    std::deque<uint64_t>& ahead = ahead_[span];
    if (ahead.empty()) return std::nullopt;
    giving = {.page = ahead.front(), .next = 0, .seed = std::nullopt};
    ahead.pop_front();
    const auto slot = slots_.find({RingEntryKind::kPage, giving.page});
    if (slot != slots_.end()) giving.seed.emplace(SecretAt(slot->second));
  }
  return NextOwner{.number = giving.page * kPageNumbers + giving.next++, .is_opened = !giving.seed.has_value()};
}

absl::StatusOr<OwnerNumber> KeyRing::NewOwner(DueDay until, Room room) {
  const DueDay span = SpanOf(until);
  std::optional<NextOwner> next = NextNumber(span);
  if (next.has_value() && !next->is_opened) return next->number;
  const MutexLock writing(write_mutex_);
  if (span <= destroyed_through()) return absl::FailedPreconditionError("key ring: the day was destroyed");
  for (;;) {
    // Somebody else may have minted meanwhile.
    if (!next.has_value()) next = NextNumber(span);
    if (next.has_value()) {
      if (!next->is_opened || IsSound(next->number)) return next->number;
      // Damage costs itself: with it goes what of the page was not given yet.
      GiveUp(PageOf(std::exchange(next, std::nullopt)->number), span);
      continue;
    }
    absl::Status minted = MintPages(kPagesAtOnce, span, Room::kAny);
    // On a full disk no more than is needed.
    if (absl::IsResourceExhausted(minted)) minted = MintPages(1, span, room);
    if (!minted.ok()) return minted;
  }
}

void KeyRing::GiveUp(uint64_t page, DueDay span) {
  const MutexLock lock(mutex_);
  const auto giving = giving_.find(span);
  if (giving != giving_.end() && giving->second.page == page) giving->second.next = kPageNumbers;
}

bool KeyRing::IsSound(OwnerNumber number) const {
  const auto page = PageAt(PageOf(number));
  if (!page.has_value()) return false;
  if (!page->block.has_value()) return true;
  const auto slot = ReadSlot(*page->block, number);
  return slot.ok() && slot->state == OwnerState::kLive;
}

absl::StatusOr<OwnerSlot> KeyRing::ReadSlot(size_t block, OwnerNumber number) const {
  const auto key = Find(RingEntryKind::kPage, PageOf(number));
  if (!key.has_value()) return absl::DataLossError("key ring: the key of a block is damaged");
  std::array<uint8_t, kOwnerSlotBytes> bytes{};
  std::optional<OwnerSlot> slot;
  size_t read_from = 0;
  absl::Status failure;
  for (size_t i = 0; i < disk_->size() && !slot.has_value(); ++i) {
    if (disk_->stale(i)) continue;
    const absl::Status read = disk_->replica(i).ReadAt(RingFile::kPages, SlotAt(block, number), bytes);
    failure.Update(read);
    if (!read.ok()) continue;
    ++read_from;
    slot = ReadOwnerSlot({.block = block, .number = number}, bytes);
  }
  // What is damaged in all replicas is gone, with what it seals. One that could not be read may have it.
  if (!slot.has_value() && !failure.ok()) return failure;
  if (!slot.has_value() && read_from == 0) return absl::UnavailableError("key ring: no replica can be read");
  if (!slot.has_value()) {
    NoteLost(number);
    slot = OwnerSlot{.state = OwnerState::kLost, .secret = {}};
  }
  if (slot->state == OwnerState::kLive || slot->state == OwnerState::kRestricted)
    slot->secret = SecretSeal(*key).Open(SealNameOfOwner(number), slot->secret);
  return *std::move(slot);
}

absl::StatusOr<std::optional<KeyRing::Owner>> KeyRing::FindOwner(OwnerNumber number, DueDay filed) const {
  {
    const MutexLock lock(mutex_);
    const auto page = pages_.find(PageOf(number));
    if (page == pages_.end()) {
      // It goes when all that its owners have is due, and not before.
      const bool lives = filed != DueDay::None() && (!filed.is_civil() || filed > head_.destroyed_through);
      if (lives) return absl::DataLossError("key ring: the secrets of a page are lost");
      return std::nullopt;
    }
    if (!page->second.block.has_value()) {
      const auto giving = giving_.find(page->second.until);
      if (giving != giving_.end() && giving->second.page == PageOf(number) && giving->second.seed.has_value()) {
        return Owner{.secret = OwnerSecretOf(*giving->second.seed, number), .restricted = false};
      }
      const auto slot = slots_.find({RingEntryKind::kPage, PageOf(number)});
      if (slot == slots_.end()) return std::nullopt;
      return Owner{.secret = OwnerSecretOf(HmacKey(SecretAt(slot->second)), number), .restricted = false};
    }
  }
  // Not beside a change of it.
  const MutexLock writing(write_mutex_);
  const auto page = PageAt(PageOf(number));
  if (!page.has_value() || !page->block.has_value() || dirty_owners_.contains(number)) return std::nullopt;
  const auto slot = ReadSlot(*page->block, number);
  if (!slot.ok()) return slot.status();
  if (slot->state == OwnerState::kGone) return std::nullopt;
  if (slot->state == OwnerState::kLost) return absl::DataLossError("key ring: the secret of an owner is lost");
  return Owner{.secret = slot->secret, .restricted = slot->state == OwnerState::kRestricted};
}

absl::Status KeyRing::ReserveBlocks(size_t blocks) {
  if (free_blocks_.size() >= blocks + options_.spare_blocks / 2) return absl::OkStatus();
  const size_t more = blocks + options_.spare_blocks - free_blocks_.size();
  if (absl::Status s = Extend(RingFile::kPages, BlockAt(blocks_ + more)); !s.ok()) {
    // Those that were kept for a full disk.
    return free_blocks_.size() >= blocks ? absl::OkStatus() : s;
  }
  for (size_t i = 0; i < more; ++i) free_blocks_.insert(blocks_++);
  return absl::OkStatus();
}

absl::Status KeyRing::WriteBlocks(std::span<const uint64_t> pages, const SlotsOf& slots_of) {
  LockedBytes bytes(pages.size() * kBlockBytes);
  std::vector<RingWrite> writes;
  std::vector<RingEntry> entries;
  auto block = free_blocks_.begin();
  for (size_t i = 0; i < pages.size(); ++i, ++block) {
    const ByteSpan place = bytes.span().subspan(i * kBlockBytes, kBlockBytes);
    const auto slots = slots_of(pages[i]);
    if (!slots.ok()) return slots.status();
    const auto key = DrawKey();
    if (!key.ok()) return key.status();
    SecretSeal seal(*key);
    for (size_t n = 0; n < kPageNumbers; ++n) {
      const OwnerNumber number = pages[i] * kPageNumbers + n;
      OwnerSlot slot = (*slots)[n];
      slot.secret = seal.Seal(SealNameOfOwner(number), slot.secret);
      WriteOwnerSlot({.block = *block, .number = number}, slot,
                     place.subspan(kBlockHeaderBytes + n * kOwnerSlotBytes, kOwnerSlotBytes));
    }
    const DueDay until = PageAt(pages[i])->until;
    WriteBlockHeader(*block, {.page = pages[i], .until = until}, place);
    writes.push_back({BlockAt(*block), place});
    entries.push_back({.kind = RingEntryKind::kPage,
                       .until = until,
                       .name = pages[i],
                       .secret = *key,
                       .block = static_cast<uint32_t>(*block)});
  }
  for (const RingEntry& entry : entries) free_blocks_.erase(*entry.block);
  if (absl::Status s = Write(RingFile::kPages, writes); !s.ok()) {
    // Of use to nobody: its key is nowhere.
    for (const RingEntry& entry : entries) leftover_blocks_.insert(*entry.block);
    return s;
  }
  for (const RingEntry& entry : entries) {
    const auto former = PageAt(entry.name)->block;
    if (former.has_value()) replaced_blocks_.insert(*former);
    Rewrite(entry, /*destroys=*/!former.has_value());
  }
  return absl::OkStatus();
}

absl::Status KeyRing::OpenPages(std::span<const uint64_t> pages) {
  if (pages.empty()) return absl::OkStatus();
  if (absl::Status s = ReserveBlocks(pages.size()); !s.ok()) return s;
  return WriteBlocks(pages, [this](uint64_t page) -> absl::StatusOr<std::vector<OwnerSlot>> {
    const auto seed = Find(RingEntryKind::kPage, page);
    if (!seed.has_value()) return absl::DataLossError("key ring: the seed of a page is damaged");
    const HmacKey secrets_of(*seed);
    std::vector<OwnerSlot> slots;
    slots.reserve(kPageNumbers);
    for (size_t n = 0; n < kPageNumbers; ++n) {
      slots.push_back({.state = OwnerState::kLive, .secret = OwnerSecretOf(secrets_of, page * kPageNumbers + n)});
    }
    return slots;
  });
}

absl::Status KeyRing::DestroyOwners(std::span<const OwnerNumber> owners) {
  const MutexLock writing(write_mutex_);
  if (absl::Status s = Finish(); !s.ok()) return s;
  std::vector<OwnerNumber> ended(owners.begin(), owners.end());
  std::sort(ended.begin(), ended.end());
  ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
  std::vector<uint64_t> closed;
  for (const OwnerNumber number : ended) {
    const auto page = PageAt(PageOf(number));
    if (!page.has_value() || page->block.has_value()) continue;
    if (closed.empty() || closed.back() != PageOf(number)) closed.push_back(PageOf(number));
  }
  // All room at once, if the disk has it; else what was kept for that.
  ReserveBlocks(closed.size()).IgnoreError();
  for (size_t at = 0; at < closed.size(); at += kOpenedAtOnce) {
    const auto some = std::span<const uint64_t>(closed).subspan(at, std::min(kOpenedAtOnce, closed.size() - at));
    if (absl::Status s = OpenPages(some); !s.ok()) return s;
  }
  for (const OwnerNumber number : ended) {
    if (!PageAt(PageOf(number)).has_value()) continue;
    dirty_owners_.insert(number);
    lost_owners_.erase(number);
    returns_.changed.insert_or_assign(number, OwnerState::kGone);
    if (options_.root != nullptr) touched_.insert(PageOf(number));
  }
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (absl::Status s = Bump(); !s.ok()) return s;
  if (disk_->out_of_reach() == 0) returns_.changed.clear();
  return absl::OkStatus();
}

absl::Status KeyRing::RestrictOwner(OwnerNumber owner, bool restricted) {
  const MutexLock writing(write_mutex_);
  if (absl::Status s = Finish(); !s.ok()) return s;
  const uint64_t name = PageOf(owner);
  auto page = PageAt(name);
  if (!page.has_value()) return absl::OkStatus();
  if (!page->block.has_value()) {
    if (absl::Status s = OpenPages({&name, 1}); !s.ok()) return s;
    if (absl::Status s = Finish(); !s.ok()) return s;
    page = PageAt(name);
  }
  auto slot = ReadSlot(*page->block, owner);
  if (!slot.ok()) return slot.status();
  if (slot->state == OwnerState::kGone) return absl::OkStatus();
  const OwnerState state = restricted ? OwnerState::kRestricted : OwnerState::kLive;
  returns_.changed.insert_or_assign(owner, state);
  if (slot->state == OwnerState::kLost) return absl::OkStatus();
  slot->state = state;
  slot->secret = SecretSeal(*Find(RingEntryKind::kPage, name)).Seal(SealNameOfOwner(owner), slot->secret);
  LockedBytes bytes(kOwnerSlotBytes);
  WriteOwnerSlot({.block = *page->block, .number = owner}, *slot, bytes.span());
  const RingWrite write{SlotAt(*page->block, owner), std::as_const(bytes).span()};
  if (absl::Status s = Write(RingFile::kPages, {&write, 1}); !s.ok()) return s;
  if (disk_->out_of_reach() == 0) returns_.changed.clear();
  return absl::OkStatus();
}

void KeyRing::ForgetPage(uint64_t page) {
  const auto found = PageAt(page);
  if (!found.has_value()) return;
  pages_until_.erase({found->until, page});
  touched_.erase(page);
  Forget({RingEntryKind::kPage, page});
  if (found->block.has_value() && !lacks_pages_) dirty_blocks_.insert(*found->block);
  const MutexLock lock(mutex_);
  pages_.erase(page);
  giving_.erase(found->until);
  ahead_.erase(found->until);
}

void KeyRing::NoteLost(OwnerNumber number) const {
  if (dirty_owners_.contains(number) || !lost_owners_.insert(number).second) return;
  ++lost_since_;
  ++lost_unseen_;
}

absl::Status KeyRing::PutLoss() {
  const RingEntry loss{.kind = RingEntryKind::kLoss, .until = DueDay::None(), .name = 0, .secret = SecretKey()};
  return PutRules({&loss, 1});
}

std::vector<RingWrite> KeyRing::WritesOf(const absl::flat_hash_set<OwnerNumber>& owners, OwnerState state,
                                         std::vector<uint8_t>& bytes) const {
  bytes.resize(owners.size() * kOwnerSlotBytes);
  std::vector<RingWrite> writes;
  for (const OwnerNumber number : owners) {
    const auto page = PageAt(PageOf(number));
    if (!page.has_value() || !page->block.has_value()) continue;  // it went with its page
    const ByteSpan place = ByteSpan(bytes).subspan(writes.size() * kOwnerSlotBytes, kOwnerSlotBytes);
    WriteOwnerSlot({.block = *page->block, .number = number}, {.state = state, .secret = {}}, place);
    writes.push_back({SlotAt(*page->block, number), place});
  }
  return writes;
}

absl::Status KeyRing::WriteLost() {
  if (lost_owners_.empty() || MayBeElsewhere()) return absl::OkStatus();
  // First, since after a crash nothing would tell.
  if (absl::Status s = PutLoss(); !s.ok()) return s;
  std::vector<uint8_t> bytes;
  const std::vector<RingWrite> writes = WritesOf(lost_owners_, OwnerState::kLost, bytes);
  if (absl::Status s = writes.empty() ? absl::OkStatus() : Write(RingFile::kPages, writes); !s.ok()) return s;
  // Part of a secret may have been left.
  NoteErasure();
  lost_owners_.clear();
  return absl::OkStatus();
}

bool KeyRing::has_untold_loss() const {
  const MutexLock writing(write_mutex_);
  return (!lost_owners_.empty() && !MayBeElsewhere()) || Find(RingEntryKind::kLoss, 0).has_value();
}

absl::Status KeyRing::MarkLossTold() {
  const MutexLock writing(write_mutex_);
  if (absl::Status s = WriteLost(); !s.ok()) return s;
  if (!Find(RingEntryKind::kLoss, 0).has_value()) return absl::OkStatus();
  Forget({RingEntryKind::kLoss, 0}, /*destroys=*/false);
  if (absl::Status s = Finish(); !s.ok()) return s;
  return Bump();
}

absl::Status KeyRing::Finish() {
  // Which entries count must be known before any goes.
  if (head_unsure_) {
    if (absl::Status s = WriteNextHead(); !s.ok()) return s;
  }
  // Keys of days and seeds of pages before what is in blocks; a failure of the one keeps nothing of the other.
  absl::Status status;
  if (!dirty_slots_.empty() || !leftover_slots_.empty()) {
    Slots slots;
    RingHead head;
    {
      const MutexLock lock(mutex_);
      head = head_;
      for (const auto* set : {&dirty_slots_, &leftover_slots_}) {
        for (const size_t slot : *set) {
          // Zeros where something was written are damage: of a change that failed nothing is known.
          if (slot < written_slots_ && !KnownEntry(slot).has_value()) Know(slot, RingEntry());
          slots.emplace(slot, KnownEntry(slot));
        }
      }
    }
    status = WriteSlots(slots, head);
    if (status.ok()) {
      for (const auto& [slot, entry] : slots) {
        if (!entry.has_value() || !entry->lives()) free_slots_.insert(slot);
      }
      if (!dirty_slots_.empty()) NoteErasure();
      dirty_slots_.clear();
      leftover_slots_.clear();
    }
  }
  if (status.ok()) leftover_blocks_.merge(replaced_blocks_);
  if (!dirty_blocks_.empty() || !leftover_blocks_.empty() || !dirty_owners_.empty()) {
    static constexpr std::array<uint8_t, kBlockBytes> kZeros{};
    std::vector<uint8_t> tombstones;
    std::vector<RingWrite> writes = WritesOf(dirty_owners_, OwnerState::kGone, tombstones);
    for (const auto* set : {&dirty_blocks_, &leftover_blocks_}) {
      for (const size_t block : *set) writes.push_back({BlockAt(block), kZeros});
    }
    const absl::Status written = writes.empty() ? absl::OkStatus() : Write(RingFile::kPages, writes);
    status.Update(written);
    if (written.ok()) {
      if (!dirty_blocks_.empty() || !dirty_owners_.empty()) NoteErasure();
      free_blocks_.merge(dirty_blocks_);
      free_blocks_.merge(leftover_blocks_);
      dirty_blocks_.clear();
      leftover_blocks_.clear();
      dirty_owners_.clear();
    }
  }
  if (!status.ok()) return status;
  return bump_owed_ || second_head_owed_ ? WriteNextHead() : absl::OkStatus();
}

}  // namespace retention
