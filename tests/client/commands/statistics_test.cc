// retentionctl statistics query, export, tables and guarantee.
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "client/commands/statistics_chart.h"
#include "client/human_units.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

v1::StatisticsRow ShownRow(const std::string& group, double estimate, double low, double high) {
  v1::StatisticsRow row;
  row.add_group(group);
  row.set_estimate(estimate);
  row.set_interval_low(low);
  row.set_interval_high(high);
  row.set_noise_stddev(22.5);
  row.set_threshold(79.5);
  row.set_people(estimate);
  row.set_certainty(0.9999);
  row.mutable_coverage()->set_cohorts(4);
  row.mutable_coverage()->set_cohorts_in_range(5);
  return row;
}

v1::StatisticsRow SuppressedRow(const std::string& group, uint32_t cohorts) {
  v1::StatisticsRow row;
  row.add_group(group);
  row.set_threshold(79.5);
  row.mutable_coverage()->set_cohorts(cohorts);
  row.mutable_coverage()->set_cohorts_in_range(5);
  return row;
}

v1::QueryStatisticsResponse PeopleByRegion() {
  v1::QueryStatisticsResponse response;
  response.set_unit("people");
  response.set_table("people/region");
  *response.add_rows() = ShownRow("fra", 12345.25, 12301.5, 12399.75);
  response.mutable_rows(0)->mutable_coverage()->set_cohorts_damaged(1);
  response.mutable_rows(0)->mutable_coverage()->set_cohorts_late_counted(3);
  response.mutable_rows(0)->mutable_coverage()->set_in_time(0.9875);
  response.mutable_rows(0)->mutable_coverage()->set_in_time_low(0.981);
  response.mutable_rows(0)->mutable_coverage()->set_in_time_high(0.993);
  *response.mutable_coverage() = response.rows(0).coverage();
  *response.add_rows() = SuppressedRow("other", 4);
  return response;
}

const std::vector<std::string> kAskByRegion = {"statistics", "query",      "--metric", "people",
                                               "--group-by", "region",     "--filter", "client = \"web\"",
                                               "--from",     "2026-03-30", "--to",     "2026-04-30"};

std::vector<std::string> As(const std::string& format, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-o", format});
  return arguments;
}

TEST_F(CommandLineTest, StatisticsQuery_IsRoundedForPeopleAndWholeForPrograms) {
  v1::QueryStatisticsRequest seen;
  connection_->handlers["QueryStatistics"] = [&](const auto& request, auto* answer) {
    seen.CopyFrom(request);
    answer->CopyFrom(PeopleByRegion());
    return absl::OkStatus();
  };
  EXPECT_EQ(Run(kAskByRegion), kExitOk);
  EXPECT_EQ(out_.str(),
            "REGION    ESTIMATE     95 % INTERVAL  PEOPLE            COHORTS\n"
            "fra         12,345  [12,302, 12,400]  12,345  4 of 5, 1 damaged\n"
            "other   suppressed                                       4 of 5\n"
            "\n"
            "Unit: people. Tables: people/region. Cohorts released: 4 of 5, 1 damaged.\n"
            "In time: 98.8 % [98.1 %, 99.3 %] of people; of 1 of 4 cohorts more may still come.\n"
            "Rounded, and no less than nothing; -o csv and -o json have the figures as they are.\n"
            "suppressed: too few people to tell from the noise.\n");
  EXPECT_EQ(seen.metric(), v1::METRIC_PEOPLE);
  EXPECT_EQ(seen.group_by(0), v1::DIMENSION_REGION);
  EXPECT_EQ(seen.filter(), "client = \"web\"");
  EXPECT_EQ(seen.last_day().day(), 30);
  EXPECT_EQ(Run(As("csv", kAskByRegion)), kExitOk);
  EXPECT_EQ(
      out_.str(),
      "region,unit,estimate,interval_low,interval_high,noise_stddev,suppressed,people,threshold,certainty,cohorts,"
      "cohorts_in_range,cohorts_partial,cohorts_damaged,cohorts_late_counted,in_time,in_time_low,in_time_high\n"
      "fra,people,12345.25,12301.5,12399.75,22.5,false,12345.25,79.5,0.9999,4,5,0,1,3,0.9875,0.981,0.993\n"
      "other,people,,,,,true,,79.5,,4,5,0,0,0,,,\n");
  EXPECT_EQ(Run(As("json", kAskByRegion)), kExitOk);
  EXPECT_NE(out_.str().find("\"estimate\": 12345.25"), std::string::npos);
}

