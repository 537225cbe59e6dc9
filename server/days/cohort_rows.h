// From the rows of a cohort to its cube: reading participations.
#ifndef RETENTION_SERVER_DAYS_COHORT_ROWS_H_
#define RETENTION_SERVER_DAYS_COHORT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/anonymisation/cohort.h"
#include "server/anonymisation/cube.h"
#include "server/law/cohort_days.h"
#include "server/rows/holdings.h"
#include "server/rows/policy_versions.h"
#include "storage/ids.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

struct CountedCohort {
  NoisyCube cube;
  uint64_t rows_damaged = 0;  // left out
};
// A participation of a cohort.
struct CountedPresence {
  Participation participation;
  DueDay day;                // on which it began
  PbxId pbx;                 //
  std::string_view rows_of;  // whose rows it was read from: PBX and owner
  std::string_view marked;   // names the meeting that it marks: what the portal calls an occurrence, else room and day
};
// Shows `visit` the participations that began in `cohort` and were known in time: in one pass over the cohort's own
// buckets, and of what began on other days, and has not ended, by their spans (cohort_span.h). Memory: one meeting at a
// time. A row that is damaged costs itself; returns how many there are in the cohort's own buckets.
absl::StatusOr<uint64_t> ReadCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                    const CohortDays& cohort, absl::FunctionRef<void(const CountedPresence&)> visit);
// Which PBXs are of published controllers, as PublicLists::ControllerIndex. Empty if none are published. By now: what
// has ended counts as "other".
using ControllerIndexes = std::map<PbxId, uint8_t>;
absl::StatusOr<ControllerIndexes> PublishedControllers(const Holdings& holdings, absl::Time now);
// Counts those and draws their cube. Memory: as CohortBuilder, and ReadCohort.
absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                          const CohortDays& cohort, RandomSource& random,
                                          const ControllerIndexes& controllers = {});
// The people of whom something that began in `cohort` came, or changed, after its release. Memory: 16 bytes each.
// Exact, and personal data: for DrawLatePeople.
absl::StatusOr<size_t> CountLatePeople(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                       const CohortDays& cohort);

}  // namespace retention

#endif  // RETENTION_SERVER_DAYS_COHORT_ROWS_H_
