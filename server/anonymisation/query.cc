#include "server/anonymisation/query.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/anonymisation/display.h"
#include "server/anonymisation/figures.h"
#include "server/anonymisation/question.h"
#include "server/base/errors.h"
#include "server/base/request_parts.h"

namespace retention {
namespace {

// The row that the page begins with.
absl::StatusOr<size_t> FirstRow(const v1::QueryStatisticsRequest& request) {
  const auto position = PositionIn(request);
  if (!position.ok()) return position.status();
  uint64_t first = 0;
  if (!position->empty() && !absl::SimpleAtoi(*position, &first)) {
    return InvalidField("page_token", "not one that an answer gave");
  }
  return static_cast<size_t>(first);
}

std::string_view UnitOfMetric(const Question& question) {
  switch (question.metric) {
    case v1::METRIC_SHARE:
      return "share";
    case v1::METRIC_DURATION_MEAN:
    case v1::METRIC_DURATION_PERCENTILE:
      return "seconds";
    case v1::METRIC_RTT:
    case v1::METRIC_JITTER:
      return "milliseconds";
    case v1::METRIC_LOSS:
      return "packets-per-million";
    default:
      return UnitName(PartsOf(question).main);
  }
}

void CoverageOf(const CellSums& sums, const CellSums::Unit& unit, v1::Coverage& coverage) {
  coverage.set_cohorts(unit.all());
  coverage.set_cohorts_in_range(std::max(unit.in_range, unit.all()));
  coverage.set_cohorts_partial(unit.partial);
  coverage.set_cohorts_damaged(unit.damaged);
  uint32_t late_counted = 0;
  double people_variance = 0, late_variance = 0;
  for (size_t layout = 0; layout < unit.late_counted.size(); ++layout) {
    const Layout& of = *sums.layouts()[layout];
    late_counted += unit.late_counted[layout];
    const double counted = unit.late_counted[layout], one[] = {1};
    people_variance += counted * of.precision.Variance(WeightedCells(SpecOf(TableId::kPeople), of.lists, one));
    late_variance += counted * static_cast<double>(LateNoiseVariance(of.profile));
  }
  coverage.set_cohorts_late_counted(late_counted);
  const double people = unit.people_in_time, late = unit.late;
  const double threshold = DisplayThreshold(std::sqrt(people_variance));
  if (late_counted == 0 || people < threshold || people + late <= 0) return;
  const double share = std::clamp(people / (people + late), 0.0, 1.0);
  const auto contrast = [&](double m) -> Contrast {
    return {.value = (1 - m) * people - m * late,
            .variance = (1 - m) * (1 - m) * people_variance + m * m * late_variance,
            .covariance_with_people = (1 - m) * people_variance};
  };
  const double deviation = std::sqrt(contrast(share).variance) / people;
  const ShownInterval interval =
      WithinBounds(IntervalGivenDisplay(share, deviation, people, threshold, contrast), share, deviation, 1);
  coverage.set_in_time(share);
  coverage.set_in_time_low(interval.low);
  coverage.set_in_time_high(interval.high);
}

// Rows are nested in the order of group_by: the units of the calendar are one of the levels.
struct Nesting {
  std::vector<size_t> sizes;  // of levels, outermost first
  size_t unit_level = 0;

  size_t rows() const {
    size_t rows = 1;
    for (const size_t size : sizes) rows *= size;
    return rows;
  }
  std::vector<size_t> At(size_t row) const {
    std::vector<size_t> at(sizes.size());
    for (size_t level = sizes.size(); level-- > 0;) {
      at[level] = row % sizes[level];
      row /= sizes[level];
    }
    return at;
  }
};

}  // namespace

absl::StatusOr<v1::QueryStatisticsResponse> AnswerQuery(const v1::QueryStatisticsRequest& request,
                                                        const CubeSource& source, const Profile& profile,
                                                        const PublicLists& lists, CohortsIn cohorts_in) {
  const auto question = CheckQuestion(request);
  if (!question.ok()) return question.status();
  const auto page = PageSize(request.page_size(), kStatisticsRows, kMaxStatisticsRows);
  if (!page.ok()) return page.status();
  const auto first = FirstRow(request);
  if (!first.ok()) return first.status();
  const auto sums = CellSums::Of(*question, source, profile, lists, cohorts_in);
  if (!sums.ok()) return sums.status();

  const bool by_calendar = question->calendar != CalendarUnit::kAll;
  Nesting nesting;
  for (const GroupDomain& domain : sums->domains()) nesting.sizes.push_back(domain.values.size());
  nesting.unit_level = by_calendar ? question->calendar_position : 0;
  nesting.sizes.insert(nesting.sizes.begin() + static_cast<std::ptrdiff_t>(nesting.unit_level), sums->units().size());

  const size_t end = std::min(nesting.rows(), *first + static_cast<size_t>(*page));
  v1::QueryStatisticsResponse response;
  Figures figures(*question, *sums);
  std::vector<std::optional<v1::Coverage>> coverages(sums->units().size());
  for (size_t i = *first; i < end; ++i) {
    const std::vector<size_t> at = nesting.At(i);
    const size_t unit = at[nesting.unit_level];
    v1::StatisticsRow& row = *response.add_rows();
    size_t group = 0, domain = 0;
    for (size_t level = 0; level < at.size(); ++level) {
      if (level == nesting.unit_level) {
        if (by_calendar) row.add_group(sums->units()[unit].name);
        continue;
      }
      const auto& values = sums->domains()[domain++].values;
      row.add_group(values[at[level]]);
      group = group * values.size() + at[level];
    }
    figures.Put(unit, group, row);
    if (!coverages[unit].has_value()) {
      CoverageOf(*sums, sums->units()[unit], coverages[unit].emplace());
    }
    *row.mutable_coverage() = *coverages[unit];
  }
  if (end < nesting.rows()) response.set_next_page_token(TokenOf(absl::StrCat(end), request));
  CoverageOf(*sums, sums->total(), *response.mutable_coverage());
  response.set_table(sums->tables());
  response.set_unit(std::string(UnitOfMetric(*question)));
  return response;
}

}  // namespace retention
