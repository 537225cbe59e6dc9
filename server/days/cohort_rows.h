// From the rows of a cohort to its cube: reading participations.
#ifndef RETENTION_SERVER_DAYS_COHORT_ROWS_H_
#define RETENTION_SERVER_DAYS_COHORT_ROWS_H_

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/anonymisation/cohort.h"
#include "server/anonymisation/cube.h"
#include "server/rows/policy_versions.h"
#include "storage/due_day.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

struct CountedCohort {
  NoisyCube cube;
  uint64_t rows_damaged = 0;  // left out
};
// Shows `visit` the participations of the meetings that began on `cohort`, those of a meeting together, in one pass
// over its bucket. Memory: one meeting at a time. A row that is damaged costs itself; returns how many there are.
absl::StatusOr<uint64_t> ReadCohort(
    const StoreView& view, Vault& vault, const PolicyVersion& version, DueDay cohort,
    absl::FunctionRef<void(std::string_view meeting, const Participation& participation)> visit);
// Counts those and draws their cube. Memory: as CohortBuilder, and ReadCohort.
absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                          DueDay cohort, RandomSource& random);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_ROWS_H_
