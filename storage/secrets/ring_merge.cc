#include "storage/secrets/ring_merge.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "storage/secrets/ring_units.h"

namespace retention {
namespace {

// Makes the runs of all alike, in memory: each unit as in the first in which it is whole and that yields to no other.
Merged MergeRuns(std::vector<LockedBytes>& runs, const std::vector<RingUnit>& units) {
  Merged merged;
  for (const RingUnit& unit : units) {
    const auto of = [&](LockedBytes& run) { return run.span().subspan(unit.offset, unit.size); };
    const auto alike = [&](LockedBytes& run) {
      return std::memcmp(of(run).data(), of(runs.front()).data(), unit.size) == 0;
    };
    const bool first_is_whole = unit.IsWhole(of(runs.front()));
    if (first_is_whole && std::all_of(runs.begin(), runs.end(), alike)) continue;
    auto best = runs.end();
    for (auto run = runs.begin(); run != runs.end(); ++run) {
      if (unit.IsWhole(of(*run)) && (best == runs.end() || unit.Yields(of(*best), of(*run)))) best = run;
    }
    if (best == runs.end()) {
      // A block's header says nothing that its page's entry does not; it is written anew while the ring is open.
      if (unit.kind != RingUnit::Kind::kBlockHeader) ++merged.damaged;
      continue;
    }
    for (auto run = runs.begin(); run != runs.end(); ++run) {
      if (run == best) continue;
      if (!unit.IsWhole(of(*run))) ++merged.mended;
      std::memcpy(of(*run).data(), of(*best).data(), unit.size);
    }
  }
  return merged;
}

// Pages by the blocks that entries name.
std::map<uint64_t, uint64_t> NamedBlocks(ConstByteSpan keys, const RingHead& head) {
  std::map<uint64_t, uint64_t> pages;
  for (size_t slot = 0; kRingFileHeaderBytes + (slot + 1) * kEntryBytes <= keys.size(); ++slot) {
    const auto entry = ReadEntry(slot, keys.subspan(kRingFileHeaderBytes + slot * kEntryBytes, kEntryBytes));
    const bool counts = entry.has_value() && entry->lives() && entry->epoch == head.epoch;
    if (counts && entry->block.has_value()) pages[*entry->block] = entry->name;
  }
  return pages;
}

// Whether one of the units is whole in `lower`, and not in `later`, be it that it is cut off there.
bool LacksOneOf(ConstByteSpan lower, ConstByteSpan later, const std::vector<RingUnit>& units) {
  return std::any_of(units.begin(), units.end(), [&](const RingUnit& unit) {
    const auto is_whole = [&unit](ConstByteSpan run) {
      return unit.offset + unit.size <= run.size() && unit.IsWhole(run.subspan(unit.offset, unit.size));
    };
    return unit.kind != RingUnit::Kind::kBlockHeader && is_whole(lower) && !is_whole(later);
  });
}

bool AreWhole(ConstByteSpan run, const std::vector<RingUnit>& units) {
  return std::all_of(units.begin(), units.end(), [run](const RingUnit& unit) {
    if (unit.kind == RingUnit::Kind::kBlockHeader) return true;
    return unit.offset + unit.size <= run.size() && unit.IsWhole(run.subspan(unit.offset, unit.size));
  });
}

// A block of `pages`, which is so long; empty if it is cut off.
absl::StatusOr<LockedBytes> BlockAt(const RingReplica& replica, uint64_t block, uint64_t size) {
  const uint64_t from = kRingFileHeaderBytes + block * kBlockBytes;
  if (from + kBlockBytes > size) return LockedBytes();
  LockedBytes bytes(kBlockBytes);
  if (absl::Status s = replica.ReadAt(RingFile::kPages, from, bytes.span()); !s.ok()) return s;
  return bytes;
}

// Of one merge: `at` is the replica that it came to last.
class Merging {
 public:
  Merging(RingDisk& disk, const std::vector<size_t>& equals, const RingHead& head)
      : disk_(disk), equals_(equals), head_(head), at_(equals.front()) {}

  size_t at() const { return at_; }
  absl::StatusOr<Merged> All(bool lacks_pages) {
    absl::Status s = Keys();
    if (s.ok() && !lacks_pages) s = Pages();
    if (!s.ok()) return s;
    return all_;
  }

