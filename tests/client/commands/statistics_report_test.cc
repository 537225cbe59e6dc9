// retentionctl statistics report.
#include <gtest/gtest.h>

#include <cmath>

#include "client/commands/statistics_comparison.h"
#include "client/human_units.h"
#include "retention/v1/statistics_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

v1::StatisticsRow MonthRow(double estimate, double margin, uint32_t cohorts, uint32_t partial = 0) {
  v1::StatisticsRow row;
  row.set_estimate(estimate);
  row.set_interval_low(estimate - margin);
  row.set_interval_high(estimate + margin);
  row.set_people(estimate);
  row.mutable_coverage()->set_cohorts(cohorts);
  row.mutable_coverage()->set_cohorts_in_range(cohorts);
  row.mutable_coverage()->set_cohorts_partial(partial);
  return row;
}

TEST(StatisticsComparison, SumsAreComparedPerCohortAndMeansAsTheyAre) {
  const auto people = ChangeOf(MonthRow(4000, 0, 4), MonthRow(5500, 0, 5), "people", /*is_sum=*/true);
  ASSERT_TRUE(people);
  EXPECT_NEAR(people->estimate, 0.1, 1e-9);  // 1,100 a week after 1,000
  const auto mean = ChangeOf(MonthRow(4000, 0, 4), MonthRow(5000, 0, 5), "seconds", /*is_sum=*/false);
  EXPECT_NEAR(mean->estimate, 0.25, 1e-9);
}

TEST(StatisticsComparison, IntervalOfAChangeHoldsWhateverBothIntervalsHold) {
  const auto change = ChangeOf(MonthRow(1000, 100, 4), MonthRow(1200, 60, 4), "people", true);
  EXPECT_NEAR(change->estimate, 0.2, 1e-9);
  EXPECT_NEAR(change->low, 1140.0 / 1100 - 1, 1e-9);
  EXPECT_NEAR(change->high, 1260.0 / 900 - 1, 1e-9);
  const auto share = ChangeOf(MonthRow(0.30, 0.02, 4), MonthRow(0.35, 0.01, 4), "share", false);
  EXPECT_NEAR(share->estimate, 0.05, 1e-9);
  EXPECT_NEAR(share->low, 0.02, 1e-9);
  EXPECT_NEAR(share->high, 0.08, 1e-9);
  EXPECT_TRUE(std::isinf(ChangeOf(MonthRow(50, 50, 4), MonthRow(60, 10, 4), "people", true)->high));
}

TEST(StatisticsComparison, WhatIsNotShownOrOfOtherCohortsIsNotCompared) {
  v1::StatisticsRow hidden = MonthRow(1, 0, 4);
  hidden.clear_estimate();
  EXPECT_FALSE(ChangeOf(hidden, MonthRow(100, 1, 4), "people", true));
  EXPECT_FALSE(ChangeOf(MonthRow(100, 1, 4), hidden, "people", true));
  EXPECT_FALSE(ChangeOf(MonthRow(100, 1, 4), MonthRow(100, 1, 30), "people", true));  // weeks and days
  EXPECT_FALSE(ChangeOf(MonthRow(100, 1, 1), MonthRow(100, 1, 4), "people", true));   // a month and weeks
  EXPECT_FALSE(ChangeOf(MonthRow(100, 1, 4, 1), MonthRow(100, 1, 4), "people", true)) << "begun before the store";
  EXPECT_FALSE(ChangeOf(MonthRow(100, 1, 4), MonthRow(100, 1, 4, 1), "share", false));
  EXPECT_TRUE(ChangeOf(MonthRow(100, 1, 28), MonthRow(100, 1, 31), "people", true));
}

