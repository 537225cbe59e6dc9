// Damage that nobody has met yet: replicas are looked through, a part at a time, for as long as the ring is open.
#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/ring_units.h"

namespace retention {
namespace {

bool AreAlike(ConstByteSpan one, ConstByteSpan other) { return std::memcmp(one.data(), other.data(), one.size()) == 0; }

}  // namespace

absl::StatusOr<std::vector<LockedBytes>> KeyRing::ReadCut(RingFile file, uint64_t offset, size_t size,
                                                          const absl::Status& why) {
  std::vector<LockedBytes> runs;
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (!disk_->in_reach(i)) continue;
    RingReplica& replica = disk_->replica(i);
    const auto has = replica.Size(file);
    if (!has.ok() || *has >= offset + size || !replica.Extend(file, offset + size).ok()) continue;
    LockedBytes run(size);
    if (replica.ReadAt(file, offset, run.span()).ok()) runs.push_back(std::move(run));
  }
  if (runs.empty()) return why;
  return runs;
}

absl::StatusOr<std::vector<LockedBytes>> KeyRing::ReadRun(RingFile file, uint64_t offset, size_t size) {
  std::vector<LockedBytes> runs;
  std::vector<std::pair<size_t, absl::Status>> failed;
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (!disk_->in_reach(i)) continue;
    LockedBytes run(size);
    absl::Status read = disk_->replica(i).ReadAt(file, offset, run.span());
    if (read.ok()) {
      runs.push_back(std::move(run));
    } else {
      failed.emplace_back(i, std::move(read));
    }
  }
  // One that cannot be read is overwritten by the next Mend; the last one never.
  if (runs.empty())
    return ReadCut(file, offset, size,
                   failed.empty() ? absl::UnavailableError("key ring: out of reach") : failed.front().second);
  for (const auto& [i, why] : failed) SetStale(i, why);
  return runs;
}

void KeyRing::SetStale(size_t replica, const absl::Status& why) {
  disk_->SetStale(replica, why);
  bump_owed_ = true;
}

absl::StatusOr<bool> KeyRing::PutBackFiles(size_t replica) {
  RingReplica& of = disk_->replica(replica);
  bool any = false;
  for (const RingFile file : {RingFile::kHead, RingFile::kKeys, RingFile::kPages}) {
    if (!of.Has(file) || of.CheckName(file).ok()) continue;
    if (absl::Status s = of.PutBack(file); !s.ok()) return s;
    put_back_.push_back(absl::StrCat(of.directory(), "/", retention::NameOf(file)));
    any = true;
  }
  return any;
}

absl::Status KeyRing::InspectNames() {
  std::vector<std::pair<size_t, absl::Status>> failed;
  size_t sound = 0;
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (!disk_->in_reach(i)) continue;
    if (const auto put_back = PutBackFiles(i); put_back.ok()) {
      ++sound;
    } else {
      failed.emplace_back(i, put_back.status());
    }
  }
  if (sound == 0 && !failed.empty()) return failed.front().second;
  for (const auto& [i, why] : failed) SetStale(i, why);
  return absl::OkStatus();
}

