#include "storage/store.h"

#include "storage/keys.h"

namespace retention {

std::unique_ptr<RowCursor> StoreView::ScanPrefix(Family family, std::string_view prefix) const {
  return Scan(family, prefix, PrefixEnd(prefix));
}

}  // namespace retention
