#include "server/rows/day_progress.h"

#include <utility>

#include "storage/keys.h"

namespace retention {

absl::StatusOr<std::map<DueDay, stored::v1::DayProgress>> ReadDayProgress(const StoreView& view, DueDay last) {
  std::map<DueDay, stored::v1::DayProgress> days;
  auto cursor = view.ScanPrefix(Family::kState, DayProgressPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto day = DecodeDayKey(cursor->key());
    stored::v1::DayProgress progress;
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
