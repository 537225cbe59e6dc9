#include "server/anonymisation/tables.h"

#include <gtest/gtest.h>

#include <set>

#include "server/base/field_checks.h"
#include "test_cohort.h"

namespace retention {
namespace {

TEST(Tables, IdsAndNamesAreThoseOnDisk) {
  // Row keys hold the ids: this list may only grow.
  const std::vector<std::pair<uint32_t, std::string>> expected = {{1, "hour_by_region"},
                                                                  {2, "client_by_region"},
                                                                  {3, "meetings_per_person"},
                                                                  {4, "duration24"},
                                                                  {5, "duration12_by_region"},
                                                                  {6, "duration12_by_client"},
                                                                  {7, "duration12_by_meeting_size"},
                                                                  {8, "reconnections_by_region"},
                                                                  {9, "reconnections_by_client"},
                                                                  {10, "reconnections_by_meeting_size"}};
  std::vector<std::pair<uint32_t, std::string>> found;
  for (const TableSpec& table : kLargeProfile.tables) {
    found.emplace_back(static_cast<uint32_t>(table.id), std::string(table.name));
  }
  EXPECT_EQ(found, expected);
}

TEST(Tables, ThresholdIs309StandardDeviationsRoundedUp) {
  const auto threshold = double(kLargeProfile.cell_threshold), variance = double(kLargeProfile.noise_variance);
  EXPECT_GE(threshold * threshold, 3.09 * 3.09 * variance);
  EXPECT_LT((threshold - 1) * (threshold - 1), 3.09 * 3.09 * variance);
}

TEST(Tables, EveryDurationFallsIntoTheBucketWithItsBounds) {
  const auto fine = BoundsOf(Axis::kDuration24), coarse = BoundsOf(Axis::kDuration12);
  ASSERT_EQ(fine.size(), 24u);
  ASSERT_EQ(coarse.size(), 12u);
  for (uint32_t seconds = 0; seconds < 43'200; ++seconds) {
    const uint8_t bucket = Duration24Bucket(seconds);
    ASSERT_GE(seconds, fine[bucket].low);
    ASSERT_LT(seconds, fine[bucket].high);
    ASSERT_GE(seconds, coarse[Duration12Bucket(bucket)].low);
    ASSERT_LT(seconds, coarse[Duration12Bucket(bucket)].high);
  }
  EXPECT_EQ(Duration24Bucket(0xffffffffu), 23);
}

TEST(Tables, BucketsOfCountsAreThePublishedOnes) {
  const auto names = [](Axis axis, auto bucket, std::initializer_list<uint32_t> numbers) {
    std::string all;
    for (const uint32_t number : numbers) all += AxisValues(axis, TestLists())[bucket(number)] + " ";
    return all;
  };
  EXPECT_EQ(names(Axis::kMeetingSize, MeetingSizeBucket, {0, 1, 2, 3, 5, 6, 10, 11, 25, 26, 100, 101, 5000}),
            "1 1 2 3-5 3-5 6-10 6-10 11-25 11-25 26-100 26-100 101+ 101+ ");
  EXPECT_EQ(names(Axis::kReconnections, ReconnectionsBucket, {0, 1, 2, 3, 4, 5, 9, 10, 99}),
            "0 1 2 3-4 3-4 5-9 5-9 10+ 10+ ");
  EXPECT_EQ(names(Axis::kMeetingsPerPerson, MeetingsPerPersonBucket, {1, 2, 3, 4, 5, 6, 7, 9, 10, 15}),
            "1 2 3 4 5-6 5-6 7-9 7-9 10+ 10+ ");
}

TEST(Tables, AxisValuesAreDistinctAndAsManyAsItsSize) {
  for (int i = 0; i <= static_cast<int>(Axis::kMeetingsPerPerson); ++i) {
    const Axis axis = static_cast<Axis>(i);
    const auto values = AxisValues(axis, TestLists());
    EXPECT_EQ(values.size(), AxisSize(axis, TestLists()));
    EXPECT_EQ(std::set<std::string>(values.begin(), values.end()).size(), values.size());
    EXPECT_TRUE(BoundsOf(axis).empty() || BoundsOf(axis).size() == values.size());
  }
  EXPECT_EQ(AxisValues(Axis::kDuration24, TestLists())[1], "30-59");
  EXPECT_EQ(AxisValues(Axis::kDuration12, TestLists())[11], "14400+");
}

TEST(PublicLists, UnlistedNamesAreOther) {
  const PublicLists lists = TestLists();
  EXPECT_EQ(lists.regions(), (std::vector<std::string>{"fra1", "ber1", "vie1", "other"}));
  EXPECT_EQ(lists.RegionIndex("vie1"), 2);
  EXPECT_EQ(lists.RegionIndex("atlantis"), 3);
  EXPECT_EQ(lists.RegionIndex("other"), 3);
  EXPECT_EQ(lists.ClientIndex("toaster"), 2);
}

TEST(PublicLists, RepeatedReservedAndTooManyNamesDoNoHarm) {
  v1::StatisticsPolicy policy;
  for (const char* site : {"a", "a", "other", "b"}) policy.add_media_sites(site);
  for (int i = 0; i < 40; ++i) policy.add_client_kinds("kind" + std::to_string(i));
  const PublicLists lists(policy);
  EXPECT_EQ(lists.regions(), (std::vector<std::string>{"a", "b", "other"}));
  EXPECT_EQ(lists.clients().size(), kMaxPublicNames + 1);
}

TEST(DescribeTables, NamesDomainsAndConstants) {
  const v1::ListTablesResponse response = DescribeTables(TestPolicy());
  ASSERT_EQ(response.tables_size(), 10);
  const v1::Table& table = response.tables(4);
  EXPECT_EQ(table.name(), "duration12_by_region");
  EXPECT_EQ(table.cell_count(), 48u);
  ASSERT_EQ(table.dimensions_size(), 2);
  EXPECT_EQ(table.dimensions(0).dimension(), v1::DIMENSION_DURATION);
  EXPECT_EQ(table.dimensions(1).values(3), "other");
  EXPECT_EQ(response.schema_version(), 1u);
  EXPECT_DOUBLE_EQ(response.rho_per_cohort(), 0.02);
  EXPECT_DOUBLE_EQ(response.noise_variance(), 500);
  EXPECT_EQ(response.floor(), 10u);
  EXPECT_EQ(response.contribution_bound(), 20u);
  EXPECT_DOUBLE_EQ(response.single_cell_threshold(), 70);
}

}  // namespace
}  // namespace retention
