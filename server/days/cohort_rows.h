// From the rows of a cohort to its cube: reading participations.
#ifndef RETENTION_SERVER_DAYS_COHORT_ROWS_H_
#define RETENTION_SERVER_DAYS_COHORT_ROWS_H_

#include <cstddef>
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
// Shows `visit` the participations that began on `cohort` and were known in time, those of a meeting together: in one
// pass over the cohort's own bucket, and of what began on other days, and has not ended, by their spans
// (cohort_span.h). Memory: one meeting at a time. A row that is damaged costs itself; returns how many there are in the
// cohort's own bucket.
absl::StatusOr<uint64_t> ReadCohort(
    const StoreView& view, Vault& vault, const PolicyVersion& version, DueDay cohort,
    absl::FunctionRef<void(std::string_view meeting, const Participation& participation)> visit);
// Counts those and draws their cube. Memory: as CohortBuilder, and ReadCohort.
absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                          DueDay cohort, RandomSource& random);
// The people of whom a participation that began on `cohort` came, or changed, after its release. Memory: 16 bytes each.
// Exact, and personal data: for DrawLatePeople.
absl::StatusOr<size_t> CountLatePeople(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                       DueDay cohort);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_ROWS_H_
