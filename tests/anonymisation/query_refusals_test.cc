#include <gtest/gtest.h>

#include "questions.h"
#include "server/base/errors.h"

namespace retention {
namespace {

FakeCubes OneWeek() {
  FakeCubes cubes;
  cubes.Add(Day(3, 23), kLargeProfile, TestPolicy(), Even);
  return cubes;
}

std::string FieldOf(const QueryStatisticsRequest& request) {
  const absl::Status status = Answer(OneWeek(), request).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return DetailsOf(status).field();
}

TEST(Refusals, NameTheFieldThatIsWrong) {
  QueryStatisticsRequest request = Ask(v1::METRIC_PEOPLE);
  request.clear_metric();
  EXPECT_EQ(FieldOf(request), "metric");
  request = Ask(v1::METRIC_PEOPLE);
  request.clear_last_day();
  EXPECT_EQ(FieldOf(request), "last_day");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_PEOPLE, {}, "", Day(3, 2), Day(3, 1))), "last_day");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_HOUR, v1::DIMENSION_HOUR})), "group_by[1]");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_DAY, v1::DIMENSION_WEEK})), "group_by[1]");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_HOUR, v1::DIMENSION_REGION, v1::DIMENSION_CLIENT})),
            "group_by[2]");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_DURATION_PERCENTILE, {v1::DIMENSION_DURATION})), "group_by[0]");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_SHARE)), "group_by");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_PEOPLE, {}, "day = 2026-03-01")), "filter");
  EXPECT_EQ(FieldOf(Ask(v1::METRIC_PEOPLE, {}, "region = nowhere")), "filter");
  request = Ask(v1::METRIC_RTT);
  request.clear_percentile();
  EXPECT_EQ(FieldOf(request), "percentile");
  request = Ask(v1::METRIC_PEOPLE);
  request.set_percentile(50);
  EXPECT_EQ(FieldOf(request), "percentile");
  request = Ask(v1::METRIC_PEOPLE);
  request.set_page_size(-1);
  EXPECT_EQ(FieldOf(request), "page_size");
  request.set_page_size(0);
  request.set_page_token("5.abc");
  EXPECT_EQ(FieldOf(request), "page_token");
}

TEST(Refusals, NotAvailableSaysWhatFailsAndWhatComesNear) {
  const auto details_of = [](const QueryStatisticsRequest& request, const Profile& profile = kLargeProfile) {
    FakeCubes cubes;
    cubes.Add(Day(3, 1), profile, TestPolicy(), Even);
    const absl::Status status = Answer(cubes, request, profile).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    const ErrorDetails details = DetailsOf(status);
    EXPECT_EQ(details.reason, "NOT_AVAILABLE");
    return details.metadata;
  };
  auto metadata = details_of(Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_HOUR, v1::DIMENSION_DURATION}));
  EXPECT_EQ(metadata["dimension"], "duration");
  EXPECT_EQ(metadata["nearest"], "hour;duration");
  metadata = details_of(Ask(v1::METRIC_TOTAL_TIME, {v1::DIMENSION_REGION}, "client = browser"));
  EXPECT_EQ(metadata["nearest"], "region;client");
  metadata = details_of(Ask(v1::METRIC_MEETINGS, {v1::DIMENSION_REGION}));
  EXPECT_EQ(metadata["dimension"], "region");
  metadata = details_of(Ask(v1::METRIC_MEETINGS, {v1::DIMENSION_DAY}));
  EXPECT_EQ(metadata["dimension"], "day");
  EXPECT_EQ(details_of(Ask(v1::METRIC_PEOPLE, {v1::DIMENSION_WEEK}), kSmallProfile)["dimension"], "week");
  EXPECT_EQ(details_of(Ask(v1::METRIC_MEETINGS), kSmallProfile)["nearest"], "");
  // The words: where the metric itself is there, that comes near.
  const auto said = [](const QueryStatisticsRequest& request, const Profile& profile) {
    FakeCubes cubes;
    cubes.Add(Day(3, 1), profile, TestPolicy(), Even);
    const std::string text(Answer(cubes, request, profile).status().message());
    return text.substr(text.find("what comes near: "));
  };
  EXPECT_EQ(said(Ask(v1::METRIC_MEETINGS, {v1::DIMENSION_REGION}), kLargeProfile),
            "what comes near: this metric without dimensions");
  EXPECT_EQ(said(Ask(v1::METRIC_MEETINGS), kSmallProfile), "what comes near: nothing of this metric");
}

}  // namespace
}  // namespace retention
