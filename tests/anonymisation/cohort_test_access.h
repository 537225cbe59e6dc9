// The only way to the exact counts of a cohort: for tests, which have to see what the noise hides.
#ifndef RETENTION_TESTS_ANONYMISATION_COHORT_TEST_ACCESS_H_
#define RETENTION_TESTS_ANONYMISATION_COHORT_TEST_ACCESS_H_

#include <utility>
#include <vector>

#include "server/anonymisation/cohort.h"

namespace retention {

struct CohortTestAccess {
  static RawCube Count(CohortBuilder builder) { return builder.Count(); }
  static void ApplyFloor(RawCube& raw) { raw.ApplyFloor(); }
  static const std::vector<NoisyTable>& Tables(const RawCube& raw) { return raw.tables_; }
};

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_COHORT_TEST_ACCESS_H_
