// Values counted by category.
#ifndef RETENTION_SERVER_LAW_CATEGORY_COUNTS_H_
#define RETENTION_SERVER_LAW_CATEGORY_COUNTS_H_

#include <array>
#include <cstdint>

#include "retention/v1/category.pb.h"
#include "server/law/policy.h"

namespace retention {

using CategoryCounts = std::array<uint64_t, kCategories>;

// Calls `visit(category, values)` for each count that is not zero, in the order of categories.
template <typename Visit>
void ForEachCount(const CategoryCounts& counts, Visit visit) {
  for (size_t category = 1; category < kCategories; ++category) {
    if (counts[category] > 0) visit(static_cast<v1::DataCategory>(category), counts[category]);
  }
}

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_CATEGORY_COUNTS_H_
