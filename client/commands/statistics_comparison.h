// A figure of one month beside the same of another, and how it changed.
#pragma once

#include <optional>
#include <string>

#include "retention/v1/statistics_service.pb.h"

namespace retention {

// How a figure changed: as a part of what it was (0.05: it grew by 5 %), or, for shares, as the difference.
struct FigureChange {
  double estimate;
  // The true change is in between in 95 of 100 cases or more: the ends of both intervals, taken as far apart as they
  // go.
  double low;
  double high;  // May be infinite.
};

// Nothing where one of them is not shown, a cohort of one had begun when the store was made, or they are of other
// cohorts: of days and of weeks. Months have four weeks or
// five: sums (`unit` people, participations, meetings, seconds in all, reconnections in all; `is_sum`) are compared per
// cohort.
std::optional<FigureChange> ChangeOf(const v1::StatisticsRow& before, const v1::StatisticsRow& now,
                                     const std::string& unit, bool is_sum);

// "+7.4 %", for shares "+7.4 points".
std::string ReadableChange(double change, const std::string& unit);

// Whether the figure is the sum of what happened: grows with the number of cohorts.
bool IsSum(v1::Metric metric);

}  // namespace retention
