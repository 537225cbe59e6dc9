// Figures of the statistics, as people read them (rounded, and no less than nothing) and as programs do (as they are).
#pragma once

#include <string>
#include <vector>

#include "client/commands/output_table.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {

inline constexpr char kShareUnit[] = "share";

// "12,345", "40 min 00 s", "37.5 %", "48 ms", as the unit of an answer wants it.
std::string ReadableFigure(double value, const std::string& unit);
// All digits that it has.
std::string PlainFigure(double value);

// Metrics that are a percentile, and need to be told which.
bool IsPercentile(v1::Metric metric);

// Whether a figure is there, and why not: "suppressed", or "no cohorts" where nothing is released yet (or any more).
bool IsShown(const v1::StatisticsRow& row);
std::string WhyNotShown(const v1::StatisticsRow& row);
// "[12,301, 12,400]"; empty where nothing is shown.
std::string ReadableInterval(const v1::StatisticsRow& row, const std::string& unit);
// "4 of 5", "4 of 5, 1 damaged".
std::string ReadableCohorts(const v1::Coverage& coverage);
// "In time: 98.7 % [98.1 %, 99.3 %] of people; of 2 of 6 cohorts more may still come."
std::string InTimeLine(const v1::Coverage& coverage);

// The columns of a figure: for people estimate, interval, people and cohorts; for programs these, each end of an
// interval by itself, and all else that is needed to read it.
std::vector<TableColumn> FigureColumns();
std::vector<TableCell> FigureCells(const v1::StatisticsRow& row, const std::string& unit);

}  // namespace retention
