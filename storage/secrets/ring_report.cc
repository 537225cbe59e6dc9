#include "storage/secrets/ring_report.h"

#include <algorithm>
#include <cstring>

#include "storage/secrets/ring_units.h"

namespace retention {
namespace {

std::vector<RingUnit> UnitsOfHead() {
  const auto whole = [](ConstByteSpan unit) {
    uint32_t version = 0;
    return ReadHead(unit, version).has_value();
  };
  return {{0, kHeadBytes, whole}};
}

void CountLiving(RingFile file, const RingUnit& unit, ConstByteSpan bytes, RingVerification& found) {
  if (IsZero(bytes)) return;
  if (file == RingFile::kKeys) ++found.entries;
  if (file == RingFile::kPages && unit.size == kOwnerSlotBytes) ++found.owners;
}

}  // namespace

bool RingVerification::is_sound() const {
  return differing == 0 && std::all_of(replicas.begin(), replicas.end(), [](const ReplicaVerification& replica) {
           return !replica.is_stale && replica.is_readable && replica.damaged == 0;
         });
}

void VerifyRun(RingDisk& disk, RingFile file, uint64_t offset, size_t size, RingVerification& found,
               std::optional<uint64_t> page) {
  std::vector<size_t> read;
  std::vector<LockedBytes> runs;
  for (size_t i = 0; i < disk.size(); ++i) {
    if (disk.stale(i) || !found.replicas[i].is_readable) continue;
    LockedBytes run(size);
    found.replicas[i].is_readable = disk.replica(i).ReadAt(file, offset, run.span()).ok();
    if (!found.replicas[i].is_readable) continue;
    read.push_back(i);
    runs.push_back(std::move(run));
  }
  if (runs.empty()) return;
  const std::vector<RingUnit> units = file == RingFile::kHead ? UnitsOfHead()
                                      : file == RingFile::kKeys
                                          ? UnitsOfKeys(size)
                                          : UnitsOfBlock(page.has_value() ? page : PageOfBlock(runs));
  for (const RingUnit& unit : units) {
    ++found.units;
    const auto of = [&unit](const LockedBytes& run) { return run.span().subspan(unit.offset, unit.size); };
    size_t whole = 0;
    bool alike = true;
    for (size_t i = 0; i < runs.size(); ++i) {
      const bool is_whole = unit.whole(of(runs[i]));
      if (is_whole && whole++ == 0) CountLiving(file, unit, of(runs[i]), found);
      if (!is_whole) ++found.replicas[read[i]].damaged;
      alike = alike && std::memcmp(of(runs[i]).data(), of(runs.front()).data(), unit.size) == 0;
    }
    if (!alike) ++found.differing;
    if (whole == 0) ++found.lost;
  }
}

}  // namespace retention
