// What becomes of cohorts, and of their released cubes, when another policy comes into force.
#include <gtest/gtest.h>

#include <string>

#include "server/base/request_parts.h"
#include "server/days/cohort_rows.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "storage/keys.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

uint64_t CubesHeld(Harness& harness, const std::string& prefix = "") {
  uint64_t heads = 0;
  for (auto cursor = harness.store().ScanPrefix(Family::kStatistics, prefix); cursor->Valid(); cursor->Next()) {
    const auto parts = DecodeCubeKey(cursor->key());
    heads += parts->table == 0 && parts->erase_day != DueDay::Kept() ? 1 : 0;
  }
  return heads;
}

uint64_t PeopleIn(Harness& harness, DueDay cohort) {
  const auto view = harness.store().Snapshot();
  uint64_t rows = 0;
  const DueDay bucket = BucketOfCohort(cohort, harness.engine().policy());
  for (auto cursor = view->ScanPrefix(Family::kFiled, FiledPrefix(bucket, kHistory)); cursor->Valid(); cursor->Next()) {
    ++rows;
  }
  return rows;
}

size_t Counted(Harness& harness, DueDay cohort) {
  size_t counted = 0;
  const auto view = harness.store().Snapshot();
  const auto read = ReadCohort(*view, harness.engine().vault(), harness.engine().policies().current(), cohort,
                               [&](const CountedPresence&) { ++counted; });
  EXPECT_TRUE(read.ok()) << read.status();
  return counted;
}

Policy AtDueDay() {
  return PatientPolicy([](v1::Policy& p) { p.mutable_statistics()->set_release(v1::RELEASE_TIME_AT_DUE_DAY); });
}

TEST(PolicyCohorts, ACohortIsDrawnOnceFromWhereItsRowsThenLie_ThoseOfAnEndedPbxToo) {
  for (const uint32_t days : {20u, 100u}) {
    SCOPED_TRACE(days);
    Harness harness(kMonday, AtDueDay());
    harness.SyncPbx();
    RecordMeeting(harness, kMonday, "a");
    RecordMeeting(harness, kMonday, "b");
    ASSERT_TRUE(harness.EndPbx("pbx").ok());
    harness.SyncPbx();
    RecordMeeting(harness, kMonday, "c");
    const DueDay cohort(absl::CivilDay(2026, 3, 2));
    EXPECT_EQ(PeopleIn(harness, cohort), 3u);
    PlanAndApply(harness, Days({{kHistory, days}}));
    harness.Sweep();
    EXPECT_EQ(PeopleIn(harness, cohort), 3u) << "all of them, and nowhere else";
    EXPECT_EQ(harness.DueDayOf(kHistory), days == 20 ? "2026-03-22" : "2026-06-10");
    EXPECT_EQ(CubesHeld(harness), 0u);
    const Policy& policy = harness.engine().policy();
    harness.now = ReleaseTimeOf(cohort, absl::Hours(1), policy);
    EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
    EXPECT_EQ(CubesHeld(harness), 1u);
    harness.now = DueInstant(BucketOfCohort(cohort, policy), policy.zone());
    harness.Sweep();
    EXPECT_EQ(harness.Values(kHistory), 0u);
  }
}

TEST(PolicyCohorts, WhoCameOnAnotherDayThanTheirMeetingBegan_AreFoundWhereverItsHistoryGoes) {
  const DueDay next_day(absl::CivilDay(2026, 3, 3));
  for (const bool ended : {false, true}) {
    SCOPED_TRACE(ended ? "no locator leads there any more" : "moved with their meeting");
    Harness harness(kMonday, AtDueDay());
    harness.SyncPbx();
    harness.now = At("2026-03-03T01:30:00+01:00");
    harness.Record({Joined("m", "a", At("2026-03-02T23:00:00+01:00"), "anna"),
                    Joined("m", "b", At("2026-03-03T00:10:00+01:00"), "ben"),
                    Ended("m", "e", At("2026-03-03T01:00:00+01:00"))});
    EXPECT_EQ(Counted(harness, next_day), 1u);
    if (ended) {
      ASSERT_TRUE(harness.EndPbx("pbx").ok());
    }
    EXPECT_EQ(Counted(harness, next_day), 1u);
    PlanAndApply(harness, Days({{kHistory, 100}}));
    harness.Sweep();
    EXPECT_EQ(Counted(harness, next_day), 1u);
    harness.now = DueInstant(BucketOfCohort(next_day, harness.engine().policy()), harness.engine().policy().zone());
    harness.Sweep();
    EXPECT_EQ(harness.Values(kHistory), 0u);
    EXPECT_FALSE(harness.store().ScanPrefix(Family::kState, CohortSpanPrefix())->Valid()) << "it goes with its day";
  }
}

