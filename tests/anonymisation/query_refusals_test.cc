#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "fake_cubes.h"
#include "questions.h"
#include "server/anonymisation/query.h"
#include "server/base/errors.h"
#include "test_cohort.h"

namespace retention {
namespace {

TEST(Query, MalformedQuestionsNameTheField) {
  const FakeCubes cubes = ThreeDays();
  const auto field = [&](const std::function<void(QueryStatisticsRequest&)>& change,
                         v1::Metric metric = v1::METRIC_PEOPLE_DAYS) {
    QueryStatisticsRequest request = Question(metric);
    change(request);
    const absl::Status status = AnswerQuery(request, cubes, TestPolicy()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return DetailsOf(status).field;
  };
  using R = QueryStatisticsRequest;
  EXPECT_EQ(field([](R& r) { r.clear_metric(); }), "metric");
  EXPECT_EQ(field([](R& r) { r.set_metric(static_cast<v1::Metric>(99)); }), "metric");
  EXPECT_EQ(field([](R& r) { r.clear_from(); }), "from");
  EXPECT_EQ(field([](R& r) { r.clear_to(); }), "to");
  EXPECT_EQ(field([](R& r) { SetDate(*r.mutable_from(), {1960, 1, 1}); }), "from");
  EXPECT_EQ(field([](R& r) { r.mutable_to()->set_month(13); }), "to");
  EXPECT_EQ(field([](R& r) { r.mutable_to()->set_month(2); }), "to") << "31 February";
  EXPECT_EQ(field([](R& r) { SetDate(*r.mutable_to(), {2025, 12, 31}); }), "to");
  EXPECT_EQ(field([](R& r) { SetDate(*r.mutable_to(), {2036, 1, 2}); }), "to");
  EXPECT_EQ(field([](R& r) { r.set_percentile(50); }), "percentile");
  for (const double percentile : {0.0, 100.0, -1.0, std::nan("")}) {
    EXPECT_EQ(field([=](R& r) { r.set_percentile(percentile); }, v1::METRIC_DURATION_PERCENTILE), "percentile");
  }
  EXPECT_EQ(field([](R& r) { r.add_group_by(v1::DIMENSION_UNSPECIFIED); }), "group_by[0]");
  EXPECT_EQ(field([](R& r) {
              r.add_group_by(v1::DIMENSION_REGION);
              r.add_group_by(v1::DIMENSION_REGION);
            }),
            "group_by[1]");
  EXPECT_EQ(field([](R& r) {
              r.add_group_by(v1::DIMENSION_DAY);
              r.add_group_by(v1::DIMENSION_MONTH);
            }),
            "group_by[1]");
  EXPECT_EQ(field([](R& r) {
              for (const auto d : {v1::DIMENSION_REGION, v1::DIMENSION_DAY, v1::DIMENSION_CLIENT, v1::DIMENSION_HOUR}) {
                r.add_group_by(d);
              }
            }),
            "group_by[3]");
  EXPECT_EQ(field([](R& r) { r.add_group_by(v1::DIMENSION_DURATION); }, v1::METRIC_DURATION_MEAN), "group_by[0]");
  EXPECT_EQ(field([](R&) {}, v1::METRIC_SHARE), "group_by");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_DAY, {"2026-03-31"}); }), "filters[0].dimension");
  EXPECT_EQ(field([](R& r) {
              AddFilter(r, v1::DIMENSION_REGION, {"fra1"});
              AddFilter(r, v1::DIMENSION_REGION, {"ber1"});
            }),
            "filters[1].dimension");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_REGION, {}); }), "filters[0].values");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_REGION, std::vector<std::string>(101, "x")); }),
            "filters[0].values");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_REGION, {"fra1", "ber1", "fra1"}); }), "filters[0].values[2]");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_REGION, {"fra1", "atlantis"}); }), "filters[0].values[1]");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_HOUR, {"24"}); }), "filters[0].values[0]");
  EXPECT_EQ(field([](R& r) { AddFilter(r, v1::DIMENSION_DURATION, {"0-29", "0-59"}); }), "filters[0].values");
}

TEST(Query, TooManyRowsAreRefused) {
  FakeCubes cubes;
  for (int i = 0; i < 900; ++i) {
    cubes.Add(DueDay(absl::CivilDay(2026, 1, 1) + i), TestPolicy(), Thousand);
  }
  const auto request =
      Question(v1::METRIC_PEOPLE_DAYS, {v1::DIMENSION_DAY, v1::DIMENSION_HOUR}, {2026, 1, 1}, {2030, 1, 1});
  EXPECT_EQ(DetailsOf(AnswerQuery(request, cubes, TestPolicy()).status()).field, "group_by");
}

TEST(Query, ErrorsOfStoredCubesAndOfTheSourceComeThrough) {
  FakeCubes cubes = ThreeDays();
  cubes.AddRaw(Day(4, 2), "\xff", TableId::kMeetingsPerPerson, "");
  EXPECT_EQ(AnswerQuery(Question(v1::METRIC_PEOPLE_DAYS), cubes, TestPolicy()).status().code(),
            absl::StatusCode::kDataLoss);
  class Broken : public CubeSource {
    absl::Status ForEach(DueDay, DueDay, TableId, Visit) const override { return absl::UnavailableError("disk"); }
  };
  EXPECT_EQ(AnswerQuery(Question(v1::METRIC_PEOPLE_DAYS), Broken(), TestPolicy()).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace retention
