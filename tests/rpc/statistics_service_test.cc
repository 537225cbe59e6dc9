#include <gtest/gtest.h>

#include <string>

#include "retention/v1/statistics_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kTables[] = "/retention.v1.StatisticsService/ListTables";
constexpr char kGuarantee[] = "/retention.v1.StatisticsService/GetGuarantee";
constexpr char kSample[] = "/retention.v1.StatisticsService/SampleSyntheticRecords";
constexpr char kQuery[] = "/retention.v1.StatisticsService/QueryStatistics";

void SetDay(google::type::Date& date, int year, int month, int day) {
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
}

v1::QueryStatisticsRequest March() {
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE);
  SetDay(*request.mutable_first_day(), 2026, 3, 1);
  SetDay(*request.mutable_last_day(), 2026, 3, 31);
  return request;
}

TEST(StatisticsService, TheTablesAndTheirPrivacyArePublic) {
  RunningServer server;
  v1::ListTablesResponse response;
  ASSERT_TRUE(server.Call(kTables, v1::ListTablesRequest(), &response).ok());
  EXPECT_GT(response.tables_size(), 0);
  EXPECT_GT(response.tables(0).noise_stddev(), 0);
  v1::GetGuaranteeResponse guarantee;
  ASSERT_TRUE(server.Call(kGuarantee, v1::GetGuaranteeRequest(), &guarantee).ok());
  EXPECT_EQ(guarantee.profile(), v1::STATISTICS_PROFILE_DAILY);
  EXPECT_EQ(guarantee.settling().seconds(), 172800);
}

TEST(StatisticsService, CohortsAreReleasedWhenTheirTimeComesAndCounted) {
  RunningServer server;
  server.SyncPbx();
  const absl::Time start = kMonday;
  std::vector<v1::Event> events;
  for (int i = 0; i < 500; ++i) {
    const std::string person = std::to_string(i);
    events.push_back(Joined("meeting", "j" + person, start, person, "", "person" + person + "@example.org"));
    events.push_back(Left("meeting", "l" + person, start + absl::Minutes(5), person));
  }
  server.AdvanceTo(start + absl::Minutes(5));
  EXPECT_EQ(server.Batch(events).accepted(), 1000u);
  server.AdvanceTo(At("2026-03-05T12:00:00+01:00"));
  v1::QueryStatisticsResponse response;
  AwaitTrue([&] { return server.Call(kQuery, March(), &response).ok() && response.coverage().cohorts() >= 1; });
  ASSERT_EQ(response.rows_size(), 1);
  EXPECT_NEAR(response.rows(0).estimate(), 500, 300) << response.DebugString();
  EXPECT_GT(response.rows(0).noise_stddev(), 0) << response.DebugString();
  EXPECT_EQ(response.coverage().cohorts_partial(), 1u) << "the store was made at ten on that Monday";
  v1::SampleSyntheticRecordsRequest sample;
  *sample.mutable_first_day() = March().first_day();
  *sample.mutable_last_day() = March().last_day();
  sample.set_count(20);
  v1::SampleSyntheticRecordsResponse records;
  ASSERT_TRUE(server.Call(kSample, sample, &records).ok());
  EXPECT_EQ(records.records_size(), 20);
}

TEST(StatisticsService, MalformedQuestionsNameTheirFieldAndUnanswerableOnesSaySo) {
  RunningServer server;
  v1::QueryStatisticsRequest request = March();
  request.clear_metric();
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD metric");
  request = March();
  request.clear_first_day();
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD first_day");
  request = March();
  SetDay(*request.mutable_last_day(), 2026, 2, 30);
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD last_day");
  request = March();
  request.set_filter("mood = good");
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD filter");
  request = March();
  request.add_group_by(v1::DIMENSION_HOUR);
  request.add_group_by(v1::DIMENSION_DURATION);
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "FAILED_PRECONDITION NOT_AVAILABLE");
}

}  // namespace
}  // namespace retention
