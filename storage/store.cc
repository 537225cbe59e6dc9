#include "storage/store.h"

#include "absl/strings/cord.h"
#include "storage/keys.h"

namespace retention {

namespace {
constexpr char kLostRows[] = "retention/lost-rows";
}  // namespace

absl::Status LostRowsError() {
  absl::Status lost = absl::DataLossError("store: rows were lost with a damaged file");
  lost.SetPayload(kLostRows, absl::Cord());
  return lost;
}

bool IsOfLostRows(const absl::Status& status) { return status.GetPayload(kLostRows).has_value(); }

std::unique_ptr<RowCursor> StoreView::ScanPrefix(Family family, std::string_view prefix, AtLoss at_loss) const {
  return Scan(family, prefix, PrefixEnd(prefix), at_loss);
}

}  // namespace retention
