// The only way to the exact counts of a cohort: for tests, which have to see what the noise hides.
#ifndef RETENTION_TESTS_ANONYMISATION_COHORT_TEST_ACCESS_H_
#define RETENTION_TESTS_ANONYMISATION_COHORT_TEST_ACCESS_H_

#include <map>
#include <utility>
#include <vector>

#include "server/anonymisation/cohort.h"

namespace retention {

struct CohortTestAccess {
  using Exact = std::map<TableId, std::vector<int64_t>>;
  static Exact Count(CohortBuilder builder) {
    Exact exact;
    for (auto& counted : builder.Count().tables_) exact[counted.table.spec->id] = counted.cells;
    return exact;
  }
};

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_COHORT_TEST_ACCESS_H_
