#include "storage/store.h"

#include "storage/keys.h"

namespace retention {

std::unique_ptr<RowCursor> StoreView::ScanPrefix(Family family, std::string_view prefix, AtLoss at_loss) const {
  return Scan(family, prefix, PrefixEnd(prefix), at_loss);
}

}  // namespace retention
