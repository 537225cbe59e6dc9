// Which cohort a participation is counted in, what no cohort counts any more, and how answers say so.
#include "server/days/cohort_rows.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/request_parts.h"
#include "server/days/released_cubes.h"
#include "server/law/cohort_days.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

constexpr absl::Duration kLead = absl::Hours(1);
const DueDay kMarch2(absl::CivilDay(2026, 3, 2));
const DueDay kMarch3(absl::CivilDay(2026, 3, 3));

std::vector<Participation> Counted(Harness& harness, DueDay cohort) {
  std::vector<Participation> counted;
  const auto view = harness.store().Snapshot();
  const auto read = ReadCohort(*view, harness.engine().vault(), harness.engine().policies().current(), cohort,
                               [&](const CountedPresence& of) { counted.push_back(of.participation); });
  EXPECT_TRUE(read.ok()) << read.status();
  return counted;
}

size_t Late(Harness& harness, DueDay cohort) {
  const auto view = harness.store().Snapshot();
  const auto late = CountLatePeople(*view, harness.engine().vault(), harness.engine().policies().current(), cohort);
  EXPECT_TRUE(late.ok()) << late.status();
  return late.value_or(0);
}

bool HasCube(Harness& harness, DueDay cohort) {
  return *IsReleased(harness.store(), cohort, harness.engine().policy());
}

std::map<std::string, std::string> CubeRows(Harness& harness, DueDay cohort) {
  std::map<std::string, std::string> rows;
  const std::string prefix = CubePrefix(EraseDayOfCohort(cohort, harness.engine().policy()), cohort);
  auto cursor = harness.store().ScanPrefix(Family::kStatistics, prefix);
  for (; cursor->Valid(); cursor->Next()) rows.emplace(cursor->key(), cursor->value());
  return rows;
}

v1::Coverage CoverageOf(Harness& harness, DueDay cohort) {
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE);
  SetDate(cohort, *request.mutable_first_day());
  SetDate(cohort, *request.mutable_last_day());
  const auto answer = harness.reader().QueryStatistics(request, harness.now);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? answer->coverage() : v1::Coverage();
}

// `people` who join `meeting` one after the other, each with an address of their own, from number `first` on.
void RecordPeople(Harness& harness, const std::string& meeting, absl::Time begin, int first, int people) {
  std::vector<v1::Event> events;
  for (int i = first; i < first + people; ++i) {
    events.push_back(Joined(meeting, absl::StrCat("j", i), begin + absl::Seconds(i - first), absl::StrCat("p", i), "",
                            absl::StrCat("person", i, "@example.org")));
  }
  events.push_back(Ended(meeting, "e", begin + absl::Hours(1)));
  EXPECT_EQ(harness.Record(std::move(events)).rejections_size(), 0);
}

TEST(CohortsWithin, ACohortThatHadBegunWhenTheStoreWasMadeIsPartial_WhateverWasRecorded) {
  const ProfileHistory weeks(v1::STATISTICS_PROFILE_LARGE);
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  const auto partial = [&](absl::Time store_made) {
    std::string partial;
    for (const ExpectedCohort& cohort : CohortsWithin(weeks, berlin, store_made, DueDay(absl::CivilDay(2026, 1, 1)),
                                                      DueDay(absl::CivilDay(2026, 1, 31)))) {
      partial.push_back(cohort.is_partial ? 'p' : '-');
    }
    return partial;
  };
  EXPECT_EQ(partial(absl::InfinitePast()), "-----");
  EXPECT_EQ(partial(At("2025-12-29T00:00:00+01:00")), "-----");
  EXPECT_EQ(partial(At("2026-01-04T00:00:00Z")), "p----") << "a Sunday: of that week six days are missing";
  EXPECT_EQ(partial(At("2026-01-12T00:00:00+01:00")), "-----") << "those before will never be";
  EXPECT_EQ(partial(At("2026-01-12T00:00:01+01:00")), "--p--");
}