 private:
  absl::Status Keys() {
    if (absl::Status s = Header(RingFile::kKeys); !s.ok()) return s;
    const auto size = Size(RingFile::kKeys);
    if (!size.ok()) return size.status();
    const size_t bytes = *size - kRingFileHeaderBytes;
    return Run(RingFile::kKeys, kRingFileHeaderBytes, bytes, UnitsOfKeys(bytes, head_.entries_written));
  }
  absl::Status Pages() {
    if (absl::Status s = Header(RingFile::kPages); !s.ok()) return s;
    const auto size = Size(RingFile::kPages);
    if (!size.ok()) return size.status();
    const auto keys = disk_.replica(at_).Read(RingFile::kKeys);
    if (!keys.ok()) return keys.status();
    const std::map<uint64_t, uint64_t> pages = NamedBlocks(keys->span(), head_);
    uint64_t block = 0;
    for (uint64_t from = kRingFileHeaderBytes; from + kBlockBytes <= *size; from += kBlockBytes, ++block) {
      const auto page = pages.find(block);
      const auto name = page == pages.end() ? std::nullopt : std::optional(page->second);
      if (absl::Status s = Run(RingFile::kPages, from, kBlockBytes, UnitsOfBlock(block, name)); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // It follows from the head.
  absl::Status Header(RingFile file) {
    LockedBytes expected(kRingFileHeaderBytes);
    WriteFileHeader(file, head_, expected.span());
    for (const size_t i : equals_) {
      at_ = i;
      LockedBytes found(kRingFileHeaderBytes);
      if (absl::Status s = disk_.replica(i).ReadAt(file, 0, found.span()); !s.ok()) return s;
      if (std::memcmp(found.data(), expected.data(), kRingFileHeaderBytes) == 0) continue;
      const RingWrite write{0, std::as_const(expected).span()};
      if (absl::Status s = disk_.replica(i).Write(file, {&write, 1}); !s.ok()) return s;
      ++all_.mended;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size(RingFile file) {
    at_ = equals_.front();
    return disk_.replica(at_).Size(file);
  }
  // Makes `size` bytes at `offset` alike, and durable.
  absl::Status Run(RingFile file, uint64_t offset, size_t size, const std::vector<RingUnit>& units) {
    std::vector<LockedBytes> runs;
    std::vector<LockedBytes> before;
    for (const size_t i : equals_) {
      at_ = i;
      LockedBytes& run = runs.emplace_back(size);
      if (absl::Status s = disk_.replica(i).ReadAt(file, offset, run.span()); !s.ok()) return s;
      std::memcpy(before.emplace_back(size).data(), run.data(), size);
    }
    const Merged merged = MergeRuns(runs, units);
    for (size_t i = 0; i < equals_.size(); ++i) {
      if (std::memcmp(runs[i].data(), before[i].data(), size) == 0) continue;
      at_ = equals_[i];
      const RingWrite write{offset, std::as_const(runs[i]).span()};
      if (absl::Status s = disk_.replica(at_).Write(file, {&write, 1}); !s.ok()) return s;
    }
    all_.mended += merged.mended;
    all_.damaged += merged.damaged;
    return absl::OkStatus();
  }
  RingDisk& disk_;
  const std::vector<size_t>& equals_;
  const RingHead& head_;
  size_t at_;
  Merged all_;
};

}  // namespace

absl::StatusOr<std::optional<RingFile>> LostWithout(const RingReplica& lower, const RingHead& lower_head,
                                                    const RingReplica& later, const RingHead& head, bool lacks_pages) {
  const auto keys = later.Read(RingFile::kKeys);
  if (!keys.ok()) return keys.status();
  const auto lower_keys = lower.Read(RingFile::kKeys);
  if (!lower_keys.ok()) return lower_keys.status();
  const auto entries_of = [](const LockedBytes& file) {
    return file.span().subspan(std::min<size_t>(kRingFileHeaderBytes, file.size()));
  };
  const ConstByteSpan entries = entries_of(*keys);
  const ConstByteSpan lower_entries = entries_of(*lower_keys);
  // What lies behind all that was ever written is whole in either.
  const uint32_t written = std::min(head.entries_written, lower_head.entries_written);
  if (LacksOneOf(lower_entries, entries, UnitsOfKeys(written * kEntryBytes, written))) return RingFile::kKeys;
  if (lacks_pages) return std::nullopt;
  const auto size = later.Size(RingFile::kPages);
  if (!size.ok()) return size.status();
  const auto lower_size = lower.Size(RingFile::kPages);
  if (!lower_size.ok()) return lower_size.status();
  const std::map<uint64_t, uint64_t> lower_blocks = NamedBlocks(lower_keys->span(), lower_head);
  for (const auto& [block, page] : NamedBlocks(keys->span(), head)) {
    const auto bytes = BlockAt(later, block, *size);
    if (!bytes.ok()) return bytes.status();
    const std::vector<RingUnit> units = UnitsOfBlock(block, page);
    const auto opened = lower_blocks.find(block);
    if (opened == lower_blocks.end() || opened->second != page) {
      // There the page is not opened yet, and all of it is in its seed.
      if (!AreWhole(bytes->span(), units)) return RingFile::kPages;
      continue;
    }
    const auto lower_bytes = BlockAt(lower, block, *lower_size);
    if (!lower_bytes.ok()) return lower_bytes.status();
    if (LacksOneOf(lower_bytes->span(), bytes->span(), units)) return RingFile::kPages;
  }
  return std::nullopt;
}

absl::StatusOr<Merged> MergeReplicas(RingDisk& disk, std::vector<size_t> equals, const RingHead& head,
                                     bool lacks_pages) {
  absl::Status left_alone;
  for (;;) {
    Merging merging(disk, equals, head);
    auto merged = merging.All(lacks_pages);
    if (!merged.ok() && equals.size() > 1) {
      const size_t at = merging.at();
      std::erase(equals, at);
      disk.SetStale(at, merged.status());
      left_alone.Update(merged.status());
      continue;
    }
    if (merged.ok()) merged->left_alone = left_alone;
    return merged;
  }
}

}  // namespace retention
