// statistics report
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/statistics_commands.h"
#include "client/commands/statistics_comparison.h"
#include "client/commands/statistics_figures.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/status_details.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {
namespace {

// What a report asks of a month.
struct ReportQuestion {
  v1::Metric metric;
  double percentile = 0;
  v1::Dimension dimension = v1::DIMENSION_UNSPECIFIED;
};

constexpr std::array kReportQuestions = {
    ReportQuestion{v1::METRIC_PEOPLE},
    ReportQuestion{v1::METRIC_PARTICIPATIONS},
    ReportQuestion{v1::METRIC_MEETINGS},
    ReportQuestion{v1::METRIC_TOTAL_TIME},
    ReportQuestion{v1::METRIC_DURATION_MEAN},
    ReportQuestion{v1::METRIC_DURATION_PERCENTILE, 50},
    ReportQuestion{v1::METRIC_DURATION_PERCENTILE, 90},
    ReportQuestion{v1::METRIC_RECONNECTIONS_MEAN},
    ReportQuestion{v1::METRIC_JOIN_FAILURES},
    ReportQuestion{v1::METRIC_RTT, 50},
    ReportQuestion{v1::METRIC_RTT, 95},
    ReportQuestion{v1::METRIC_LOSS, 95},
    ReportQuestion{v1::METRIC_JITTER, 95},
    ReportQuestion{v1::METRIC_SHARE, 0, v1::DIMENSION_CLIENT},
    ReportQuestion{v1::METRIC_SHARE, 0, v1::DIMENSION_REGION},
    ReportQuestion{v1::METRIC_SHARE, 0, v1::DIMENSION_CONTROLLER},
    ReportQuestion{v1::METRIC_SHARE, 0, v1::DIMENSION_WEEKDAY},
    ReportQuestion{v1::METRIC_SHARE, 0, v1::DIMENSION_HOUR},
};

std::string MonthName(absl::CivilMonth month) { return absl::FormatCivilTime(month); }

google::type::Date DateOf(absl::CivilDay day) {
  google::type::Date date;
  date.set_year(static_cast<int32_t>(day.year()));
  date.set_month(day.month());
  date.set_day(day.day());
  return date;
}

// "2026-03".
absl::CivilMonth ParseMonth(const std::string& text) {
  const auto day = ParseDate(text + "-01");
  if (!day.ok()) throw UsageError("--month", "write 2026-03");
  return absl::CivilMonth(day->year(), day->month());
}

// The answer for a month; without rows where no table holds the question. Nothing after any other failure was said.
std::optional<v1::QueryStatisticsResponse> Ask(CommandSession& session, const ReportQuestion& question,
                                               absl::CivilMonth month) {
  v1::QueryStatisticsRequest request;
  request.set_metric(question.metric);
  request.set_percentile(question.percentile);
  if (question.dimension != v1::DIMENSION_UNSPECIFIED) request.add_group_by(question.dimension);
  *request.mutable_first_day() = DateOf(absl::CivilDay(month));
  *request.mutable_last_day() = DateOf(absl::CivilDay(month + 1) - 1);
  auto response = session.MakeClient().QueryStatistics(request);
  if (!response.ok() && DecodeErrorDetails(response.status()).reason == "NOT_AVAILABLE") {
    return v1::QueryStatisticsResponse();
  }
  return session.Expect(std::move(response));
}

std::string FigureName(const ReportQuestion& question, const v1::StatisticsRow& row) {
  const std::string name = KebabName(question.metric);
  if (question.percentile != 0) return absl::StrFormat("%s %g", name, question.percentile);
  if (question.dimension == v1::DIMENSION_UNSPECIFIED) return name;
  const std::string of = absl::StrCat(name, " of ", KebabName(question.dimension));
  return row.group_size() > 0 ? absl::StrCat(of, " ", row.group(0)) : of;
}

OutputTable ReportTable(absl::CivilMonth month, absl::CivilMonth before) {
  std::vector<TableColumn> columns = {{"FIGURE", ""},
                                      {"", "month"},
                                      {"", "metric"},
                                      {"", "percentile"},
                                      {"", "dimension"},
                                      {"", "group"},
                                      {"", "unit"},
                                      {MonthName(month), "estimate", true},
                                      {"95 % INTERVAL", "", true}};
  for (const char* name : {"interval_low", "interval_high", "suppressed", "people", "cohorts", "cohorts_in_range",
                           "cohorts_partial", "cohorts_damaged", "before_month"}) {
    columns.push_back({"", name});
  }
  columns.push_back({MonthName(before), "before_estimate", true});
  for (const char* name : {"before_interval_low", "before_interval_high", "before_cohorts", "before_cohorts_in_range",
                           "before_cohorts_partial"}) {
    columns.push_back({"", name});
  }
  columns.push_back({"CHANGE", "change", true});
  columns.push_back({"95 % INTERVAL", "", true});
  columns.push_back({"", "change_low"});
  columns.push_back({"", "change_high"});
  return OutputTable(columns);
}

void AddReportRow(const ReportQuestion& question, const std::string& unit, absl::CivilMonth month,
                  absl::CivilMonth before_month, const v1::StatisticsRow& now,
                  const std::optional<v1::StatisticsRow>& row_before, OutputTable& table) {
  const auto plain = [](bool has, double value) { return has ? PlainFigure(value) : std::string(); };
  const auto figure = [&](const v1::StatisticsRow& row) {
    return TableCell(IsShown(row) ? ReadableFigure(row.estimate(), unit) : WhyNotShown(row),
                     plain(IsShown(row), row.estimate()));
  };
  const v1::StatisticsRow before = row_before.value_or(v1::StatisticsRow());
  const auto change = ChangeOf(before, now, unit, IsSum(question.metric));
  const bool grouped = question.dimension != v1::DIMENSION_UNSPECIFIED;
  const std::string change_interval =
      change ? absl::StrCat("[", ReadableChange(change->low, unit), ", ", ReadableChange(change->high, unit), "]") : "";
  table.AddRow({FigureName(question, now),
                MonthName(month),
                KebabName(question.metric),
                plain(question.percentile != 0, question.percentile),
                grouped ? KebabName(question.dimension) : "",
                now.group_size() > 0 ? now.group(0) : "",
                unit,
                figure(now),
                ReadableInterval(now, unit),
                plain(now.has_interval_low(), now.interval_low()),
                plain(now.has_interval_high(), now.interval_high()),
                YesOrNo(!IsShown(now)),
                plain(now.has_people(), now.people()),
                CountCell(now.coverage().cohorts()),
                CountCell(now.coverage().cohorts_in_range()),
                CountCell(now.coverage().cohorts_partial()),
                CountCell(now.coverage().cohorts_damaged()),
                MonthName(before_month),
                row_before ? figure(before) : TableCell("-", ""),
                plain(before.has_interval_low(), before.interval_low()),
                plain(before.has_interval_high(), before.interval_high()),
                CountCell(before.coverage().cohorts()),
                CountCell(before.coverage().cohorts_in_range()),
                CountCell(before.coverage().cohorts_partial()),
                {change ? ReadableChange(change->estimate, unit) : "-",
                 plain(change.has_value(), change ? change->estimate : 0)},
                change_interval,
                plain(change.has_value(), change ? change->low : 0),
                plain(change.has_value(), change ? change->high : 0)});
}

// The row of the same group; nothing where there was none yet.
std::optional<v1::StatisticsRow> SameGroup(const v1::QueryStatisticsResponse& response, const v1::StatisticsRow& row) {
  for (const auto& candidate : response.rows()) {
    if (absl::StrJoin(candidate.group(), "\n") == absl::StrJoin(row.group(), "\n")) return candidate;
  }
  return std::nullopt;
}

void Report(CommandSession& session, const std::string& month_text) {
  if (session.format() == OutputFormat::kJson) throw UsageError("--output-format", "a report is a table or csv");
  const absl::CivilMonth month = ParseMonth(month_text);
  const absl::CivilMonth before = month - 12;
  OutputTable table = ReportTable(month, before);
  std::vector<std::string> not_held;
  std::optional<v1::Coverage> coverage;
  v1::Coverage coverage_before;
  for (const ReportQuestion& question : kReportQuestions) {
    const auto now = Ask(session, question, month);
    if (!now) return;
    if (now->rows().empty()) {
      not_held.push_back(FigureName(question, v1::StatisticsRow()));
      continue;
    }
    const auto then = Ask(session, question, before);
    if (!then) return;
    if (!coverage) coverage = now->coverage();
    if (then->coverage().cohorts_in_range() > 0) coverage_before = then->coverage();
    for (const auto& row : now->rows()) {
      AddReportRow(question, now->unit(), month, before, row, SameGroup(*then, row), table);
    }
  }
  if (session.format() == OutputFormat::kCsv) return table.PrintCsv(session.out());
  session.out() << "Statistics of " << MonthName(month) << ", beside " << MonthName(before) << "\n\n";
  table.PrintAligned(session.out());
  session.out()
      << "\nCohorts: " << ReadableCohorts(coverage.value_or(v1::Coverage())) << " of " << MonthName(month) << ", "
      << ReadableCohorts(coverage_before) << " of " << MonthName(before) << ". Sums are compared per cohort.\n"
      << InTimeLine(coverage.value_or(v1::Coverage())) << "\n"
      << "Figures are rounded; -o csv has them as they are. suppressed: too few people to tell from the noise.\n"
      << "No change is shown from or to a month with a partial cohort: one that had begun when the store was made.\n"
      << "A change whose interval holds 0 may be none; its interval is rather too wide than too narrow.\n";
  if (!not_held.empty()) {
    session.out() << "Not in the tables of this month: " << absl::StrJoin(not_held, ", ") << ".\n";
  }
}

}  // namespace

void AddStatisticsReportCommand(Command statistics, CommandSession& session) {
  const Command report = statistics.AddVerb("report", "A month, beside the same month of last year");
  auto month = std::make_shared<std::string>();
  report.AddOption("--month", *month, "As 2026-03; weeks are of the month of their Thursday").Required();
  report.SetFooter(
      "Example:\n"
      "  retentionctl statistics report --month 2026-03\n"
      "  retentionctl -o csv statistics report --month 2026-03 > 2026-03.csv");
  report.SetAction([=, &session] { Report(session, *month); });
}

}  // namespace retention
