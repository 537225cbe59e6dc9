#include "server/law/cohort_days.h"

#include <gtest/gtest.h>

#include "absl/time/civil_time.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

DueDay Civil(int year, int month, int day) { return DueDay(absl::CivilDay(year, month, day)); }

TEST(CohortDays, AreADayAnIsoWeekOrAMonth) {
  const DueDay wednesday = Civil(2026, 4, 1);
  const CohortDays week = ProfileHistory(v1::STATISTICS_PROFILE_LARGE).CohortOf(wednesday);
  EXPECT_EQ(week.first, Civil(2026, 3, 30));
  EXPECT_EQ(week.last, Civil(2026, 4, 5));
  EXPECT_EQ(ProfileHistory(v1::STATISTICS_PROFILE_LARGE).CohortOf(Civil(2026, 3, 30)), week) << "a Monday is the first";
  EXPECT_EQ(ProfileHistory(v1::STATISTICS_PROFILE_LARGE).CohortOf(Civil(2026, 4, 5)), week) << "a Sunday the last";
  const CohortDays month = ProfileHistory(v1::STATISTICS_PROFILE_SMALL).CohortOf(Civil(2028, 2, 10));
  EXPECT_EQ(month.first, Civil(2028, 2, 1));
  EXPECT_EQ(month.last, Civil(2028, 2, 29));
  EXPECT_EQ(ProfileHistory(v1::STATISTICS_PROFILE_DAILY).CohortOf(wednesday), CohortDays(wednesday));
}

TEST(CohortDays, APolicyThatNamesNoProfileMeansWeeks) {
  EXPECT_EQ(ProfileIn(v1::StatisticsPolicy()), v1::STATISTICS_PROFILE_LARGE);
}

// Whatever is applied when: cohorts follow one another without a gap, and no day is in two.
TEST(CohortDays, AChangeOfProfileDividesNoCohort_AndPutsNoDayIntoTwo) {
  const v1::StatisticsProfile profiles[] = {v1::STATISTICS_PROFILE_LARGE, v1::STATISTICS_PROFILE_DAILY,
                                            v1::STATISTICS_PROFILE_SMALL};
  uint32_t seed = 1;
  const auto next = [&seed](uint32_t bound) { return (seed = seed * 1664525 + 1013904223) / 65536 % bound; };
  for (int round = 0; round < 100; ++round) {
    ProfileHistory history(profiles[next(3)]);
    DueDay applied = Civil(2026, 1, 1);
    for (int change = 0; change < 6; ++change) {
      applied = DueDay::FromNumber(applied.number() + next(200));
      const ProfileHistory before = history;
      history = history.Then(applied, profiles[next(3)]);
      for (uint32_t day = Civil(2025, 12, 1).number(); day <= applied.number() + 1; ++day) {
        ASSERT_EQ(history.CohortOf(DueDay::FromNumber(day)), before.CohortOf(DueDay::FromNumber(day)))
            << "what had begun stays as it was";
      }
    }
    for (CohortDays cohort = history.CohortOf(Civil(2026, 1, 1)); cohort.last < Civil(2031, 1, 1);) {
      for (DueDay day = cohort.first; day <= cohort.last; day = day.Next()) {
        ASSERT_EQ(history.CohortOf(day), cohort);
      }
      const CohortDays following = history.CohortOf(cohort.last.Next());
      ASSERT_EQ(following.first, cohort.last.Next());
      cohort = following;
    }
  }
}

TEST(CohortDays, ADayToAWeekWaitsForAMonday) {
  const ProfileHistory history =
      ProfileHistory(v1::STATISTICS_PROFILE_DAILY).Then(Civil(2026, 4, 1), v1::STATISTICS_PROFILE_LARGE);
  EXPECT_EQ(history.CohortOf(Civil(2026, 4, 5)), CohortDays(Civil(2026, 4, 5)));
  EXPECT_EQ(history.CohortOf(Civil(2026, 4, 6)).last, Civil(2026, 4, 12));
  // Taken back before it began.
  EXPECT_EQ(history.Then(Civil(2026, 4, 2), v1::STATISTICS_PROFILE_DAILY),
            ProfileHistory(v1::STATISTICS_PROFILE_DAILY));
}

TEST(CohortDays, AWeekIsReleasedWhenItHasSettled_AndEndsCountedFromItsFirstDay) {
  const Policy policy = DefaultPolicy();
  const CohortDays week = ProfileHistory(v1::STATISTICS_PROFILE_LARGE).CohortOf(Civil(2026, 3, 4));
  EXPECT_EQ(ReleaseTimeOf(week, absl::Hours(1), policy), At("2026-03-11T00:00:00+01:00"));
  EXPECT_EQ(EraseDayOfCohort(week, policy), Civil(2027, 3, 2));
  EXPECT_EQ(BucketsOfCohort(week, policy).first, Civil(2026, 4, 12));
  EXPECT_EQ(BucketsOfCohort(week, policy).last, Civil(2026, 5, 9));
}

}  // namespace
}  // namespace retention
