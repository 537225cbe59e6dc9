// A replica that was away and is back: before it is overwritten, what the others lack by damage is taken back from it.
// That is secrets in opened pages alone: all else is in memory for as long as the ring is open.
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"

namespace retention {
namespace {

// Owners of a page by what their replica says, in the clear.
class ReturnedPage {
 public:
  // `entry`: the page's, as it lies in `replica`. Under `entries_key`.
  static absl::StatusOr<ReturnedPage> Read(const RingReplica& replica, const RingEntry& entry,
                                           const SecretKey& entries_key) {
    ReturnedPage page;
    page.entry_ = entry;
    page.key_ = SecretSeal(entries_key).Open(SealNameOf(entry), entry.secret);
    if (!entry.block.has_value()) return page;
    const auto size = replica.Size(RingFile::kPages);
    if (!size.ok()) return size.status();
    page.block_ = LockedBytes(kBlockBytes);
    const uint64_t from = kRingFileHeaderBytes + *entry.block * kBlockBytes;
    // What is cut off there is damaged.
    if (from + kBlockBytes > *size) return page;
    if (absl::Status s = replica.ReadAt(RingFile::kPages, from, page.block_.span()); !s.ok()) return s;
    return page;
  }
  // nullopt if it is damaged.
  std::optional<OwnerSlot> Find(OwnerNumber number) const {
    if (!entry_.block.has_value()) {
      return OwnerSlot{.state = OwnerState::kLive, .secret = OwnerSecretOf(HmacKey(key_), number)};
    }
    const ConstByteSpan bytes =
        block_.span().subspan(kBlockHeaderBytes + number % kPageNumbers * kOwnerSlotBytes, kOwnerSlotBytes);
    auto slot = ReadOwnerSlot({.block = *entry_.block, .number = number}, bytes);
    const bool lives = slot.has_value() && (slot->state == OwnerState::kLive || slot->state == OwnerState::kRestricted);
    if (lives) slot->secret = SecretSeal(key_).Open(SealNameOfOwner(number), slot->secret);
    return slot;
  }

 private:
  RingEntry entry_;
  SecretKey key_;  // the page's seed, or its block's key
  LockedBytes block_;
};

// The entries of opened and unopened pages in `replica`, by their pages, as they lie.
absl::StatusOr<std::map<uint64_t, RingEntry>> PagesIn(const RingReplica& replica, uint32_t epoch) {
  const auto keys = replica.Read(RingFile::kKeys);
  if (!keys.ok()) return keys.status();
  std::map<uint64_t, RingEntry> pages;
  for (size_t slot = 0; kRingFileHeaderBytes + (slot + 1) * kEntryBytes <= keys->size(); ++slot) {
    auto entry =
        ReadEntry(slot, std::as_const(*keys).span().subspan(kRingFileHeaderBytes + slot * kEntryBytes, kEntryBytes));
    const bool counts = entry.has_value() && entry->lives() && entry->epoch == epoch;
    if (!counts || entry->kind != RingEntryKind::kPage) continue;
    const uint64_t page = entry->name;
    pages.insert_or_assign(page, *std::move(entry));
  }
  return pages;
}

}  // namespace

bool KeyRing::MayBeElsewhere() const {
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (disk_->stale(i) && !returns_.asked.contains(i)) return true;
  }
  return false;
}

absl::Status KeyRing::GiveUpElsewhere() {
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (disk_->stale(i)) returns_.asked.insert(i);
  }
  return WriteLost();
}

absl::Status KeyRing::FindDamaged() {
  if (lacks_pages_) return absl::OkStatus();
  std::map<size_t, uint64_t> pages;
  {
    const MutexLock lock(mutex_);
    for (const auto& [page, known] : pages_) {
      if (known.block.has_value()) pages.emplace(*known.block, page);
    }
  }
  for (const auto& [block, page] : pages) {
    if (const auto slots = ReadSlots(page); !slots.ok()) return slots.status();  // what is damaged it notes
  }
  return absl::OkStatus();
}

