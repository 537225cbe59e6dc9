// The days of cohorts: how long they last, where their originals lie, when they are counted, how long their cubes may
// exist.
//
// A participation is of the cohort in which it began. Its original lies with its meeting, which may have begun days
// before.
#ifndef RETENTION_SERVER_LAW_COHORT_DAYS_H_
#define RETENTION_SERVER_LAW_COHORT_DAYS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/policy.pb.h"
#include "server/law/policy.h"
#include "storage/due_day.h"

namespace retention {

// The civil days whose participations are one cohort.
struct CohortDays {
  DueDay first, last;
  v1::StatisticsProfile profile = v1::STATISTICS_PROFILE_DAILY;

  CohortDays(DueDay first_day, DueDay last_day, v1::StatisticsProfile of)
      : first(first_day), last(last_day), profile(of) {}
  // Of one day.
  CohortDays(DueDay day) : first(day), last(day) {}  // NOLINT(google-explicit-constructor)
  bool contains(DueDay day) const { return first <= day && day <= last; }
  uint32_t count() const { return last.number() - first.number() + 1; }

  friend bool operator==(const CohortDays&, const CohortDays&) = default;
};

// The profile that a policy names; LARGE if it names none.
v1::StatisticsProfile ProfileIn(const v1::StatisticsPolicy& policy);

// Which days are one cohort, by all policies so far. A profile holds from the first day on, after it was applied, on
// which a cohort of it begins as well as one of the profile before it: no day is in two cohorts, and none in half of
// one. An immutable value, cheap to copy; thread-safe.
class ProfileHistory {
 public:
  explicit ProfileHistory(v1::StatisticsProfile first);

  // This, and `profile`, applied on that day.
  ProfileHistory Then(DueDay applied, v1::StatisticsProfile profile) const;
  // REQUIRES: day.is_civil().
  CohortDays CohortOf(DueDay day) const;

  friend bool operator==(const ProfileHistory& a, const ProfileHistory& b) {
    return a.periods_ == b.periods_ || *a.periods_ == *b.periods_;
  }

 private:
  struct Period {
    DueDay from;
    v1::StatisticsProfile profile;

    friend bool operator==(const Period&, const Period&) = default;
  };
  explicit ProfileHistory(std::vector<Period> periods);

  std::shared_ptr<const std::vector<Period>> periods_;  // never empty; each from after the one before
};

// The bucket of the meetings that began on that day.
DueDay BucketOfDay(DueDay day, const Policy& policy);
// That of those that began on the cohort's first day: the first of its own originals that goes.
inline DueDay BucketOfCohort(const CohortDays& cohort, const Policy& policy) {
  return BucketOfDay(cohort.first, policy);
}
// All buckets in which originals of a cohort may lie.
struct BucketRange {
  DueDay first, last;
};
BucketRange BucketsOfCohort(const CohortDays& cohort, const Policy& policy);
// The last day on which the cube of a cohort may exist, counted from its first day; Open() if the policy keeps it.
DueDay EraseDayOfCohort(const CohortDays& cohort, const Policy& policy);
// When a cohort is to be released: as the policy says, and never later than `lead` before BucketOfCohort is due.
absl::Time ReleaseTimeOf(const CohortDays& cohort, absl::Duration lead, const Policy& policy);
// When those who came late to a cohort are to be counted: `lead` before BucketOfCohort is due.
absl::Time LateTimeOf(const CohortDays& cohort, absl::Duration lead, const Policy& policy);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_COHORT_DAYS_H_
