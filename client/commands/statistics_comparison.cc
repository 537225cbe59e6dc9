#include "client/commands/statistics_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/commands/statistics_figures.h"
#include "client/human_units.h"

namespace retention {
namespace {

// Months of one kind of cohorts have 4 or 5 of them, or 28 to 31.
constexpr double kSameCohortsRatioMax = 1.3;

// Nothing is known of what a cohort had before the store was made.
bool AreWhole(const v1::Coverage& a, const v1::Coverage& b) {
  return a.cohorts_partial() == 0 && b.cohorts_partial() == 0;
}

bool AreOfSameCohorts(const v1::Coverage& a, const v1::Coverage& b) {
  const auto [least, most] = std::minmax({a.cohorts_in_range(), b.cohorts_in_range()});
  return a.cohorts() > 0 && b.cohorts() > 0 && most <= kSameCohortsRatioMax * least;
}

}  // namespace

std::optional<FigureChange> ChangeOf(const v1::StatisticsRow& before, const v1::StatisticsRow& now,
                                     const std::string& unit, bool is_sum) {
  if (!IsShown(before) || !IsShown(now) || !AreWhole(before.coverage(), now.coverage()) ||
      !AreOfSameCohorts(before.coverage(), now.coverage())) {
    return std::nullopt;
  }
  if (unit == kShareUnit) {
    return FigureChange{now.estimate() - before.estimate(), now.interval_low() - before.interval_high(),
                        now.interval_high() - before.interval_low()};
  }
  const double per_cohort = is_sum ? static_cast<double>(before.coverage().cohorts()) / now.coverage().cohorts() : 1.0;
  const auto grown = [&](double from, double to) {
    return from > 0 ? std::max(to, 0.0) * per_cohort / from - 1 : std::numeric_limits<double>::infinity();
  };
  return FigureChange{grown(before.estimate(), now.estimate()), grown(before.interval_high(), now.interval_low()),
                      grown(before.interval_low(), now.interval_high())};
}

std::string ReadableChange(double change, const std::string& unit) {
  if (std::isinf(change)) return "any";
  return absl::StrCat(change > 0 ? "+" : "", ReadableNumber(change * 100, 1), unit == kShareUnit ? " points" : " %");
}

bool IsSum(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_PEOPLE:
    case v1::METRIC_PARTICIPATIONS:
    case v1::METRIC_MEETINGS:
    case v1::METRIC_TOTAL_TIME:
    case v1::METRIC_RECONNECTIONS:
    case v1::METRIC_JOIN_FAILURES:
      return true;
    default:
      return false;
  }
}

}  // namespace retention
