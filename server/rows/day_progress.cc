#include "server/rows/day_progress.h"

#include <algorithm>
#include <utility>

#include "server/law/policy.h"
#include "storage/keys.h"

namespace retention {

bool HasOrder(const DayProgress& progress, const FiledKey& key) {
  if (key.category == kFileShare) return progress.files_ordered() || key.Encode() < progress.files_ordered_to();
  const auto& unordered = progress.unordered_pbxs();
  if (std::find(unordered.begin(), unordered.end(), key.pbx.view()) != unordered.end()) return false;
  return progress.ordered() || key.Encode() < progress.ordered_to();
}

absl::StatusOr<std::map<DueDay, DayProgress>> ReadDayProgress(const StoreView& view, DueDay last) {
  std::map<DueDay, DayProgress> days;
  auto cursor = view.ScanPrefix(Family::kState, DayProgressPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto day = DecodeDayKey(cursor->key());
    DayProgress progress;
    if (!day.has_value() ||
        !progress.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("a row of day progress does not parse");
    }
    if (*day > last) break;
    days.emplace(*day, std::move(progress));
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  return days;
}

}  // namespace retention