absl::Status KeyRing::InspectHead(Inspection& found) {
  if (absl::Status s = InspectNames(); !s.ok()) return s;
  RingHead head;
  {
    const MutexLock lock(mutex_);
    head = head_;
  }
  LockedBytes expected(kHeadBytes);
  retention::WriteHead(head, expected.span());
  std::vector<size_t> others;
  size_t sound = 0;
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (!disk_->in_reach(i)) continue;
    LockedBytes bytes(kHeadBytes);
    const absl::Status read = disk_->replica(i).ReadAt(RingFile::kHead, head.generation % 2 * kHeadBytes, bytes.span());
    if (read.ok() && AreAlike(bytes.span(), expected.span())) {
      ++sound;
    } else {
      others.push_back(i);
    }
  }
  found.mended += others.size();
  // A head that is another may be that of a replica of the past: then nothing that lies there is to be believed.
  for (const size_t i : others) {
    if (sound > 0) SetStale(i, absl::DataLossError("key ring: its head is not the one that was written"));
  }
  if (!others.empty()) bump_owed_ = true;
  for (const RingFile file : {RingFile::kKeys, RingFile::kPages}) {
    if (file == RingFile::kPages && lacks_pages_) continue;
    LockedBytes header(kRingFileHeaderBytes);
    WriteFileHeader(file, head, header.span());
    const auto runs = ReadRun(file, 0, header.size());
    if (!runs.ok()) return runs.status();
    const auto damaged = std::count_if(runs->begin(), runs->end(), [&](const LockedBytes& run) {
      return !AreAlike(run.span(), std::as_const(header).span());
    });
    if (damaged == 0) continue;
    found.mended += static_cast<uint64_t>(damaged);
    const RingWrite write{0, std::as_const(header).span()};
    if (absl::Status s = Write(file, {&write, 1}); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status KeyRing::InspectEntries(size_t from, size_t to, Inspection& found) {
  const auto runs = ReadRun(RingFile::kKeys, kRingFileHeaderBytes + from * kEntryBytes, (to - from) * kEntryBytes);
  if (!runs.ok()) return runs.status();
  LockedBytes expected((to - from) * kEntryBytes);
  RingHead head;
  {
    const MutexLock lock(mutex_);
    head = head_;
    std::memcpy(expected.data(), EntryAt(from).data(), expected.size());
  }
  SecretSeal seal(head.keys.entries);
  for (size_t slot = from; slot < to; ++slot) {
    const size_t at = (slot - from) * kEntryBytes;
    const ByteSpan place = expected.span().subspan(at, kEntryBytes);
    if (auto entry = ReadEntry(slot, place); entry.has_value() && entry->lives()) {
      entry->epoch = head.epoch;
      entry->secret = seal.Seal(SealNameOf(*entry), entry->secret);
      WriteEntry(slot, *entry, place);
    }
    for (const LockedBytes& run : *runs) {
      if (AreAlike(run.span().subspan(at, kEntryBytes), place)) continue;
      ++found.mended;
      leftover_slots_.insert(slot);
    }
  }
  return absl::OkStatus();
}

absl::Status KeyRing::InspectBlock(size_t block, std::optional<uint64_t> page, std::vector<uint64_t>& headless,
                                   Inspection& found) {
  const uint64_t offset = kRingFileHeaderBytes + block * kBlockBytes;
  const auto runs = ReadRun(RingFile::kPages, offset, kBlockBytes);
  if (!runs.ok()) return runs.status();
  if (!page.has_value()) {
    for (const LockedBytes& run : *runs) {
      if (IsZero(run.span())) continue;
      ++found.mended;
      leftover_blocks_.insert(block);
    }
    return absl::OkStatus();
  }
  std::vector<RingWrite> writes;
  bool lacks_header = false;
  for (const RingUnit& unit : UnitsOfBlock(block, page)) {
    const auto of = [&unit](const LockedBytes& run) { return run.span().subspan(unit.offset, unit.size); };
    auto sound = runs->end();
    for (auto run = runs->begin(); run != runs->end(); ++run) {
      if (unit.IsWhole(of(*run)) && (sound == runs->end() || unit.Yields(of(*sound), of(*run)))) sound = run;
    }
    if (sound == runs->end()) {
      if (unit.kind == RingUnit::Kind::kBlockHeader) {
        lacks_header = true;
      } else {
        NoteLost(unit.number);
      }
      continue;
    }
    const auto wrong = std::count_if(runs->begin(), runs->end(), [&](const auto& run) {
      return !unit.IsWhole(of(run)) || unit.Yields(of(run), of(*sound));
    });
    if (wrong > 0) {
      found.mended += static_cast<uint64_t>(wrong);
      writes.push_back({offset + unit.offset, of(*sound)});
    } else if (!std::all_of(runs->begin(), runs->end(),
                            [&](const auto& run) { return AreAlike(of(run), of(*sound)); })) {
      ++found.differing;
    }
  }
  if (!writes.empty()) {
    if (absl::Status s = Write(RingFile::kPages, writes); !s.ok()) return s;
  }
  if (lacks_header) {
    ++found.mended;
    headless.push_back(*page);
  }
  return absl::OkStatus();
}

absl::Status KeyRing::InspectBlocks(size_t to, Inspection& found) {
  std::map<size_t, uint64_t> pages;
  {
    const MutexLock lock(mutex_);
    for (const auto& [number, page] : pages_) {
      if (page.block >= inspected_ && page.block < to) pages.emplace(*page.block, number);
    }
  }
  std::vector<uint64_t> headless;
  for (; inspected_ < to; ++inspected_) {
    const auto page = pages.find(inspected_);
    const auto name = page == pages.end() ? std::nullopt : std::optional(page->second);
    if (absl::Status s = InspectBlock(inspected_, name, headless, found); !s.ok()) return s;
  }
  // Also where another block cannot be written: what is lost is known.
  if (absl::Status s = WriteLost(); !s.ok() || headless.empty() || !lost_owners_.empty()) return s;
  // What their headers said follows from memory, but for what was first written: they are written anew elsewhere.
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (absl::Status s = ReserveBlocks(headless.size()); !s.ok()) return s;
  return WriteBlocks(headless, [this](uint64_t of) ABSL_NO_THREAD_SAFETY_ANALYSIS { return ReadSlots(of); });
}

absl::Status KeyRing::Inspect(Inspection& found) {
  const MutexLock writing(write_mutex_);
  const auto tell = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    found.lost += std::exchange(lost_unseen_, 0);
    for (std::string& path : std::exchange(put_back_, {})) found.put_back.push_back(std::move(path));
  };
  tell();
  // From then on what memory says is what is to lie there.
  if (absl::Status s = Finish(); !s.ok()) return s;
  if (absl::Status s = WriteLost(); !s.ok()) return s;
  if (inspected_file_ == RingFile::kHead) {
    const absl::Status s = InspectHead(found);
    tell();
    if (!s.ok()) return s;
    inspected_file_ = RingFile::kKeys;
    inspected_ = 0;
  } else if (inspected_file_ == RingFile::kKeys) {
    size_t slots = 0;
    {
      const MutexLock lock(mutex_);
      slots = entries_.size() / kEntryBytes;
    }
    const size_t to = std::min(slots, inspected_ + kInspectedBytes / kEntryBytes);
    if (absl::Status s = InspectEntries(inspected_, to, found); !s.ok()) return s;
    inspected_ = to;
    if (to == slots) {
      inspected_file_ = RingFile::kPages;
      inspected_ = 0;
    }
  } else {
    const size_t blocks = lacks_pages_ ? 0 : blocks_;
    absl::Status s = InspectBlocks(std::min(blocks, inspected_ + kInspectedBytes / kBlockBytes), found);
    tell();
    if (!s.ok()) return s;
    if (inspected_ >= blocks) {
      found.ends_round = true;
      inspected_file_ = RingFile::kHead;
    }
  }
  return Finish();
}

}  // namespace retention
