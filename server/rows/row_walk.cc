#include "server/rows/row_walk.h"

#include <algorithm>

namespace retention {
namespace {

absl::Status VisitRow(const RowCursor& cursor, RowVisit visit) {
  const auto key = FiledKey::Decode(cursor.key());
  if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
  return visit(*key, cursor.value());
}

// What has no day would be missed for ever: there what is lost is passed.
AtLoss AtLossUnder(std::string_view prefix) {
  static const std::string without_day = FiledPrefix(DueDay::Kept());
  return prefix >= without_day ? AtLoss::kPass : AtLoss::kStop;
}

}  // namespace

absl::Status VisitRows(const StoreView& view, const std::string& prefix, RowVisit visit) {
  auto cursor = view.ScanPrefix(Family::kFiled, prefix, AtLossUnder(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    if (absl::Status status = VisitRow(*cursor, visit); !status.ok()) return status;
  }
  return cursor->status();
}

absl::StatusOr<bool> HasRows(const StoreView& view, const std::string& prefix) {
  const auto cursor = view.ScanPrefix(Family::kFiled, prefix, AtLossUnder(prefix));
  if (!cursor->Valid() && !cursor->status().ok()) return cursor->status();
  return cursor->Valid();
}

absl::StatusOr<bool> HasRow(const StoreView& view, const FiledKey& key) {
  const auto row = GetRow(view, key);
  if (!row.ok()) return row.status();
  return row->has_value();
}

absl::StatusOr<std::optional<std::string>> GetRow(const StoreView& view, const FiledKey& key) {
  auto row = view.Get(Family::kFiled, key.Encode());
  if (!key.day.is_civil() && IsOfLostRows(row.status())) return std::nullopt;
  return row;
}

absl::StatusOr<WalkPosition> WalkRows(const StoreView& view, const WalkPosition& position, const RowRoute& route,
                                      const StepBounds& bounds, RowVisit visit) {
  size_t rows = 0;
  size_t bytes = 0;
  size_t damaged = 0;
  const auto is_over = [&] {
    return rows > bounds.rows || bytes >= bounds.bytes || (bounds.is_full != nullptr && bounds.is_full());
  };
  for (const auto& [day, category] : route.buckets) {
    const auto prefix_of = [day = day, category = category](const PbxId& pbx) {
      return FiledPrefix(day, category, pbx);
    };
    const auto visited = [&](const PbxId& pbx) { return PrefixEnd(prefix_of(pbx)) <= position.from; };
    for (auto pbx = std::partition_point(route.pbxs.begin(), route.pbxs.end(), visited); pbx != route.pbxs.end();
         ++pbx) {
      const std::string prefix = prefix_of(*pbx);
      const std::string from = std::max(position.from, prefix);
      // Where there is nothing costs a look, too.
      if (rows++ >= bounds.rows) return WalkPosition{.from = from, .damaged = damaged};
      // From there on: what was lost before has been counted.
      auto cursor = view.Scan(Family::kFiled, from, PrefixEnd(prefix), AtLoss::kPass);
      for (; cursor->Valid(); cursor->Next(), ++rows) {
        if (is_over()) {
          return WalkPosition{.from = std::string(cursor->key()), .damaged = damaged + cursor->losses()};
        }
        bytes += cursor->value().size();
        absl::Status status = VisitRow(*cursor, visit);
        if (!status.ok() && !absl::IsDataLoss(status)) return status;
        if (!status.ok()) ++damaged;
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
      damaged += cursor->losses();
    }
  }
  return WalkPosition{.from = {}, .more = false, .damaged = damaged};
}

}  // namespace retention
