#include "server/days/cohort_releaser.h"

#include <utility>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/days/cohort_rows.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "server/law/periods.h"

namespace retention {

using stored::v1::LedgerEntry;

absl::Status CohortReleaser::Release(const CohortDays& cohort, const CountedCohort* counted, Change& change) {
  // The cube may have been drawn from a bucket that the cohort's rows have left, or have not reached.
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  auto released = IsReleased(holdings_.store, cohort, holdings_.policy());
  if (!released.ok()) return released.status();
  // Its originals had to go before it could be drawn: erasure does not wait for statistics.
  const bool lost = BucketOfCohort(cohort, holdings_.policy()) <= holdings_.ring.destroyed_through();
  if (!*released && counted == nullptr && !lost)
    return absl::InternalError("a cohort is to be released without a cube");
  if (!*released && counted != nullptr) {
    PutCube(counted->cube, EraseDayOfCohort(cohort, holdings_.policy()), change.batch());
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_COHORT_RELEASED);
    entry.set_day(cohort.first.number());
    entry.set_schema_version(counted->cube.description().schema_version);
    entry.set_rows_damaged(counted->rows_damaged);
    change.Enter(std::move(entry));
    CrashPoint("release.before_commit");
  }
  change.Then([this, cohort] {
    CrashPoint("release.before_key");
    return holdings_.ring.DestroyCohortsThrough(cohort.last);
  });
  return absl::OkStatus();
}

absl::Status CohortReleaser::AddLatePeople(const CohortDays& cohort, int64_t late_people, Change& change) {
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  return PutLatePeople(holdings_.store, cohort, holdings_.policy(), late_people, change.batch());
}

absl::Status CohortReleaser::EndCubes(DueDay last, Change& change) {
  const auto cohorts = MoveIntoMonths(holdings_.store, last, change.batch());
  if (!cohorts.ok()) return cohorts.status();
  if (*cohorts == 0) return absl::OkStatus();
  LedgerEntry entry;
  entry.set_kind(LedgerEntry::KIND_CUBES_ERASED);
  entry.set_day(last.number());
  entry.set_due_us(absl::ToUnixMicros(DueInstant(last, holdings_.policy().zone())));
  stored::v1::CategoryCount& count = *entry.add_counts();
  count.set_category(v1::DATA_CATEGORY_STATISTICS);
  count.set_values(*cohorts);
  change.Enter(std::move(entry));
  return absl::OkStatus();
}

}  // namespace retention