TEST_F(CommandLineTest, StatisticsQuery_AllPagesAreOneAnswer) {
  int asked = 0;
  connection_->handlers["QueryStatistics"] = [&](const auto& request, auto* answer) {
    const auto& question = dynamic_cast<const v1::QueryStatisticsRequest&>(request);
    EXPECT_EQ(question.page_token(), asked == 0 ? "" : "second");
    v1::QueryStatisticsResponse page;
    page.set_unit("people");
    *page.add_rows() = ShownRow(asked == 0 ? "ams" : "fra", 500, 450, 550);
    if (asked++ == 0) page.set_next_page_token("second");
    answer->CopyFrom(page);
    return absl::OkStatus();
  };
  EXPECT_EQ(Run(As("csv", kAskByRegion)), kExitOk);
  EXPECT_NE(out_.str().find("\nams,people,500,"), std::string::npos);
  EXPECT_NE(out_.str().find("\nfra,people,500,"), std::string::npos);
}

TEST_F(CommandLineTest, StatisticsQuery_WhatIsNotReleasedIsNotCalledSuppressed) {
  v1::QueryStatisticsResponse response;
  response.set_unit("people");
  *response.add_rows() = SuppressedRow("fra", 0);
  connection_->Answer("QueryStatistics", response);
  EXPECT_EQ(Run(kAskByRegion), kExitOk);
  EXPECT_NE(out_.str().find("fra     no cohorts"), std::string::npos) << out_.str();
  EXPECT_EQ(out_.str().find("suppressed"), std::string::npos) << out_.str();
}

TEST_F(CommandLineTest, StatisticsQuery_ChartShowsHowSureAFigureIs) {
  std::ostringstream out;
  PrintChart({ShownRow("fra", 50, 40, 60), ShownRow("ams", 12, 6, 18), SuppressedRow("other", 4)}, "people", out);
  const auto times = [](const char* block, int count) {
    std::string bar;
    for (int i = 0; i < count; ++i) bar += block;
    return bar;
  };
  EXPECT_EQ(out.str(),
            "GROUP    ESTIMATE  0 TO 60\n"
            "fra            50  " +
                times("█", 33) + times("▓", 9) + times("░", 8) + "\n" + "ams            12  " + times("█", 5) +
                times("▓", 5) + times("░", 5) + "\n" +
                "other  suppressed\n"
                "█ to the lower end of the 95 % interval, ▓ to the estimate, ░ to the upper end.\n");
  // Not above the threshold by chance: the estimate can lie above its interval, and a percentile can have no end.
  std::ostringstream odd;
  PrintChart({ShownRow("a", 80, 0, 60), ShownRow("b", 40, 20, std::numeric_limits<double>::infinity())}, "people", odd);
  EXPECT_NE(odd.str().find("a            80  " + times("▓", 50) + "\n"), std::string::npos) << odd.str();
  EXPECT_NE(odd.str().find("b            40  " + times("█", 12) + times("▓", 13) + "\n"), std::string::npos);
  std::vector<std::string> chart = kAskByRegion;
  chart.emplace_back("--chart");
  EXPECT_EQ(Run(As("csv", chart)), kExitUsage);
}

