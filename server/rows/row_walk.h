// Walks over rows of family `filed`: whole, or step by step.
#ifndef RETENTION_SERVER_ROWS_ROW_WALK_H_
#define RETENTION_SERVER_ROWS_ROW_WALK_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace retention {

// Whether a row could not be opened, for good: it is damaged, or its key is gone.
inline bool IsUnreadable(const absl::Status& status) { return absl::IsDataLoss(status) || absl::IsNotFound(status); }

using RowVisit = absl::FunctionRef<absl::Status(const FiledKey& key, std::string_view envelope)>;

// Shows `visit` the rows whose keys begin with `prefix`, in their order; ends with the first error, its own or
// `visit`'s. DATA_LOSS if a key does not parse.
absl::Status VisitRows(const StoreView& view, const std::string& prefix, RowVisit visit);
// A row, or nullopt. Of what has no day what was lost with a damaged file is not held any more, here and above: nothing
// could be done there otherwise, for ever. What has one fails (DATA_LOSS) until that ends.
absl::StatusOr<std::optional<std::string>> GetRow(const StoreView& view, const FiledKey& key);
// Whether there is any; whether the one of this key is there.
absl::StatusOr<bool> HasRows(const StoreView& view, const std::string& prefix);
absl::StatusOr<bool> HasRow(const StoreView& view, const FiledKey& key);

// Which rows a walk visits, in the order of their keys: in each of these buckets those of each of these PBXs. Both are
// sorted.
struct RowRoute {
  std::vector<std::pair<DueDay, CategoryNumber>> buckets;
  std::span<const PbxId> pbxs;
};
// What one step of a walk does at most: how long others may wait for it.
struct StepBounds {
  size_t rows = 2000;
  size_t bytes = 4 << 20;
  // Whether what is made of the rows is enough: asked after each; null: it is bounded by them.
  std::function<bool()> is_full = nullptr;
};
// How far a walk has come.
struct WalkPosition {
  std::string from;  // the first key that was not visited
  bool more = true;
  // Rows of the step that were damaged, and times that it passed what was lost with a damaged file.
  size_t damaged = 0;

  static WalkPosition End() { return {.from = {}, .more = false}; }
};

// Goes on from `position` for one step; returns how far it comes. A row for which `visit` returns DATA_LOSS is damaged
// itself, is counted, and keeps nothing else from its turn; any other error ends the step.
absl::StatusOr<WalkPosition> WalkRows(const StoreView& view, const WalkPosition& position, const RowRoute& route,
                                      const StepBounds& bounds, RowVisit visit);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_ROW_WALK_H_