absl::Status KeyRing::TakeBack(size_t i, const RingHead& head) {
  RingReplica& replica = disk_->replica(i);
  const auto found = HeadIn(replica);
  if (!found.ok()) return found.status();
  const uint64_t generation = found->has_value() ? (*found)->generation : 0;
  const uint64_t latest = returns_.unseen.contains(i) ? returns_.found_generation : last_generation_;
  if (generation > latest) {
    return absl::FailedPreconditionError(absl::StrCat("key ring: ", replica.directory(), " is of generation ",
                                                      generation, ", which is later than what was gone on with, ",
                                                      latest, ": it is left as it lies"));
  }
  if (absl::Status s = FindDamaged(); !s.ok()) return s;
  const auto refused = [&] {
    return absl::FailedPreconditionError(
        absl::StrCat("key ring: ", replica.directory(),
                     " may have what the other one lost by damage, but nothing tells whether that was destroyed since: "
                     "it is left as it lies; start anew, which says what to do"));
  };
  // Without a head nothing tells what it has, unless that is nothing, or is being overwritten already.
  const bool has_any = replica.Has(RingFile::kHead) || replica.Has(RingFile::kKeys);
  if (!lost_owners_.empty() && !found->has_value() && has_any && !returns_.asked.contains(i)) return refused();
  // Under another root, or another wrapping key, nobody can read it.
  const bool is_readable = found->has_value() && (*found)->epoch == head.epoch;
  if (lost_owners_.empty() || !is_readable) {
    returns_.asked.insert(i);
    return WriteLost();
  }
  const auto pages = PagesIn(replica, head.epoch);
  if (!pages.ok()) return pages.status();
  std::map<uint64_t, ReturnedPage> read;
  std::map<OwnerNumber, OwnerSlot> back;
  for (const OwnerNumber number : lost_owners_) {
    const auto entry = pages->find(number / kPageNumbers);
    if (entry == pages->end()) continue;
    if (!read.contains(entry->first)) {
      auto page = ReturnedPage::Read(replica, entry->second, head.keys.entries);
      if (!page.ok()) return page.status();
      read.emplace(entry->first, *std::move(page));
    }
    auto slot = read.at(entry->first).Find(number);
    if (!slot.has_value() || slot->state == OwnerState::kLost) continue;
    const auto since = returns_.changed.find(number);
    if (since != returns_.changed.end()) slot->state = since->second;
    // It is of the past of what was opened: it may have been destroyed by then.
    if (slot->state != OwnerState::kGone && generation < returns_.found_generation) return refused();
    back.emplace(number, *std::move(slot));
  }
  if (absl::Status s = WriteBack(back); !s.ok()) return s;
  returns_.asked.insert(i);
  return WriteLost();
}

absl::Status KeyRing::WriteBack(const std::map<OwnerNumber, OwnerSlot>& back) {
  LockedBytes bytes(back.size() * kOwnerSlotBytes);
  std::vector<RingWrite> writes;
  for (const auto& [number, slot] : back) {
    const uint64_t name = number / kPageNumbers;
    const auto page = PageAt(name);
    const auto key = Find(RingEntryKind::kPage, name);
    if (!page.has_value() || !page->block.has_value() || !key.has_value()) continue;  // it went with its page
    OwnerSlot sealed = slot;
    const bool lives = slot.state == OwnerState::kLive || slot.state == OwnerState::kRestricted;
    sealed.secret = lives ? SecretSeal(*key).Seal(SealNameOfOwner(number), slot.secret) : SecretKey();
    const ByteSpan place = bytes.span().subspan(writes.size() * kOwnerSlotBytes, kOwnerSlotBytes);
    WriteOwnerSlot({.block = *page->block, .number = number}, sealed, place);
    writes.push_back({kRingFileHeaderBytes + *page->block * kBlockBytes + kBlockHeaderBytes +
                          number % kPageNumbers * kOwnerSlotBytes,
                      place});
  }
  if (writes.empty()) return absl::OkStatus();
  if (absl::Status s = Write(RingFile::kPages, writes); !s.ok()) return s;
  for (const auto& [number, slot] : back) {
    lost_owners_.erase(number);
    if (lost_since_ > 0) --lost_since_;
  }
  return absl::OkStatus();
}

}  // namespace retention