TEST_F(CommandLineTest, StatisticsQuery_WrongUsageNeedsNoServer) {
  const std::vector<std::string> days = {"--from", "2026-01-01", "--to", "2026-01-31"};
  const std::vector<std::vector<std::string>> wrong = {
      {"--metric", "people", "--from", "2026-01-01"},
      {"--metric", "mood", days[0], days[1], days[2], days[3]},
      {"--metric", "people", "--group-by", "mood", days[0], days[1], days[2], days[3]},
      {"--metric", "people", "--percentile", "50", days[0], days[1], days[2], days[3]},
      {"--metric", "rtt", days[0], days[1], days[2], days[3]},
      {"--metric", "duration-percentile", "--percentile", "100", days[0], days[1], days[2], days[3]},
      {"--metric", "people", "--from", "2026-02-30", "--to", "2026-03-01"},
  };
  for (std::vector<std::string> arguments : wrong) {
    arguments.insert(arguments.begin(), {"statistics", "query"});
    EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
  }
  EXPECT_TRUE(connection_->calls.empty());
}

TEST_F(CommandLineTest, StatisticsTables_SayWhatCanBeAskedAndAtWhatPrice) {
  v1::ListTablesResponse response;
  response.set_profile(v1::STATISTICS_PROFILE_LARGE);
  response.set_schema_version(2);
  response.set_rho_per_cohort(0.02);
  auto* table = response.add_tables();
  table->set_name("time/by_region");
  table->set_unit("seconds");
  table->set_cell_count(9);
  table->set_contribution(18000);
  table->set_share_percent(1);
  table->set_noise_stddev(900000);
  table->set_estimate_stddev(720000.5);
  auto* region = table->add_dimensions();
  region->set_dimension(v1::DIMENSION_REGION);
  region->add_values("fra");
  for (const auto dimension : {v1::DIMENSION_UNSPECIFIED, v1::DIMENSION_REGION}) {
    auto* question = response.add_questions();
    question->set_metric(v1::METRIC_TOTAL_TIME);
    if (dimension != v1::DIMENSION_UNSPECIFIED) question->add_dimensions(dimension);
  }
  connection_->Answer("ListTables", response);
  EXPECT_EQ(Run({"statistics", "tables"}), kExitOk);
  EXPECT_EQ(
      out_.str(),
      "TABLE           SPLIT BY  CELLS  UNIT     A PERSON ADDS  BUDGET      NOISE  ESTIMATE\n"
      "time/by_region  region        9  seconds     5 h 00 min   1.0 %  10 d 10 h  8 d 08 h\n"
      "\n"
      "METRIC      CAN BE SPLIT OR FILTERED BY\n"
      "total-time  region\n"
      "\n"
      "Profile large, schema 2: rho 0.02 per person and cohort. NOISE is one standard deviation in a cell as drawn,\n"
      "ESTIMATE the same after all tables were brought together. Each can also be asked by day, week, month or "
      "year.\n");
  EXPECT_EQ(Run({"-o", "csv", "statistics", "tables"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "name,dimensions,cell_count,unit,contribution,share_percent,noise_stddev,estimate_stddev\n"
            "time/by_region,region,9,seconds,18000,1,900000,720000.5\n");
}

TEST_F(CommandLineTest, StatisticsGuarantee_IsNumbersAndWords) {
  v1::GetGuaranteeResponse response;
  response.set_profile(v1::STATISTICS_PROFILE_DAILY);
  response.set_schema_version(2);
  response.set_delta(1e-7);
  response.set_least_people(10);
  response.mutable_settling()->set_seconds(172800);
  auto* year = response.add_over_time();
  year->set_days(365);
  year->set_cohorts(365);
  year->set_rho(7.3);
  year->set_epsilon(27.91);
  year->set_guess_right_at_most(0.972);
  response.add_promises("Nobody is told apart.");
  response.add_limits("Facts about all are no secret.");
  connection_->Answer("GetGuarantee", response);
  EXPECT_EQ(Run({"statistics", "guarantee"}), kExitOk);
  EXPECT_EQ(
      out_.str(),
      "DAYS  COHORTS  RHO  EPSILON  A GUESS IS RIGHT AT MOST\n"
      " 365      365  7.3     27.9                    97.2 %\n"
      "\n"
      "For somebody who is there all the time, over so many days; epsilon at delta 1e-07. Profile daily, schema 2.\n"
      "A figure is shown if 10 people are in it with 99.9 % certainty. Cohorts are drawn 2 d 00 h after their last "
      "day.\n"
      "\n"
      "Promised:\n"
      "- Nobody is told apart.\n"
      "\n"
      "Not promised:\n"
      "- Facts about all are no secret.\n");
}

FakeExportScript OneCohort(absl::Status end) {
  FakeExportScript script;
  auto* cohort = script.messages.emplace_back().mutable_cohort();
  *cohort->mutable_first_day() = *ParseDate("2026-03-30");
  *cohort->mutable_last_day() = *ParseDate("2026-04-05");
  cohort->set_profile(v1::STATISTICS_PROFILE_LARGE);
  cohort->set_schema_version(2);
  cohort->set_rho(0.02);
  cohort->set_cohorts(1);
  cohort->set_cohorts_in_range(1);
  cohort->set_late_people(-3.5);
  auto* table = script.messages.emplace_back().mutable_table();
  table->mutable_table()->set_name("people/client_by_region");
  table->mutable_table()->set_unit("people");
  for (const auto& [dimension, values] : {std::pair(v1::DIMENSION_CLIENT, std::vector{"web", "other"}),
                                          std::pair(v1::DIMENSION_REGION, std::vector{"fra", "other"})}) {
    auto* domain = table->mutable_table()->add_dimensions();
    domain->set_dimension(dimension);
    for (const char* value : values) domain->add_values(value);
  }
  for (const double cell : {1.0, 2.0, 3.0, -4.0}) {
    table->add_drawn(cell * 2);
    table->add_estimates(cell + 0.25);
  }
  table->set_drawn_variance(289);
  table->set_estimate_variance(225.5);
  script.end = std::move(end);
  return script;
}

TEST_F(CommandLineTest, StatisticsExport_HasEveryCellWithItsVariance) {
  const std::vector<std::string> all = {"statistics", "export", "--from", "2026-03-30", "--to", "2026-04-05"};
  connection_->exports.assign(3, OneCohort(absl::OkStatus()));
  EXPECT_EQ(Run(As("csv", all)), kExitOk);
  const std::string head = "2026-03-30,2026-04-05,large,2,0.02,1,1,false,-3.5,people/client_by_region,people,";
  EXPECT_EQ(out_.str(),
            "first_day,last_day,profile,schema_version,rho,cohorts,cohorts_in_range,damaged,late_people,table,unit,"
            "dimension_1,value_1,dimension_2,value_2,drawn,drawn_variance,estimate,estimate_variance\n" +
                head + "client,web,region,fra,2,289,1.25,225.5\n" +    //
                head + "client,web,region,other,4,289,2.25,225.5\n" +  //
                head + "client,other,region,fra,6,289,3.25,225.5\n" +  //
                head + "client,other,region,other,-8,289,-3.75,225.5\n");
  EXPECT_EQ(connection_->export_requests.back().first_day().day(), 30);
  EXPECT_EQ(Run(all), kExitOk);
  EXPECT_EQ(out_.str(),
            "FIRST DAY   LAST DAY    PROFILE  SCHEMA   RHO  COHORTS  OF  DAMAGED  CAME LATE\n"
            "2026-03-30  2026-04-05  large         2  0.02        1   1  no               0\n");
  EXPECT_EQ(Run(As("json", all)), kExitOk);
  EXPECT_NE(out_.str().find("{\"cohort\":{\"first_day\""), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("\n{\"table\":{"), std::string::npos) << out_.str();
}

// Opened anew once it has begun, it would have cohorts twice.
TEST_F(CommandLineTest, StatisticsExport_ThatBrokeIsTriedAgainOnlyIfNothingCame) {
  const std::vector<std::string> all = {"statistics", "export", "--from", "2026-03-30", "--to", "2026-04-05"};
  FakeExportScript none;
  none.end = absl::UnavailableError("going down");
  connection_->exports = {none, OneCohort(absl::OkStatus())};
  EXPECT_EQ(Run(As("json", all)), kExitOk);
  EXPECT_EQ(connection_->export_requests.size(), 2u);
  connection_->exports = {OneCohort(absl::UnavailableError("going down")), OneCohort(absl::OkStatus())};
  EXPECT_EQ(Run(As("json", all)), kExitUnavailable);
  EXPECT_EQ(connection_->export_requests.size(), 3u);
  EXPECT_EQ(err_.str(), "retentionctl: UNAVAILABLE: going down\n");
}

TEST_F(CommandLineTest, StatisticsSample_AreRecordsInEveryFormat) {
  v1::SampleSyntheticRecordsRequest seen;
  connection_->handlers["SampleSyntheticRecords"] = [&](const auto& request, auto* answer) {
    seen.CopyFrom(request);
    v1::SampleSyntheticRecordsResponse response;
    auto* record = response.add_records();
    record->set_hour("09");
    record->set_region("fra");
    record->set_client("web-chrome");
    record->set_duration("600-1199");
    record->set_reconnections("3-4");
    answer->CopyFrom(response);
    return absl::OkStatus();
  };
  const std::vector<std::string> ask = {"statistics", "sample", "--from", "2026-03-01", "--to", "2026-03-31"};
  EXPECT_EQ(Run(ask), kExitOk);
  EXPECT_EQ(out_.str(),
            "HOUR  REGION  CLIENT      SECONDS   RECONNECTIONS\n"
            "09    fra     web-chrome  600-1199  3-4\n"
            "\n"
            "Nobody's: drawn from released figures, for trying programs out.\n");
  EXPECT_EQ(seen.count(), 100);
  EXPECT_EQ(seen.first_day().day(), 1);
  EXPECT_EQ(seen.last_day().day(), 31);
  EXPECT_EQ(Run(As("csv", ask)), kExitOk);
  EXPECT_EQ(out_.str(), "hour,region,client,duration_seconds,reconnections\n09,fra,web-chrome,600-1199,3-4\n");
  EXPECT_EQ(Run(As("json", ask)), kExitOk);
  EXPECT_NE(out_.str().find("\"client\": \"web-chrome\""), std::string::npos) << out_.str();
  std::vector<std::string> counted = ask;
  counted.insert(counted.end(), {"--count", "10000"});
  EXPECT_EQ(Run(counted), kExitOk);
  EXPECT_EQ(seen.count(), 10'000);
}

TEST_F(CommandLineTest, StatisticsSample_SaysWhereNothingWasReleased_AndWrongUsageNeedsNoServer) {
  connection_->Answer("SampleSyntheticRecords", v1::SampleSyntheticRecordsResponse());
  EXPECT_EQ(Run({"statistics", "sample", "--from", "2026-03-01", "--to", "2026-03-31"}), kExitOk);
  EXPECT_NE(out_.str().find("No cohort of these days was released."), std::string::npos) << out_.str();
  const size_t calls = connection_->calls.size();
  for (const char* count : {"0", "10001", "many"}) {
    EXPECT_EQ(Run({"statistics", "sample", "--from", "2026-03-01", "--to", "2026-03-31", "--count", count}),
              kExitUsage);
  }
  EXPECT_EQ(Run({"statistics", "sample", "--from", "2026-03-01"}), kExitUsage);
  EXPECT_EQ(connection_->calls.size(), calls);
}

}  // namespace
}  // namespace retention
