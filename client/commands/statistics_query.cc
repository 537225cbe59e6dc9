// statistics query
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/statistics_chart.h"
#include "client/commands/statistics_commands.h"
#include "client/commands/statistics_figures.h"
#include "client/human_units.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {
namespace {

struct QueryOptions {
  std::string metric;
  std::vector<std::string> group_by;
  std::string filter;
  std::string from;
  std::string to;
  double percentile = 0;
  bool chart = false;
};

v1::QueryStatisticsRequest MakeRequest(const QueryOptions& options) {
  v1::QueryStatisticsRequest request;
  request.set_metric(ValueNamed<v1::Metric>(options.metric));
  for (const auto& name : options.group_by) {
    const auto dimension = ValueNamed<v1::Dimension>(name);
    if (dimension == v1::DIMENSION_UNSPECIFIED) {
      throw UsageError("--group-by",
                       absl::StrCat("no such dimension; one of ", absl::StrJoin(KebabNames<v1::Dimension>(), ", ")));
    }
    request.add_group_by(dimension);
  }
  request.set_filter(options.filter);
  *request.mutable_first_day() = ValueOrUsageError(ParseDate(options.from), "--from");
  *request.mutable_last_day() = ValueOrUsageError(ParseDate(options.to), "--to");
  if (IsPercentile(request.metric()) != (options.percentile != 0)) {
    throw UsageError("--percentile", "goes with duration-percentile, rtt, loss and jitter, and only with them");
  }
  request.set_percentile(options.percentile);
  return request;
}

OutputTable QueryTable(const v1::QueryStatisticsRequest& request, const v1::QueryStatisticsResponse& response) {
  std::vector<TableColumn> columns;
  for (const int dimension : request.group_by()) {
    const std::string name = KebabName(static_cast<v1::Dimension>(dimension));
    columns.push_back({absl::AsciiStrToUpper(name), name});
  }
  for (auto& column : FigureColumns()) columns.push_back(std::move(column));
  OutputTable table(columns);
  for (const auto& row : response.rows()) {
    std::vector<TableCell> cells;
    for (int i = 0; i < request.group_by_size(); ++i) cells.emplace_back(i < row.group_size() ? row.group(i) : "");
    for (auto& cell : FigureCells(row, response.unit())) cells.push_back(std::move(cell));
    table.AddRow(std::move(cells));
  }
  return table;
}

void PrintNotes(CommandSession& session, const v1::QueryStatisticsResponse& response) {
  session.out() << "\nUnit: " << response.unit() << ". Tables: " << response.table()
                << ". Cohorts released: " << ReadableCohorts(response.coverage()) << ".\n"
                << InTimeLine(response.coverage())
                << "\nRounded, and no less than nothing; -o csv and -o json have the figures as they are.\n";
  for (const auto& row : response.rows()) {
    if (IsShown(row) || row.coverage().cohorts() == 0) continue;
    session.out() << "suppressed: too few people to tell from the noise.\n";
    break;
  }
}

void Query(CommandSession& session, const QueryOptions& options) {
  const v1::QueryStatisticsRequest request = MakeRequest(options);
  if (options.chart && session.format() != OutputFormat::kTable) throw UsageError("--chart", "goes with tables only");
  const auto response = session.ExpectPages(&Client::QueryStatistics, request);
  if (!response) return;
  if (options.chart) {
    PrintChart({response->rows().begin(), response->rows().end()}, response->unit(), session.out());
  } else {
    session.Print(*response, QueryTable(request, *response));
  }
  if (session.format() == OutputFormat::kTable) PrintNotes(session, *response);
}

}  // namespace

void AddStatisticsQueryCommand(Command statistics, CommandSession& session) {
  const Command query = statistics.AddVerb("query", "One statistic, with its interval and coverage");
  auto options = std::make_shared<QueryOptions>();
  const std::vector<std::string> metrics = KebabNames<v1::Metric>();
  query.AddOption("--metric", options->metric, "What is measured").OneOf(metrics).Required();
  query
      .AddOption("--group-by", options->group_by,
                 absl::StrCat("At most one of day, week, month, year and at most two of ",
                              absl::StrJoin(KebabNames<v1::Dimension>(), ", "), "; as week,region"))
      .SeparatedBy(',');
  query.AddOption("--filter", options->filter,
                  "As in AIP-160: dimension = value, dimension != value, joined by AND; those of one dimension also by "
                  "OR, in brackets");
  query.AddOption("--from", options->from, "First day; cohorts whose middle is in the range count, whole").Required();
  query.AddOption("--to", options->to, "Last day, at most 10 years later").Required();
  query
      .AddOption("--percentile", options->percentile,
                 "Above 0 and below 100; for duration-percentile, rtt, loss and jitter")
      .Check([](const std::string& text) {
        double value = 0;
        const bool has_digits_alone = text.find_first_not_of("0123456789.") == std::string::npos;
        const bool fits = has_digits_alone && absl::SimpleAtod(text, &value) && value > 0 && value < 100;
        return fits ? std::string() : std::string("must be above 0 and below 100");
      });
  query.AddFlag("--chart", options->chart, "Bars in place of the table");
  query.SetFooter(
      "People are persons per cohort: who comes in three weeks counts three times. The interval holds the true figure\n"
      "in 95 of 100 cases of those that are shown. `suppressed` means: too few people. `statistics tables` lists what\n"
      "can be asked.\n"
      "\n"
      "Examples:\n"
      "  retentionctl statistics query --metric people --group-by week --from 2026-01-01 --to 2026-03-31 --chart\n"
      "  retentionctl statistics query --metric duration-percentile --percentile 90 \\\n"
      "      --filter \"region = fra OR region = ams\" --from 2026-01-01 --to 2026-03-31\n"
      "  retentionctl -o csv statistics query --metric rtt --percentile 95 --group-by month,client \\\n"
      "      --from 2026-01-01 --to 2026-12-31");
  query.SetAction([=, &session] { Query(session, *options); });
}

}  // namespace retention