TEST(CohortRows, WhoComesAfterMidnightIsOfTheirOwnDay) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.now = At("2026-03-03T01:30:00+01:00");
  harness.Record({Joined("m", "a", At("2026-03-02T23:00:00+01:00"), "anna"),
                  Joined("m", "b", At("2026-03-03T00:10:00+01:00"), "ben"),
                  Ended("m", "e", At("2026-03-03T01:00:00+01:00"))});
  EXPECT_EQ(harness.DueDayOf(kHistory), "2026-05-02") << "of one meeting";
  const auto monday = Counted(harness, kMarch2);
  ASSERT_EQ(monday.size(), 1u);
  EXPECT_EQ(monday[0].hour, 23);
  EXPECT_EQ(monday[0].duration_seconds, 2u * 3600) << "beyond midnight, too";
  const auto tuesday = Counted(harness, kMarch3);
  ASSERT_EQ(tuesday.size(), 1u);
  EXPECT_EQ(tuesday[0].hour, 0);
  EXPECT_EQ(tuesday[0].duration_seconds, 50u * 60);
}

TEST(CohortRows, WhoComesBackWithinTheHourGoesOn_WhoComesBackTheNextDayComesAnew) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.now = At("2026-03-03T12:00:00+01:00");
  harness.Record({Joined("m", "h", At("2026-03-02T22:00:00+01:00"), "host"),
                  Joined("m", "a1", At("2026-03-02T23:00:00+01:00"), "anna"),
                  Left("m", "a2", At("2026-03-02T23:30:00+01:00"), "anna"),
                  Joined("m", "a3", At("2026-03-03T00:20:00+01:00"), "anna"),
                  Left("m", "a4", At("2026-03-03T00:30:00+01:00"), "anna"),
                  Joined("m", "a5", At("2026-03-03T09:00:00+01:00"), "anna"),
                  Left("m", "a6", At("2026-03-03T10:00:00+01:00"), "anna")});
  const auto tuesday = Counted(harness, kMarch3);
  ASSERT_EQ(tuesday.size(), 1u);
  EXPECT_EQ(tuesday[0].hour, 9);
  EXPECT_EQ(tuesday[0].duration_seconds, 3600u);
  EXPECT_EQ(tuesday[0].reconnections, 0u);
  const auto monday = Counted(harness, kMarch2);
  ASSERT_EQ(monday.size(), 2u);
  const Participation& anna = monday[0].hour == 23 ? monday[0] : monday[1];
  EXPECT_EQ(anna.duration_seconds, 40u * 60);
  EXPECT_EQ(anna.reconnections, 1u);
}

TEST(CohortRows, ALateEventOfSomebodyElseMovesNobodysToken) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.now = At("2026-03-03T12:00:00+01:00");
  harness.Record({Joined("m", "a1", At("2026-03-03T09:00:00+01:00"), "anna", "", "anna@example.org"),
                  Left("m", "a2", At("2026-03-03T10:00:00+01:00"), "anna")});
  EXPECT_EQ(harness.DueDayOf(kHistory), "2026-05-03");
  const auto before = Counted(harness, kMarch3);
  ASSERT_EQ(before.size(), 1u);
  // Ben had been there since the evening before.
  harness.Record(Joined("m", "b", At("2026-03-02T23:30:00+01:00"), "ben", "", "ben@example.org"));
  EXPECT_EQ(harness.DueDayOf(kHistory), "2026-05-02") << "the meeting is of another day now";
  const auto after = Counted(harness, kMarch3);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].person, before[0].person);
  EXPECT_EQ(after[0].duration_seconds, before[0].duration_seconds);
  EXPECT_EQ(Counted(harness, kMarch2).size(), 1u) << "Ben alone";
}

