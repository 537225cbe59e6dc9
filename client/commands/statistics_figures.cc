#include "client/commands/statistics_figures.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"

namespace retention {
namespace {

// Of reconnections: means have decimals, sums have none.
constexpr double kSmallestSum = 100;

std::string PlainOrNothing(bool has, double value) { return has ? PlainFigure(value) : std::string(); }

}  // namespace

std::string ReadableFigure(double value, const std::string& unit) {
  const double shown = std::max(value, 0.0);
  if (std::isinf(shown)) return "any";
  if (unit == "seconds") return ReadableLength(absl::Seconds(shown));
  if (unit == kShareUnit) return absl::StrCat(ReadableNumber(std::min(shown, 1.0) * 100, 1), " %");
  if (unit == "milliseconds") return absl::StrCat(ReadableNumber(shown, 0), " ms");
  if (unit == "packets-per-million") return absl::StrCat(ReadableNumber(shown, 0), " ppm");
  return ReadableNumber(shown, unit == "reconnections" && shown < kSmallestSum ? 2 : 0);
}

std::string PlainFigure(double value) { return absl::StrFormat("%.15g", value); }

bool IsPercentile(v1::Metric metric) {
  return metric == v1::METRIC_DURATION_PERCENTILE || metric == v1::METRIC_RTT || metric == v1::METRIC_LOSS ||
         metric == v1::METRIC_JITTER;
}

bool IsShown(const v1::StatisticsRow& row) { return row.has_estimate(); }

std::string WhyNotShown(const v1::StatisticsRow& row) {
  return row.coverage().cohorts() == 0 ? "no cohorts" : "suppressed";
}

std::string ReadableInterval(const v1::StatisticsRow& row, const std::string& unit) {
  if (!IsShown(row)) return "";
  return absl::StrCat("[", ReadableFigure(row.interval_low(), unit), ", ", ReadableFigure(row.interval_high(), unit),
                      "]");
}

std::string ReadableCohorts(const v1::Coverage& coverage) {
  std::string text = absl::StrCat(coverage.cohorts(), " of ", coverage.cohorts_in_range());
  if (coverage.cohorts_partial() > 0) absl::StrAppend(&text, ", ", coverage.cohorts_partial(), " partial");
  if (coverage.cohorts_damaged() > 0) absl::StrAppend(&text, ", ", coverage.cohorts_damaged(), " damaged");
  return text;
}

std::string InTimeLine(const v1::Coverage& coverage) {
  std::string text = "In time: ";
  if (coverage.has_in_time()) {
    absl::StrAppend(&text, ReadableFigure(coverage.in_time(), kShareUnit), " [",
                    ReadableFigure(coverage.in_time_low(), kShareUnit), ", ",
                    ReadableFigure(coverage.in_time_high(), kShareUnit), "] of people");
  } else {
    absl::StrAppend(&text, "not known");
  }
  const uint32_t open = coverage.cohorts() - std::min(coverage.cohorts(), coverage.cohorts_late_counted());
  if (open > 0) absl::StrAppend(&text, "; of ", open, " of ", coverage.cohorts(), " cohorts more may still come");
  return text + ".";
}

std::vector<TableColumn> FigureColumns() {
  return {{"", "unit"},
          {"ESTIMATE", "estimate", true},
          {"95 % INTERVAL", "", true},
          {"", "interval_low"},
          {"", "interval_high"},
          {"", "noise_stddev"},
          {"", "suppressed"},
          {"PEOPLE", "people", true},
          {"", "threshold"},
          {"", "certainty"},
          {"COHORTS", "", true},
          {"", "cohorts"},
          {"", "cohorts_in_range"},
          {"", "cohorts_partial"},
          {"", "cohorts_damaged"},
          {"", "cohorts_late_counted"},
          {"", "in_time"},
          {"", "in_time_low"},
          {"", "in_time_high"}};
}

std::vector<TableCell> FigureCells(const v1::StatisticsRow& row, const std::string& unit) {
  const bool shown = IsShown(row);
  const v1::Coverage& coverage = row.coverage();
  return {
      unit,
      {shown ? ReadableFigure(row.estimate(), unit) : WhyNotShown(row), PlainOrNothing(shown, row.estimate())},
      ReadableInterval(row, unit),
      PlainOrNothing(row.has_interval_low(), row.interval_low()),
      PlainOrNothing(row.has_interval_high(), row.interval_high()),
      PlainOrNothing(row.has_noise_stddev(), row.noise_stddev()),
      YesOrNo(!shown),
      {row.has_people() ? ReadableFigure(row.people(), "people") : "", PlainOrNothing(row.has_people(), row.people())},
      PlainFigure(row.threshold()),
      PlainOrNothing(row.has_certainty(), row.certainty()),
      ReadableCohorts(coverage),
      CountCell(coverage.cohorts()),
      CountCell(coverage.cohorts_in_range()),
      CountCell(coverage.cohorts_partial()),
      CountCell(coverage.cohorts_damaged()),
      CountCell(coverage.cohorts_late_counted()),
      PlainOrNothing(coverage.has_in_time(), coverage.in_time()),
      PlainOrNothing(coverage.has_in_time_low(), coverage.in_time_low()),
      PlainOrNothing(coverage.has_in_time_high(), coverage.in_time_high())};
}

}  // namespace retention
