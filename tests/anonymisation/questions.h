// Questions about made-up cubes.
#ifndef RETENTION_TESTS_ANONYMISATION_QUESTIONS_H_
#define RETENTION_TESTS_ANONYMISATION_QUESTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "fake_cubes.h"
#include "server/anonymisation/query.h"
#include "test_cohort.h"

namespace retention {

using v1::QueryStatisticsRequest;

struct Date {
  int year, month, day;
};

inline void SetDate(google::type::Date& date, Date day) {
  date.set_year(day.year);
  date.set_month(day.month);
  date.set_day(day.day);
}

inline QueryStatisticsRequest Question(v1::Metric metric, std::vector<v1::Dimension> group_by = {},
                                       Date from = {2026, 1, 1}, Date to = {2026, 12, 31}) {
  QueryStatisticsRequest request;
  request.set_metric(metric);
  for (const v1::Dimension dimension : group_by) request.add_group_by(dimension);
  SetDate(*request.mutable_from(), from);
  SetDate(*request.mutable_to(), to);
  if (metric == v1::METRIC_DURATION_PERCENTILE) request.set_percentile(50);
  return request;
}

inline void AddFilter(QueryStatisticsRequest& request, v1::Dimension dimension, std::vector<std::string> values) {
  v1::DimensionFilter& filter = *request.add_filters();
  filter.set_dimension(dimension);
  for (std::string& value : values) filter.add_values(std::move(value));
}

inline DueDay Day(int month, int day) { return DueDay(absl::CivilDay(2026, month, day)); }

// 1,000 in every cell.
inline int64_t Thousand(TableId, const std::vector<std::string>&) { return 1000; }

inline FakeCubes ThreeDays() {
  FakeCubes cubes;
  for (const DueDay day : {Day(3, 30), Day(3, 31), Day(4, 1)}) cubes.Add(day, TestPolicy(), Thousand);
  return cubes;
}

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_QUESTIONS_H_
