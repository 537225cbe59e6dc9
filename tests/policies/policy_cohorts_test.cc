// What becomes of cohorts, and of their released cubes, when another policy comes into force.
#include <gtest/gtest.h>

#include <string>

#include "server/base/request_parts.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "storage/keys.h"
#include "tests/policies/policy_fixture.h"

namespace retention {
namespace {

uint64_t CubesHeld(Harness& harness, const std::string& prefix = "") {
  uint64_t heads = 0;
  for (auto cursor = harness.store().ScanPrefix(Family::kStatistics, prefix); cursor->Valid(); cursor->Next()) {
    heads += DecodeCubeKey(cursor->key())->table == 0 ? 1 : 0;
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
    harness.now = DueInstant(BucketOfCohort(cohort, harness.engine().policy()), harness.engine().policy().zone()) -
                  absl::Minutes(30);
    EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
    EXPECT_EQ(CubesHeld(harness), 1u);
    harness.now += absl::Hours(1);
    harness.Sweep();
    EXPECT_EQ(harness.Values(kHistory), 0u);
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
  EXPECT_EQ(harness.Sweep().cohorts_released, 0u);
  EXPECT_EQ(harness.Values(kHistory), 0u);
  EXPECT_EQ(harness.ring().cohorts_destroyed_through(), DueDay(absl::CivilDay(2026, 3, 11)));
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
  const auto swept = harness.Sweep();
  EXPECT_EQ(swept.cohorts_released, 0u) << "an empty cube would say that nobody met";
  EXPECT_EQ(CubesHeld(harness), 0u);
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
    SetDate(DueDay(absl::CivilDay(2026, 3, 2)), *request.mutable_from());
    SetDate(DueDay(absl::CivilDay(2026, 4, 20)), *request.mutable_to());
    const auto answer = harness.reader().QueryStatistics(request, harness.now);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->cohorts_covered() : 0;
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