TEST(PolicyCohorts, ACohortWhoseOriginalsGoAtOnceIsNeverDrawn) {
  Harness harness(kMonday, AtDueDay());
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = kMonday + absl::Hours(24 * 20);
  harness.SyncPbx();
  const auto plan = PlanAndApply(harness, Days({{kHistory, 10}}));
  EXPECT_EQ(plan.cohorts_lost(), 10u) << "2 to 11 March";
  EXPECT_FALSE(harness.Get("m").ok()) << "at once";
  EXPECT_EQ(DetailsOf(harness.Report("m").status()).reason, "ANONYMISED");
  EXPECT_EQ(harness.Sweep().cohorts_released, 8u) << "12 to 19 March, which have settled";
  EXPECT_EQ(harness.Values(kHistory), 0u);
  EXPECT_EQ(CubesHeld(harness), 8u);
  EXPECT_EQ(harness.ring().cohorts_destroyed_through(), DueDay(absl::CivilDay(2026, 3, 19)));
  harness.now += absl::Hours(24);
  EXPECT_EQ(harness.Sweep().cohorts_released, 1u) << "the next one is drawn as always";
}

TEST(PolicyCohorts, NoCohortIsDrawnWhileItsRowsMove_NorFromWhatIsLeftOfIt) {
  Harness harness(kMonday, AtDueDay());
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = At("2026-03-11T10:00:00+01:00");
  PlanAndApply(harness, Days({{kHistory, 10}}));
  // Its new day ends before a row was moved.
  harness.now = At("2026-03-13T10:00:00+01:00");
  ASSERT_TRUE(harness.Reopen().ok());
  harness.Sweep();
  const DueDay cohort(absl::CivilDay(2026, 3, 2));
  EXPECT_EQ(CubesHeld(harness, CubePrefix(EraseDayOfCohort(cohort, harness.engine().policy()), cohort)), 0u)
      << "an empty cube would say that nobody met";
  EXPECT_EQ(harness.Values(kHistory), 0u);
}

TEST(PolicyCohorts, ReleasedCubesFollowTheirNewPeriod_AndAreNotShownBeyondIt) {
  Harness harness(kMonday);
  harness.SyncPbx();
  RecordMeeting(harness, kMonday);
  harness.now = kMonday + absl::Hours(24 * 100);
  harness.SyncPbx();
  harness.Sweep();
  const uint64_t released = CubesHeld(harness);
  ASSERT_GE(released, 90u);
  const auto covered = [&] {
    v1::QueryStatisticsRequest request;
    request.set_metric(v1::METRIC_PARTICIPATIONS);
    request.add_group_by(v1::DIMENSION_DAY);  // months tell of no day
    SetDate(DueDay(absl::CivilDay(2026, 3, 2)), *request.mutable_first_day());
    SetDate(DueDay(absl::CivilDay(2026, 4, 20)), *request.mutable_last_day());
    const auto answer = harness.reader().QueryStatistics(request, harness.now);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->coverage().cohorts() : 0;
  };
  EXPECT_GT(covered(), 40u);
  const auto plan =
      PlanAndApply(harness, [](v1::Policy& p) { RuleOf(p, kHistory).mutable_anonymised_period()->set_days(90); });
  EXPECT_EQ(plan.cubes_gone(), 10u);
  const uint32_t at_once = covered();
  EXPECT_LE(at_once, 41u);
  harness.Sweep();
  EXPECT_EQ(covered(), at_once);
  EXPECT_EQ(CubesHeld(harness), released - 10);
  EXPECT_EQ(CubesHeld(harness, CubePrefix(DueDay(absl::CivilDay(2026, 6, 10)), DueDay(absl::CivilDay(2026, 3, 12)))),
            1u);
}

}  // namespace
}  // namespace retention