TEST(CohortRows, InARoomThatIsOpenForSixDaysEachIsCountedOnTheDaysOfTheirVisits) {
  Harness harness(kMonday, PatientPolicy([](v1::Policy& policy) {
                    policy.mutable_statistics()->set_release(v1::RELEASE_TIME_AT_DUE_DAY);
                  }));
  harness.SyncPbx();
  harness.Record(Joined("m", "h", kMonday, "host"));
  for (int day = 0; day < 6; ++day) {
    const absl::Time come = kMonday + day * absl::Hours(24) + absl::Minutes(5);
    harness.now = come + absl::Hours(1);
    harness.Record({Joined("m", absl::StrCat("j", day), come, "guest", "", "guest@example.org"),
                    Left("m", absl::StrCat("l", day), come + absl::Minutes(30), "guest")});
    harness.Sweep();
  }
  EXPECT_EQ(harness.DueDayOf(kHistory), "2026-05-02") << "all of it is one meeting";
  DueDay cohort = kMarch2;
  for (int day = 0; day < 6; ++day, cohort = cohort.Next()) {
    const auto counted = Counted(harness, cohort);
    ASSERT_EQ(counted.size(), day == 0 ? 2u : 1u) << day;
    EXPECT_EQ(counted.back().duration_seconds, 30u * 60);
  }
  // The last of them is drawn before the first day of the meeting takes its originals along.
  const DueDay last(absl::CivilDay(2026, 3, 7));
  const absl::Time release = ReleaseTimeOf(last, kLead, harness.engine().policy());
  EXPECT_LE(release, At("2026-05-02T23:00:00+02:00"));
  harness.now = release - kTick;
  harness.Sweep();
  EXPECT_FALSE(HasCube(harness, last));
  EXPECT_EQ(Counted(harness, last).size(), 1u);
  harness.now = release;
  EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
  EXPECT_TRUE(HasCube(harness, last));
}

TEST(CohortRows, TheOriginalsOfACohortLieNowhereElse) {
  const Policy policy = DefaultPolicy();
  const BucketRange buckets = BucketsOfCohort(DueDay(absl::CivilDay(2026, 3, 20)), policy);
  // Under the widest rules: a day early for a plan of seven, two days late for it, and there for seven; and one more.
  EXPECT_EQ(buckets.first, DueDay(absl::CivilDay(2026, 5, 2)));
  EXPECT_EQ(buckets.last, DueDay(absl::CivilDay(2026, 5, 21)));
}

TEST(CohortRows, ALateParticipationIsNotCounted_AndLowersCoverageOnceItsOriginalsGo) {
  for (const int late : {0, 600}) {
    SCOPED_TRACE(late);
    Harness harness(kMonday);
    harness.SyncPbx();
    harness.now = kMonday + absl::Hours(5);
    for (int i = 0; i < 1200; i += 100) RecordPeople(harness, absl::StrCat("m", i), kMonday, i, 100);
    harness.now = ReleaseTimeOf(kMarch2, kLead, harness.engine().policy());
    EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
    for (int i = 0; i < late; i += 100) RecordPeople(harness, absl::StrCat("late", i), kMonday, 5000 + i, 100);
    EXPECT_EQ(Counted(harness, kMarch2).size(), 1200u);
    EXPECT_EQ(Late(harness, kMarch2), static_cast<size_t>(late));
    harness.Sweep();
    EXPECT_FALSE(CoverageOf(harness, kMarch2).has_in_time()) << "nothing is known yet";
    EXPECT_EQ(CoverageOf(harness, kMarch2).cohorts(), 1u);
    EXPECT_EQ(CoverageOf(harness, kMarch2).cohorts_late_counted(), 0u);
    harness.now = LateTimeOf(kMarch2, kLead, harness.engine().policy()) - kTick;
    harness.Sweep();
    EXPECT_EQ(CoverageOf(harness, kMarch2).cohorts_late_counted(), 0u);
    harness.now += kTick;
    harness.Sweep();
    const v1::Coverage coverage = CoverageOf(harness, kMarch2);
    EXPECT_EQ(coverage.cohorts_late_counted(), 1u);
    ASSERT_TRUE(coverage.has_in_time());
    // 1,200 of 1,800 people; the noise is some 24 of the one and 150 of the other.
    EXPECT_GT(coverage.in_time(), late == 0 ? 0.62 : 0.48);
    EXPECT_LT(coverage.in_time(), late == 0 ? 1.01 : 0.97);
    EXPECT_LE(coverage.in_time_low(), coverage.in_time());
    EXPECT_GE(coverage.in_time_high(), coverage.in_time());
    const auto rows = CubeRows(harness, kMarch2);
    harness.Sweep();
    ASSERT_TRUE(harness.Reopen().ok());
    harness.Sweep();
    EXPECT_EQ(CubeRows(harness, kMarch2), rows) << "drawn again";
  }
}

