#include "storage/secrets/ring_report.h"

#include <algorithm>
#include <cstring>

namespace retention {
namespace {

void CountLiving(const RingUnit& unit, ConstByteSpan bytes, RingVerification& found) {
  if (!unit.Lives(bytes)) return;
  ++(unit.kind == RingUnit::Kind::kSlot ? found.owners : found.entries);
}

}  // namespace

bool RingVerification::is_sound() const {
  return differing == 0 && std::all_of(replicas.begin(), replicas.end(), [](const ReplicaVerification& replica) {
           return !replica.is_stale && replica.is_readable && replica.damaged == 0;
         });
}

void VerifyRun(RingDisk& disk, RingFile file, uint64_t offset, const std::vector<RingUnit>& units,
               RingVerification& found) {
  if (units.empty()) return;
  const size_t size = units.back().offset + units.back().size;
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
  for (const RingUnit& unit : units) {
    ++found.units;
    const auto of = [&unit](const LockedBytes& run) { return run.span().subspan(unit.offset, unit.size); };
    size_t whole = 0;
    bool alike = true;
    for (size_t i = 0; i < runs.size(); ++i) {
      const bool is_whole = unit.IsWhole(of(runs[i]));
      if (is_whole && whole++ == 0) CountLiving(unit, of(runs[i]), found);
      if (!is_whole) ++found.replicas[read[i]].damaged;
      alike = alike && std::memcmp(of(runs[i]).data(), of(runs.front()).data(), unit.size) == 0;
    }
    if (!alike) ++found.differing;
    if (whole == 0) ++found.lost;
  }
}

}  // namespace retention
