#include "client/commands/statistics_chart.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_join.h"
#include "client/commands/output_table.h"
#include "client/commands/statistics_figures.h"

namespace retention {
namespace {

constexpr int kBarColumns = 50;  // With names and figures a chart stays below 100.

// What of an interval a chart has room for: percentiles can be without an upper end.
double FiniteEnd(const v1::StatisticsRow& row) {
  return std::isfinite(row.interval_high()) ? std::max(row.interval_high(), row.estimate()) : row.estimate();
}

std::string Bar(const v1::StatisticsRow& row, double columns_per_unit) {
  std::string bar;
  for (int column = 0; column < kBarColumns; ++column) {
    const double middle = (column + 0.5) / columns_per_unit;
    if (middle < std::min(row.interval_low(), row.estimate())) {
      bar += "█";
    } else if (middle < row.estimate()) {
      bar += "▓";
    } else if (middle < FiniteEnd(row)) {
      bar += "░";
    } else {
      break;
    }
  }
  return bar;
}

}  // namespace

void PrintChart(const std::vector<v1::StatisticsRow>& rows, const std::string& unit, std::ostream& out) {
  double most = 0;
  for (const auto& row : rows) {
    if (IsShown(row)) most = std::max(most, FiniteEnd(row));
  }
  const double columns_per_unit = most > 0 ? kBarColumns / most : 0;
  OutputTable table({{"GROUP", ""}, {"ESTIMATE", "", true}, {"0 TO " + ReadableFigure(most, unit), ""}});
  for (const auto& row : rows) {
    const std::string name = row.group().empty() ? "all" : absl::StrJoin(row.group(), " ");
    if (IsShown(row)) {
      table.AddRow({name, ReadableFigure(row.estimate(), unit), most > 0 ? Bar(row, columns_per_unit) : ""});
    } else {
      table.AddRow({name, WhyNotShown(row), ""});
    }
  }
  table.PrintAligned(out);
  out << "█ to the lower end of the 95 % interval, ▓ to the estimate, ░ to the upper end.\n";
}

}  // namespace retention