TEST(CohortRows, WhoCameLateIsOnePersonInHoweverManyMeetings_AndWhoChangedIsLateToo) {
  Harness harness(kMonday);
  harness.SyncPbx();
  harness.now = kMonday + absl::Hours(5);
  harness.Record(Joined("m", "a", kMonday, "anna", "", "anna@example.org"));
  harness.now = ReleaseTimeOf(kMarch2, kLead, harness.engine().policy());
  harness.Sweep();
  EXPECT_EQ(Late(harness, kMarch2), 0u);
  harness.Record({Joined("x", "b", kMonday, "ben", "", "ben@example.org"),
                  Joined("y", "b", kMonday, "guest", "", "Ben@Example.org")});
  EXPECT_EQ(Late(harness, kMarch2), 1u);
  harness.Record(Left("m", "l", kMonday + absl::Hours(1), "anna"));
  EXPECT_EQ(Late(harness, kMarch2), 2u);
  EXPECT_EQ(Counted(harness, kMarch2).size(), 1u);
  EXPECT_EQ(Late(harness, kMarch3), 0u);
}

TEST(CohortRows, AWeekIsOneCohort_DrawnWhenItHasSettled_AndAskedForByItsDays) {
  Harness harness(kMonday, PatientPolicy([](v1::Policy& policy) {
                    policy.mutable_statistics()->set_profile(v1::STATISTICS_PROFILE_LARGE);
                  }));
  harness.SyncPbx();
  for (int day = 0; day < 2; ++day) {
    harness.now = kMonday + day * absl::Hours(24) + absl::Hours(5);
    const absl::Time begin = kMonday + day * absl::Hours(24);
    // Half of them come again on Tuesday.
    for (int i = 0; i < (day == 0 ? 1200 : 600); i += 100) {
      RecordPeople(harness, absl::StrCat("m", day, "-", i), begin, i, 100);
    }
  }
  const CohortDays week = harness.engine().policies().current().profiles.CohortOf(kMarch3);
  EXPECT_EQ(week.first, kMarch2);
  harness.now = At("2026-03-11T00:00:00+01:00") - kTick;
  harness.Sweep();
  EXPECT_FALSE(*IsReleased(harness.store(), week, harness.engine().policy()));
  EXPECT_TRUE(harness.ring().FindCohort(week.last).has_value());
  harness.now += kTick;
  EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
  EXPECT_TRUE(*IsReleased(harness.store(), week, harness.engine().policy()));
  EXPECT_FALSE(harness.ring().FindCohort(week.last).has_value());
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE);
  request.add_group_by(v1::DIMENSION_DAY);
  SetDate(kMarch2, *request.mutable_first_day());
  SetDate(DueDay(absl::CivilDay(2026, 3, 8)), *request.mutable_last_day());
  const auto answer = harness.reader().QueryStatistics(request, harness.now);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows_size(), 7);
  EXPECT_EQ(answer->coverage().cohorts(), 1u);
  // 600 came on both days, and are half on each; noise of some 30.
  EXPECT_NEAR(answer->rows(0).estimate(), 900, 160);
  EXPECT_NEAR(answer->rows(1).estimate(), 300, 160);
  EXPECT_FALSE(answer->rows(5).has_estimate()) << "nobody came on Saturday";
  EXPECT_EQ(harness.Sweep().cohorts_released, 0u);
}

TEST(CohortRows, ACohortStaysOpenForAsLongAsThePolicySays) {
  Harness harness(kMonday, PatientPolicy([](v1::Policy& policy) {
                    policy.mutable_statistics()->mutable_settling()->set_seconds(5 * 86400);
                  }));
  harness.SyncPbx();
  harness.now = At("2026-03-07T23:59:00+01:00");
  harness.Sweep();
  harness.Record(Joined("m", "a", kMonday, "anna"));
  EXPECT_EQ(Counted(harness, kMarch2).size(), 1u) << "in time";
  EXPECT_FALSE(HasCube(harness, kMarch2));
  harness.now = At("2026-03-08T00:00:00+01:00");
  EXPECT_EQ(harness.Sweep().cohorts_released, 1u);
  EXPECT_TRUE(HasCube(harness, kMarch2));
  harness.Record(Joined("n", "a", kMonday, "ben"));
  EXPECT_EQ(Counted(harness, kMarch2).size(), 1u) << "too late";
  EXPECT_EQ(Late(harness, kMarch2), 1u);
}

}  // namespace
}  // namespace retention
