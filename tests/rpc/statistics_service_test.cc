#include <gtest/gtest.h>

#include <string>

#include "retention/v1/statistics_service.pb.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kTables[] = "/retention.v1.StatisticsService/ListTables";
constexpr char kQuery[] = "/retention.v1.StatisticsService/QueryStatistics";

void SetDay(google::type::Date& date, int year, int month, int day) {
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
}

v1::QueryStatisticsRequest March() {
  v1::QueryStatisticsRequest request;
  request.set_metric(v1::METRIC_PEOPLE_DAYS);
  SetDay(*request.mutable_from(), 2026, 3, 1);
  SetDay(*request.mutable_to(), 2026, 3, 31);
  return request;
}

TEST(StatisticsService, TheTablesAndTheirPrivacyArePublic) {
  RunningServer server;
  v1::ListTablesResponse response;
  ASSERT_TRUE(server.Call(kTables, v1::ListTablesRequest(), &response).ok());
  EXPECT_GT(response.tables_size(), 0);
  EXPECT_GT(response.noise_variance(), 0);
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
  AwaitTrue([&] { return server.Call(kQuery, March(), &response).ok() && response.cohorts_covered() >= 1; });
  ASSERT_EQ(response.rows_size(), 1);
  EXPECT_NEAR(response.rows(0).estimate(), 500, 400) << response.DebugString();
  EXPECT_GT(response.rows(0).noise_stddev(), 0) << response.DebugString();
}

TEST(StatisticsService, MalformedQuestionsNameTheirFieldAndUnanswerableOnesSaySo) {
  RunningServer server;
  v1::QueryStatisticsRequest request = March();
  request.clear_metric();
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD metric");
  request = March();
  request.clear_from();
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD from");
  request = March();
  SetDay(*request.mutable_to(), 2026, 2, 30);
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD to");
  request = March();
  request.add_group_by(v1::DIMENSION_HOUR);
  request.add_group_by(v1::DIMENSION_CLIENT);
  EXPECT_EQ(server.Call(kQuery, request).Summary(), "FAILED_PRECONDITION NOT_AVAILABLE");
}

}  // namespace
}  // namespace retention
