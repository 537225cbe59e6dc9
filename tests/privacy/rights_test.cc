// Who objects to being known, and what is held: in cohorts, or out of them, as the law says.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/request_parts.h"
#include "tests/holds/held.h"
#include "tests/privacy/attacked_platform.h"

namespace retention::privacy {
namespace {

constexpr int kPeople = 8;
constexpr double kHour = 9;
const PersonInRoom kPerson1{.email = "Person1@Example.org"};

// Eight people in a meeting, and two of them in another.
Scene EightPeople() {
  Scene scene;
  for (int person = 1; person <= kPeople; ++person) Append(Stay(person, "m", kHour, 30), scene.others);
  for (int person = 1; person <= 2; ++person) Append(Stay(person, "n", kHour + 3, 60, 1), scene.others);
  return scene;
}

class RightsInCohorts : public ::testing::Test {
 protected:
  RightsInCohorts() { harness().now = HourOf(24); }

  Harness& harness() { return world_.harness(); }
  TestEngine& engine() { return harness().engine(); }
  Exact Counted() { return world_.Count(world_.CohortOf(kHour)); }
  int64_t Of(TableId table) { return Counted().at(table)[0] / kSixtieths; }
  v1::Coverage Coverage() {
    v1::QueryStatisticsRequest request;
    request.set_metric(v1::METRIC_PEOPLE);
    SetDate(DueDay(absl::CivilDay(2026, 3, 2)), *request.mutable_first_day());
    *request.mutable_last_day() = request.first_day();
    const auto answer = harness().reader().QueryStatistics(request, harness().now);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->coverage() : v1::Coverage();
  }
  void Release() {
    harness().now = ReleaseTimeOf(world_.CohortOf(kHour), absl::Hours(1), world_.policy());
    EXPECT_GE(harness().Sweep().cohorts_released, 1u);
  }

  World world_{EightPeople(), false};
};

TEST_F(RightsInCohorts, WhoWasErasedIsCountedNoMoreWhereTheyWere) {
  EXPECT_EQ(Of(TableId::kPeople), kPeople);
  for (const char* meeting : {"m", "n"}) {
    ASSERT_TRUE(engine().ErasePerson("pbx", meeting, kPerson1, harness().now).ok());
  }
  EXPECT_EQ(Of(TableId::kPeople), kPeople - 1);
  EXPECT_EQ(Of(TableId::kParticipations), kPeople + 2 - 2) << "and everybody else as before";
}

TEST_F(RightsInCohorts, WhoIsRestrictedIsNotCountedUntilTheyAreNot) {
  const Exact before = Counted();
  for (const char* meeting : {"m", "n"}) {
    ASSERT_TRUE(engine().RestrictPerson("pbx", meeting, kPerson1, true, harness().now).ok());
  }
  EXPECT_EQ(Of(TableId::kPeople), kPeople - 1);
  EXPECT_EQ(Of(TableId::kParticipations), kPeople + 2 - 2);
  for (const char* meeting : {"m", "n"}) {
    ASSERT_TRUE(engine().RestrictPerson("pbx", meeting, kPerson1, false, harness().now).ok());
  }
  EXPECT_EQ(Counted(), before);
}

TEST_F(RightsInCohorts, WhatIsPublishedStays_WhoeverIsErasedLater) {
  Release();
  const auto cubes = MapStore::RowsOf(*harness().store().Snapshot())[static_cast<size_t>(Family::kStatistics)];
  ASSERT_FALSE(cubes.empty());
  ASSERT_TRUE(engine().ErasePerson("pbx", "m", kPerson1, harness().now).ok());
  harness().Sweep();
  EXPECT_EQ(MapStore::RowsOf(*harness().store().Snapshot())[static_cast<size_t>(Family::kStatistics)], cubes);
}

// A hold keeps nobody in and nobody out.
TEST_F(RightsInCohorts, AHoldOnAWholePbxChangesNoCount) {
  const Exact before = Counted();
  ASSERT_TRUE(engine().CreateHold(PbxHold("case", harness().now), harness().now).ok());
  EXPECT_EQ(Counted(), before);
  Release();
  EXPECT_EQ(Coverage().cohorts(), 1u);
  EXPECT_EQ(Coverage().cohorts_damaged(), 0u);
}

TEST_F(RightsInCohorts, APbxThatEndsIsCountedAlikeWithAHoldAndWithout) {
  for (const bool held : {false, true}) {
    SCOPED_TRACE(held);
    World world(EightPeople(), false);
    const CohortDays cohort = world.CohortOf(kHour);
    const Exact before = world.Count(cohort);
    Harness& harness = world.harness();
    if (held) ASSERT_TRUE(harness.engine().CreateHold(PbxHold("case", harness.now), harness.now).ok());
    ASSERT_TRUE(harness.EndPbx("pbx").ok());
    EXPECT_EQ(world.Count(cohort), before);
  }
}

TEST_F(RightsInCohorts, WhoIsErasedIsNotCounted_ThoughAHoldKeepsWhatWasTheirs) {
  ASSERT_TRUE(engine().CreateHold(PbxHold("case", harness().now), harness().now).ok());
  for (const char* meeting : {"m", "n"}) {
    ASSERT_TRUE(engine().ErasePerson("pbx", meeting, kPerson1, harness().now).ok());
  }
  EXPECT_EQ(Of(TableId::kPeople), kPeople - 1);
}

}  // namespace
}  // namespace retention::privacy
