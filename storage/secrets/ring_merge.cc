#include "storage/secrets/ring_merge.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "storage/secrets/ring_units.h"

namespace retention {
namespace {

// Makes the runs of all alike, in memory: each unit as in the first in which it is whole.
Merged MergeRuns(std::vector<LockedBytes>& runs, const std::vector<RingUnit>& units) {
  Merged merged;
  for (const RingUnit& unit : units) {
    const auto of = [&](LockedBytes& run) { return run.span().subspan(unit.offset, unit.size); };
    const auto alike = [&](LockedBytes& run) {
      return std::memcmp(of(run).data(), of(runs.front()).data(), unit.size) == 0;
    };
    const bool first_is_whole = unit.whole(of(runs.front()));
    if (first_is_whole && std::all_of(runs.begin(), runs.end(), alike)) continue;
    const auto best = std::find_if(runs.begin(), runs.end(), [&](LockedBytes& run) { return unit.whole(of(run)); });
    if (best == runs.end()) {
      ++merged.damaged;
      continue;
    }
    for (auto run = runs.begin(); run != runs.end(); ++run) {
      if (run == best) continue;
      if (!unit.whole(of(*run))) ++merged.mended;
      std::memcpy(of(*run).data(), of(*best).data(), unit.size);
    }
  }
  return merged;
}

// Makes `size` bytes at `offset` alike in the replicas `equals`, and durable. `at` is the one that it came to last.
absl::StatusOr<Merged> MergeRun(RingDisk& disk, const std::vector<size_t>& equals, RingFile file, uint64_t offset,
                                size_t size,
                                const std::function<std::vector<RingUnit>(std::vector<LockedBytes>&)>& units,
                                size_t& at) {
  std::vector<LockedBytes> runs;
  std::vector<LockedBytes> before;
  for (const size_t i : equals) {
    at = i;
    LockedBytes& run = runs.emplace_back(size);
    if (absl::Status s = disk.replica(i).ReadAt(file, offset, run.span()); !s.ok()) return s;
    std::memcpy(before.emplace_back(size).data(), run.data(), size);
  }
  const Merged merged = MergeRuns(runs, units(runs));
  for (size_t i = 0; i < equals.size(); ++i) {
    if (std::memcmp(runs[i].data(), before[i].data(), size) == 0) continue;
    at = equals[i];
    const RingWrite write{offset, std::as_const(runs[i]).span()};
    if (absl::Status s = disk.replica(at).Write(file, {&write, 1}); !s.ok()) return s;
  }
  return merged;
}

// Pages by the blocks that entries name.
absl::StatusOr<std::map<uint64_t, uint64_t>> NamedBlocks(const RingReplica& replica, uint32_t epoch) {
  const auto keys = replica.Read(RingFile::kKeys);
  if (!keys.ok()) return keys.status();
  std::map<uint64_t, uint64_t> pages;
  for (size_t at = kRingFileHeaderBytes; at + kEntryBytes <= keys->size(); at += kEntryBytes) {
    const auto entry = ReadEntry(keys->span().subspan(at, kEntryBytes));
    if (entry.has_value() && entry->epoch == epoch && entry->block.has_value()) pages[*entry->block] = entry->name;
  }
  return pages;
}

absl::StatusOr<Merged> MergeAll(RingDisk& disk, const std::vector<size_t>& equals, uint32_t epoch, bool lacks_pages,
                                size_t& at) {
  Merged all;
  const auto count = [&](const absl::StatusOr<Merged>& merged) {
    if (!merged.ok()) return merged.status();
    all.mended += merged->mended;
    all.damaged += merged->damaged;
    return absl::OkStatus();
  };
  for (const RingFile file : {RingFile::kKeys, RingFile::kPages}) {
    if (file == RingFile::kPages && lacks_pages) break;
    at = equals.front();
    const auto size = disk.replica(at).Size(file);
    if (!size.ok()) return size.status();
    if (file == RingFile::kKeys) {
      const size_t bytes = *size - kRingFileHeaderBytes;
      const auto units = [bytes](std::vector<LockedBytes>&) { return UnitsOfKeys(bytes); };
      absl::Status s = count(MergeRun(disk, equals, file, kRingFileHeaderBytes, bytes, units, at));
      if (!s.ok()) return s;
      continue;
    }
    const auto pages = NamedBlocks(disk.replica(equals.front()), epoch);
    if (!pages.ok()) return pages.status();
    uint64_t block = 0;
    for (uint64_t from = kRingFileHeaderBytes; from + kBlockBytes <= *size; from += kBlockBytes, ++block) {
      const auto page = pages->find(block);
      const bool is_named = page != pages->end();
      const auto units = [&](std::vector<LockedBytes>& runs) {
        return UnitsOfBlock(is_named ? page->second : PageOfBlock(runs));
      };
      const auto merged = MergeRun(disk, equals, file, from, kBlockBytes, units, at);
      // What no entry names is of no use, damaged or not; it goes once all replicas have it alike.
      if (absl::Status s = is_named ? count(merged) : merged.status(); !s.ok()) return s;
    }
  }
  return all;
}

}  // namespace

absl::StatusOr<Merged> MergeReplicas(RingDisk& disk, std::vector<size_t> equals, uint32_t epoch, bool lacks_pages) {
  absl::Status left_alone;
  for (;;) {
    size_t at = equals.front();
    auto merged = MergeAll(disk, equals, epoch, lacks_pages, at);
    if (!merged.ok() && equals.size() > 1) {
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