// People, shares by client, and no more: what else is asked is in no table.
absl::Status AnswerOfMonth(const google::protobuf::Message& message, google::protobuf::Message* answer) {
  const auto& request = dynamic_cast<const v1::QueryStatisticsRequest&>(message);
  const bool now = request.first_day().year() == 2026;
  v1::QueryStatisticsResponse response;
  EXPECT_EQ(ReadableDate(request.first_day()), now ? "2026-02-01" : "2025-02-01");
  EXPECT_EQ(ReadableDate(request.last_day()), now ? "2026-02-28" : "2025-02-28");
  response.mutable_coverage()->set_cohorts(4);
  response.mutable_coverage()->set_cohorts_in_range(4);
  if (request.metric() == v1::METRIC_PEOPLE) {
    response.set_unit("people");
    *response.add_rows() = now ? MonthRow(4400, 100, 4) : MonthRow(4000, 100, 4);
  } else if (request.metric() == v1::METRIC_SHARE && request.group_by(0) == v1::DIMENSION_CLIENT) {
    response.set_unit("share");
    // The list has grown meanwhile.
    for (const char* client : now ? std::vector{"phone", "web"} : std::vector{"web"}) {
      *response.add_rows() = now ? MonthRow(0.4, 0.02, 4) : MonthRow(0.5, 0.01, 4);
      response.mutable_rows()->rbegin()->add_group(client);
    }
  } else {
    return RichError(absl::StatusCode::kFailedPrecondition, "NOT_AVAILABLE");
  }
  answer->CopyFrom(response);
  return absl::OkStatus();
}

TEST_F(CommandLineTest, StatisticsReport_SetsAMonthBesideTheSameOfLastYear) {
  connection_->handlers["QueryStatistics"] = AnswerOfMonth;
  EXPECT_EQ(Run({"statistics", "report", "--month", "2026-02"}), kExitOk) << err_.str();
  const std::string text = out_.str();
  EXPECT_EQ(text.substr(0, text.find("Not in the tables")),
            "Statistics of 2026-02, beside 2025-02\n"
            "\n"
            "FIGURE                 2026-02     95 % INTERVAL  2025-02        CHANGE                95 % INTERVAL\n"
            "people                   4,400    [4,300, 4,500]    4,000       +10.0 %            [+4.9 %, +15.4 %]\n"
            "share of client phone   40.0 %  [38.0 %, 42.0 %]        -             -\n"
            "share of client web     40.0 %  [38.0 %, 42.0 %]   50.0 %  -10.0 points  [-13.0 points, -7.0 points]\n"
            "\n"
            "Cohorts: 4 of 4 of 2026-02, 4 of 4 of 2025-02. Sums are compared per cohort.\n"
            "In time: not known; of 4 of 4 cohorts more may still come.\n"
            "Figures are rounded; -o csv has them as they are. suppressed: too few people to tell from the noise.\n"
            "No change is shown from or to a month with a partial cohort: one that had begun when the store was made.\n"
            "A change whose interval holds 0 may be none; its interval is rather too wide than too narrow.\n");
  EXPECT_NE(text.find("Not in the tables of this month: participations, meetings,"), std::string::npos);
  EXPECT_NE(text.find(", share of region, share of controller, share of weekday"), std::string::npos) << text;
}

TEST_F(CommandLineTest, StatisticsReport_CsvHasBothMonthsInPlainNumbers) {
  connection_->handlers["QueryStatistics"] = AnswerOfMonth;
  EXPECT_EQ(Run({"-o", "csv", "statistics", "report", "--month", "2026-02"}), kExitOk);
  EXPECT_EQ(
      out_.str().substr(0, out_.str().find("2026-02,share")),
      "month,metric,percentile,dimension,group,unit,estimate,interval_low,interval_high,suppressed,people,cohorts,"
      "cohorts_in_range,cohorts_partial,cohorts_damaged,before_month,before_estimate,before_interval_low,before_"
      "interval_high,"
      "before_cohorts,before_cohorts_in_range,before_cohorts_partial,change,change_low,change_high\n"
      "2026-02,people,,,,people,4400,4300,4500,false,4400,4,4,0,0,2025-02,4000,3900,4100,4,4,0,0.1,"
      "0.0487804878048781,0.153846153846154\n");
  EXPECT_NE(out_.str().find("2026-02,share,,client,web,share,0.4,"), std::string::npos);
}

TEST_F(CommandLineTest, StatisticsReport_FailsWhereAnythingElseIsWrong) {
  connection_->handlers["QueryStatistics"] = [](const auto&, auto*) {
    return RichError(absl::StatusCode::kInternal, "INTERNAL");
  };
  EXPECT_EQ(Run({"statistics", "report", "--month", "2026-02"}), kExitFailed);
  EXPECT_TRUE(out_.str().empty());
  EXPECT_EQ(Run({"statistics", "report", "--month", "2026-13"}), kExitUsage);
  EXPECT_EQ(Run({"-o", "json", "statistics", "report", "--month", "2026-02"}), kExitUsage);
}

}  // namespace
}  // namespace retention
