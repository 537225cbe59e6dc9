// Questions about made-up cubes.
#ifndef RETENTION_TESTS_ANONYMISATION_QUESTIONS_H_
#define RETENTION_TESTS_ANONYMISATION_QUESTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "fake_cubes.h"
#include "server/anonymisation/query.h"

namespace retention {

using v1::QueryStatisticsRequest;

inline void SetDate(google::type::Date& date, DueDay day) {
  date.set_year(static_cast<int32_t>(day.civil().year()));
  date.set_month(day.civil().month());
  date.set_day(day.civil().day());
}

inline QueryStatisticsRequest Ask(v1::Metric metric, std::vector<v1::Dimension> group_by = {}, std::string filter = "",
                                  DueDay from = Day(1, 1), DueDay to = Day(12, 31)) {
  QueryStatisticsRequest request;
  request.set_metric(metric);
  for (const v1::Dimension dimension : group_by) request.add_group_by(dimension);
  request.set_filter(std::move(filter));
  SetDate(*request.mutable_first_day(), from);
  SetDate(*request.mutable_last_day(), to);
  if (metric == v1::METRIC_DURATION_PERCENTILE || metric == v1::METRIC_RTT || metric == v1::METRIC_LOSS ||
      metric == v1::METRIC_JITTER) {
    request.set_percentile(50);
  }
  return request;
}

// Weeks from Monday to Sunday.
inline std::vector<ExpectedCohort> Weeks(DueDay from, DueDay to) {
  std::vector<ExpectedCohort> weeks;
  for (DueDay monday = Day(1, 5); monday.number() + 3 <= to.number();
       monday = DueDay::FromNumber(monday.number() + 7)) {
    if (monday.number() + 3 >= from.number()) weeks.push_back({.first_day = monday, .day_count = 7});
  }
  return weeks;
}

inline absl::StatusOr<v1::QueryStatisticsResponse> Answer(const CubeSource& cubes,
                                                          const QueryStatisticsRequest& request,
                                                          const Profile& profile = kLargeProfile) {
  return AnswerQuery(request, cubes, profile, TestLists(), Weeks);
}

// The same in every cell: 28,800 in all, each of half an hour.
inline double Even(Measure measure, const std::map<v1::Dimension, std::string>& at) {
  const PublicLists lists = TestLists();
  double cells = 1;
  for (const auto& [dimension, value] : at) {
    switch (dimension) {
      case v1::DIMENSION_DURATION:
      case v1::DIMENSION_HOUR:
        cells *= 24;
        break;
      case v1::DIMENSION_WEEKDAY:
        cells *= 7;
        break;
      case v1::DIMENSION_REGION:
        cells *= static_cast<double>(lists.regions().size());
        break;
      case v1::DIMENSION_CLIENT:
        cells *= static_cast<double>(lists.clients().size());
        break;
      default:
        cells *= 8;
    }
  }
  return (measure == Measure::kTime ? 28'800.0 * 1'800 : 28'800.0) / cells;
}

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_QUESTIONS_H_
