#include "storage/secrets/ring_merge.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "storage/secrets/ring_units.h"

namespace retention {
namespace {

struct MergedRuns {
  size_t mended = 0;
  size_t damaged = 0;
};

// Makes the runs of all alike, in memory: each unit as in the first in which it is whole and that yields to no other.
MergedRuns MergeRuns(std::vector<LockedBytes>& runs, const std::vector<RingUnit>& units) {
  MergedRuns merged;
  for (const RingUnit& unit : units) {
    const auto of = [&](LockedBytes& run) { return run.span().subspan(unit.offset, unit.size); };
    const auto alike = [&](LockedBytes& run) {
      const ConstByteSpan bytes = of(run);
      return std::equal(bytes.begin(), bytes.end(), of(runs.front()).begin());
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

// What entries say of pages: the block of one that is opened; none where all of it is in its seed.
std::map<uint64_t, std::optional<uint64_t>> NamedPages(ConstByteSpan keys, const RingHead& head) {
  std::map<uint64_t, std::optional<uint64_t>> pages;
  for (size_t slot = 0; kRingFileHeaderBytes + (slot + 1) * kEntryBytes <= keys.size(); ++slot) {
    const auto entry = ReadEntry(slot, keys.subspan(kRingFileHeaderBytes + slot * kEntryBytes, kEntryBytes));
    const bool counts = entry.has_value() && entry->lives() && entry->epoch == head.epoch;
    if (!counts || entry->kind != RingEntryKind::kPage) continue;
    pages[entry->name] = entry->block.has_value() ? std::optional<uint64_t>(*entry->block) : std::nullopt;
  }
  return pages;
}

// Whether `unit` is whole in `run`, which may be cut off.
bool IsWholeIn(ConstByteSpan run, const RingUnit& unit) {
  return unit.offset + unit.size <= run.size() && unit.IsWhole(run.subspan(unit.offset, unit.size));
}

// Whether one of the units is whole in `lower`, and not in `later`.
bool LacksOneOf(ConstByteSpan lower, ConstByteSpan later, const std::vector<RingUnit>& units) {
  return std::any_of(units.begin(), units.end(), [&](const RingUnit& unit) {
    return unit.kind != RingUnit::Kind::kBlockHeader && IsWholeIn(lower, unit) && !IsWholeIn(later, unit);
  });
}

bool AreWhole(ConstByteSpan run, const std::vector<RingUnit>& units) {
  return std::all_of(units.begin(), units.end(), [run](const RingUnit& unit) {
    return unit.kind == RingUnit::Kind::kBlockHeader || IsWholeIn(run, unit);
  });
}

// `size` bytes of a file from `offset` on; zeros, which are whole nowhere, from its end on.
absl::StatusOr<LockedBytes> PaddedRun(const RingReplica& replica, RingFile file, uint64_t offset, size_t size) {
  const auto has = replica.Size(file);
  if (!has.ok()) return has.status();
  LockedBytes run(size);
  const uint64_t end = std::min<uint64_t>(*has, offset + size);
  if (end <= offset) return run;
  if (absl::Status s = replica.ReadAt(file, offset, run.span().first(end - offset)); !s.ok()) return s;
  return run;
}

// Of one merge.
class Merging {
 public:
  Merging(RingDisk& disk, const std::vector<size_t>& equals, const std::vector<MergeSource>& also, const RingHead& head)
      : disk_(disk), equals_(equals), also_(also), head_(head) {}

  absl::StatusOr<Merged> All(bool lacks_pages) {
    absl::Status s = Keys();
    if (s.ok() && !lacks_pages) s = Pages();
    if (!s.ok()) return s;
    for (const auto& [i, why] : failed_) {
      disk_.SetStale(i, why);
      all_.left_alone.Update(why);
    }
    return all_;
  }

 private:
  // OK unless it was the last of those that are written.
  absl::Status Fail(size_t i, const absl::Status& why) {
    failed_.emplace(i, why);
    return failed_.size() < equals_.size() ? absl::OkStatus() : failed_.begin()->second;
  }
  absl::Status Keys() {
    const auto size = Prepare(RingFile::kKeys);
    if (!size.ok()) return size.status();
    const size_t bytes = *size - kRingFileHeaderBytes;
    const size_t slots = bytes / kEntryBytes;
    if (slots < head_.entries_written) all_.cut_keys = head_.entries_written - slots;
    const auto keys = Run(RingFile::kKeys, kRingFileHeaderBytes, bytes, UnitsOfKeys(bytes, head_.entries_written));
    if (!keys.ok()) return keys.status();
    LockedBytes file(*size);
    std::memcpy(file.data() + kRingFileHeaderBytes, keys->data(), bytes);
    for (const auto& [page, block] : NamedPages(file.span(), head_)) {
      if (block.has_value()) pages_.emplace(*block, page);
    }
    return absl::OkStatus();
  }
  absl::Status Pages() {
    const auto size = Prepare(RingFile::kPages);
    if (!size.ok()) return size.status();
    uint64_t block = 0;
    for (uint64_t from = kRingFileHeaderBytes; from + kBlockBytes <= *size; from += kBlockBytes, ++block) {
      const auto page = pages_.find(block);
      const auto name = page == pages_.end() ? std::nullopt : std::optional(page->second);
      const auto run = Run(RingFile::kPages, from, kBlockBytes, UnitsOfBlock(block, name));
      if (!run.ok()) return run.status();
    }
    for (auto cut = pages_.lower_bound(block); cut != pages_.end(); ++cut) ++all_.cut_pages;
    return absl::OkStatus();
  }

  // The size of the longest, which all get, and the header, which follows from the head.
  absl::StatusOr<uint64_t> Prepare(RingFile file) {
    uint64_t longest = kRingFileHeaderBytes;
    std::map<size_t, uint64_t> sizes;
    for (const MergeSource& source : also_) {
      const auto size = disk_.replica(source.replica).Size(file);
      if (size.ok() && !source.lacks.contains(file)) longest = std::max(longest, *size);
    }
    for (const size_t i : equals_) {
      const auto size = disk_.replica(i).Size(file);
      if (!size.ok()) return size.status();
      sizes[i] = *size;
      longest = std::max(longest, *size);
    }
    LockedBytes expected(kRingFileHeaderBytes);
    WriteFileHeader(file, head_, expected.span());
    for (const size_t i : equals_) {
      if (failed_.contains(i)) continue;
      RingReplica& replica = disk_.replica(i);
      absl::Status prepared = sizes[i] < longest ? replica.Extend(file, longest) : absl::OkStatus();
      LockedBytes found(kRingFileHeaderBytes);
      prepared.Update(replica.ReadAt(file, 0, found.span()));
      if (prepared.ok() && std::memcmp(found.data(), expected.data(), kRingFileHeaderBytes) != 0) {
        const RingWrite write{0, std::as_const(expected).span()};
        prepared = replica.Write(file, {&write, 1});
        if (prepared.ok()) ++all_.mended;
      }
      if (prepared.ok()) continue;
      if (absl::Status s = Fail(i, prepared); !s.ok()) return s;
    }
    return longest;
  }
  // Makes `size` bytes at `offset` alike in all that are written, and durable.
  absl::StatusOr<LockedBytes> Run(RingFile file, uint64_t offset, size_t size, const std::vector<RingUnit>& units) {
    std::vector<LockedBytes> runs;
    std::vector<LockedBytes> before;
    std::vector<size_t> written;
    for (const size_t i : equals_) {
      if (failed_.contains(i)) continue;
      auto run = PaddedRun(disk_.replica(i), file, offset, size);
      if (!run.ok()) {
        if (absl::Status s = Fail(i, run.status()); !s.ok()) return s;
        continue;
      }
      std::memcpy(before.emplace_back(size).data(), run->data(), size);
      runs.push_back(*std::move(run));
      written.push_back(i);
    }
    const auto is_damaged = [&](LockedBytes& run) { return !AreWhole(run.span(), units); };
    // A disk that fails is asked for what nobody else has, and for nothing else.
    std::optional<size_t> unread;
    if (std::all_of(runs.begin(), runs.end(), is_damaged)) unread = ReadOthers(file, offset, size, runs);
    const MergedRuns merged = MergeRuns(runs, units);
    if (merged.damaged > 0 && unread.has_value()) all_.unread = unread;
    for (size_t at = 0; at < written.size(); ++at) {
      if (std::memcmp(runs[at].data(), before[at].data(), size) == 0) continue;
      const RingWrite write{offset, std::as_const(runs[at]).span()};
      absl::Status s = disk_.replica(written[at]).Write(file, {&write, 1});
      if (!s.ok()) s = Fail(written[at], s);
      if (!s.ok()) return s;
    }
    all_.mended += merged.mended;
    (file == RingFile::kKeys ? all_.damaged_keys : all_.damaged_pages) += merged.damaged;
    return std::move(runs.front());
  }
  // Adds what lies there in those that are not written. One that cannot be read, if there is any.
  std::optional<size_t> ReadOthers(RingFile file, uint64_t offset, size_t size, std::vector<LockedBytes>& runs) const {
    std::optional<size_t> unread;
    const auto read = [&](size_t i) {
      auto run = PaddedRun(disk_.replica(i), file, offset, size);
      if (run.ok()) {
        runs.push_back(*std::move(run));
      } else {
        unread = i;
      }
    };
    for (const auto& [i, why] : failed_) read(i);
    for (const MergeSource& source : also_) {
      if (!source.lacks.contains(file)) read(source.replica);
    }
    return unread;
  }

  RingDisk& disk_;
  const std::vector<size_t>& equals_;
  const std::vector<MergeSource>& also_;
  const RingHead& head_;
  std::map<size_t, absl::Status> failed_;  // of `equals_`
  std::map<uint64_t, uint64_t> pages_;     // by the blocks that entries name
  Merged all_;
};

}  // namespace

absl::StatusOr<std::optional<RingFile>> LostWithout(const RingReplica& lower, const RingHead& lower_head,
                                                    const std::set<RingFile>& lower_lacks, const RingReplica& later,
                                                    const RingHead& head, bool lacks_pages) {
  const auto keys = later.Read(RingFile::kKeys);
  if (!keys.ok()) return keys.status();
  absl::StatusOr<LockedBytes> lower_keys = LockedBytes();
  if (!lower_lacks.contains(RingFile::kKeys)) lower_keys = lower.Read(RingFile::kKeys);
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
  const auto lower_pages = NamedPages(lower_keys->span(), lower_head);
  for (const auto& [page, block] : NamedPages(keys->span(), head)) {
    const auto lower_page = lower_pages.find(page);
    if (!block.has_value() || lower_page == lower_pages.end()) continue;
    const uint64_t from = kRingFileHeaderBytes + *block * kBlockBytes;
    const auto bytes = PaddedRun(later, RingFile::kPages, from, kBlockBytes);
    if (!bytes.ok()) return bytes.status();
    const std::vector<RingUnit> units = UnitsOfBlock(*block, page);
    if (AreWhole(bytes->span(), units)) continue;
    // There the page is not opened yet, and all of it is in its seed; or it lies in another block.
    if (lower_page->second != block) return RingFile::kPages;
    if (lower_lacks.contains(RingFile::kPages)) continue;
    const auto lower_bytes = PaddedRun(lower, RingFile::kPages, from, kBlockBytes);
    if (!lower_bytes.ok()) return lower_bytes.status();
    if (LacksOneOf(lower_bytes->span(), bytes->span(), units)) return RingFile::kPages;
  }
  return std::nullopt;
}

absl::StatusOr<Merged> MergeReplicas(RingDisk& disk, const std::vector<size_t>& equals,
                                     const std::vector<MergeSource>& also, const RingHead& head, bool lacks_pages) {
  return Merging(disk, equals, also, head).All(lacks_pages);
}

}  // namespace retention
