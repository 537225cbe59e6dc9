#include "server/anonymisation/tables.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "server/anonymisation/estimates.h"
#include "server/anonymisation/guarantee.h"
#include "test_cohort.h"

namespace retention {
namespace {

const Profile* const kProfiles[] = {&kLargeProfile, &kDailyProfile, &kSmallProfile};

TEST(Tables, AllOfThemTogetherAreWithinRho) {
  for (const Profile* profile : kProfiles) {
    for (const auto& policy : {TestPolicy(), PolicyWithControllers()}) {
      double rho = 4 / (2 * static_cast<double>(LateNoiseVariance(*profile)));
      for (const DrawnTable& table : TablesOf(*profile, PublicLists(policy))) {
        const auto contribution = static_cast<double>(ContributionOf(table.spec->measure, *profile));
        rho += contribution * contribution / (2 * static_cast<double>(NoiseVarianceOf(table, *profile)));
      }
      EXPECT_LE(rho, profile->rho_ppm / 1e6);
      EXPECT_GT(rho, profile->rho_ppm / 1e6 * 0.97) << "and nothing is given away";
    }
  }
}

TEST(Tables, NamesAndNumbersAreEachOnce) {
  for (const Profile* profile : kProfiles) {
    std::set<std::string_view> names;
    std::set<int> ids;
    for (const DrawnTable& table : TablesOf(*profile, PublicLists(PolicyWithControllers()))) {
      EXPECT_TRUE(names.insert(table.spec->name).second);
      EXPECT_TRUE(ids.insert(static_cast<int>(table.spec->id)).second);
      EXPECT_LT(static_cast<int>(table.spec->id), 128);
    }
    EXPECT_EQ(ProfileOfSchema(profile->schema_version), profile);
  }
  EXPECT_EQ(ProfileOfSchema(1), nullptr);
}

TEST(Tables, NumbersFallIntoTheirBuckets) {
  EXPECT_EQ(Duration24Bucket(0), 0);
  EXPECT_EQ(Duration24Bucket(29), 0);
  EXPECT_EQ(Duration24Bucket(30), 1);
  EXPECT_EQ(Duration24Bucket(21'600), 23);
  EXPECT_EQ(Duration24Bucket(UINT32_MAX), 23);
  EXPECT_EQ(PerPersonBucket(1), 0);
  EXPECT_EQ(PerPersonBucket(6), 4);
  EXPECT_EQ(PerPersonBucket(25), 8);
  EXPECT_EQ(ReconnectionsBucket(4), 3);
  EXPECT_EQ(RttBucket(19), 0);
  EXPECT_EQ(RttBucket(500), 7);
  EXPECT_EQ(LossBucket(999), 2);
  EXPECT_EQ(JitterBucket(120), 7);
  for (const auto& [dimension, count] : {std::pair(v1::DIMENSION_DURATION, 24), std::pair(v1::DIMENSION_DURATION, 12),
                                         std::pair(v1::DIMENSION_RTT, 8), std::pair(v1::DIMENSION_LOSS, 8)}) {
    const auto bounds = BoundsOf(dimension, static_cast<size_t>(count));
    ASSERT_EQ(bounds.size(), static_cast<size_t>(count));
    for (size_t i = 1; i < bounds.size(); ++i) EXPECT_EQ(bounds[i].low, bounds[i - 1].high);
  }
}

TEST(Tables, WhatIsInNoListIsOther) {
  const PublicLists lists(PolicyWithControllers());
  EXPECT_EQ(lists.RegionIndex("ber1"), 1);
  EXPECT_EQ(lists.RegionIndex("nowhere"), 3);
  EXPECT_EQ(lists.ClientIndex(""), 2);
  EXPECT_EQ(lists.ControllerIndex("initech"), 1);
  EXPECT_FALSE(TestLists().publishes_controllers());
}

// Half of the width of a 95 % interval, in percent of `whole`, of one cell of a table; 8 regions and 6 clients.
double HalfWidth(const Profile& profile, TableId table, double whole) {
  v1::StatisticsPolicy policy;
  for (const char* site : {"a", "b", "c", "d", "e", "f", "g"}) policy.add_media_sites(site);
  for (const char* kind : {"a", "b", "c", "d", "e"}) policy.add_client_kinds(kind);
  const PublicLists lists(policy);
  std::vector<double> one(CellCount(SpecOf(table), lists));
  one.front() = 1;
  return 196 * std::sqrt(Precision(profile, lists).Variance(WeightedCells(SpecOf(table), lists, one))) / whole;
}

// The figures of docs/anonymisation.md, on the public workloads of optimise_budget.py.
TEST(Utility, HalfWidthsAreWhatTheDocumentSays) {
  struct Row {
    const Profile& profile;
    double people, participations, seconds;
    double people_percent, participations_percent, time_percent, client_percent;
  };
  for (const Row& row : {Row{kLargeProfile, 12'000, 49'000, 29'400 * 3600.0, 0.4, 1.3, 1.7, 2.0},
                         Row{kDailyProfile, 4'500, 7'000, 4'200 * 3600.0, 1.1, 2.6, 3.6, 4.9},
                         Row{kSmallProfile, 600, 8'800, 5'300 * 3600.0, 4.5, 7.4, 7.4, 19.9}}) {
    EXPECT_NEAR(HalfWidth(row.profile, TableId::kPeople, row.people), row.people_percent, 0.06);
    EXPECT_NEAR(HalfWidth(row.profile, TableId::kParticipations, row.participations), row.participations_percent, 0.06);
    EXPECT_NEAR(HalfWidth(row.profile, TableId::kTime, row.seconds), row.time_percent, 0.06);
    EXPECT_NEAR(HalfWidth(row.profile, TableId::kClient, row.people / 5), row.client_percent, 0.06);
  }
  EXPECT_NEAR(HalfWidth(kLargeProfile, TableId::kMeetings, 9'800), 1.8, 0.06);
  EXPECT_NEAR(HalfWidth(kDailyProfile, TableId::kMeetings, 1'400), 6.2, 0.06);
}

// The same.
TEST(Guarantee, OverTimeItIsWhatTheDocumentSays) {
  EXPECT_NEAR(EpsilonOf(0.02, kGuaranteeDelta), 1.0, 0.06);
  EXPECT_NEAR(EpsilonOf(0.02 * 30, kGuaranteeDelta), 6.3, 0.1);
  EXPECT_NEAR(EpsilonOf(0.02 * 250, kGuaranteeDelta), 21.9, 0.2);
  EXPECT_NEAR(EpsilonOf(0.02 * 365, kGuaranteeDelta), 27.9, 0.2);
  EXPECT_NEAR(GuessRightAtMost(0.02), 0.540, 0.001);
  EXPECT_NEAR(GuessRightAtMost(0.02 * 250), 0.943, 0.001);
  EXPECT_NEAR(GuessRightAtMost(0.05 * 12), 0.708, 0.001);
  const v1::GetGuaranteeResponse large = DescribeGuarantee(kLargeProfile, absl::Hours(48));
  ASSERT_EQ(large.over_time_size(), 4);
  EXPECT_EQ(large.over_time(3).cohorts(), 53u);
  EXPECT_NEAR(large.over_time(3).epsilon(), 8.6, 0.2);
  EXPECT_EQ(DescribeGuarantee(kSmallProfile, absl::Hours(48)).over_time(2).cohorts(), 12u);
}

TEST(Guarantee, TablesAreDescribedAsTheyAreDrawn) {
  const v1::ListTablesResponse tables = DescribeTables(kLargeProfile, TestLists());
  double percent = 0;
  for (const v1::Table& table : tables.tables()) {
    percent += table.share_percent();
    EXPECT_LE(table.estimate_stddev(), table.noise_stddev() * 1.000001) << table.name() << ": never worse than drawn";
  }
  EXPECT_NEAR(percent + kLargeProfile.late_permille / 10.0, 100, 1e-6);
  EXPECT_GT(tables.questions_size(), 40);
}

}  // namespace
}  // namespace retention
