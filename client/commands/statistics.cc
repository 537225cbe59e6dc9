// statistics tables | query
#include <algorithm>
#include <cctype>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
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
};

v1::Dimension ParseDimension(const std::string& name, const std::string& option) {
  const auto dimension = ValueNamed<v1::Dimension>(name);
  if (dimension != 0) return dimension;
  throw UsageError(option,
                   absl::StrCat("no such dimension; one of ", absl::StrJoin(KebabNames<v1::Dimension>(), ", ")));
}

bool IsPercentile(v1::Metric metric) {
  return metric == v1::METRIC_DURATION_PERCENTILE || metric == v1::METRIC_RTT || metric == v1::METRIC_LOSS ||
         metric == v1::METRIC_JITTER;
}

v1::QueryStatisticsRequest MakeRequest(const QueryOptions& options) {
  v1::QueryStatisticsRequest request;
  const auto metric = ValueNamed<v1::Metric>(options.metric);
  if (metric == 0) {
    throw UsageError("--metric",
                     absl::StrCat("no such metric; one of ", absl::StrJoin(KebabNames<v1::Metric>(), ", ")));
  }
  request.set_metric(metric);
  for (const auto& name : options.group_by) request.add_group_by(ParseDimension(name, "--group-by"));
  request.set_filter(options.filter);
  *request.mutable_from() = ValueOrUsageError(ParseDate(options.from), "--from");
  *request.mutable_to() = ValueOrUsageError(ParseDate(options.to), "--to");
  if (IsPercentile(metric) != (options.percentile != 0)) {
    throw UsageError("--percentile",
                     "goes with --metric duration-percentile, rtt, loss and jitter, and only with them");
  }
  request.set_percentile(options.percentile);
  return request;
}

std::string ReadableFigure(double value, const std::string& unit) {
  if (unit == "seconds") return ReadableLength(absl::Seconds(value));
  if (unit == "share") return absl::StrCat(ReadableNumber(value * 100, 1), " %");
  return ReadableNumber(value, unit == "reconnections" ? 2 : 0);
}

OutputTable QueryTable(const v1::QueryStatisticsRequest& request, const v1::QueryStatisticsResponse& response) {
  std::vector<TableColumn> columns;
  for (const int dimension : request.group_by()) {
    std::string name = KebabName(static_cast<v1::Dimension>(dimension));
    std::string heading = name;
    std::transform(heading.begin(), heading.end(), heading.begin(), [](unsigned char c) { return std::toupper(c); });
    columns.push_back({heading, name});
  }
  for (const auto& [heading, csv_name] :
       {std::pair("ESTIMATE", "estimate"), std::pair("95 % INTERVAL", "interval_low"), std::pair("", "interval_high"),
        std::pair("NOISE", "noise_stddev"), std::pair("PEOPLE", "people")}) {
    columns.push_back({heading, csv_name, true});
  }
  // For people one column holds the whole interval, for programs its ends have one each.
  const size_t group_columns = request.group_by_size();
  OutputTable table(columns);
  for (const auto& row : response.rows()) {
    std::vector<TableCell> cells;
    for (size_t i = 0; i < group_columns; ++i) {
      cells.emplace_back(static_cast<int>(i) < row.group_size() ? row.group(static_cast<int>(i)) : "");
    }
    const auto figure = [&](double value) { return ReadableFigure(value, response.unit()); };
    const auto plain = [](double value) { return absl::StrFormat("%.6g", value); };
    if (!row.has_estimate()) {
      cells.emplace_back("suppressed", "");
      for (int i = 0; i < 4; ++i) cells.emplace_back("", "");
    } else {
      cells.emplace_back(figure(row.estimate()), plain(row.estimate()));
      cells.emplace_back(absl::StrCat("[", figure(row.interval_low()), ", ", figure(row.interval_high()), "]"),
                         plain(row.interval_low()));
      cells.emplace_back("", plain(row.interval_high()));
      if (row.has_noise_stddev()) {
        cells.emplace_back(absl::StrCat("+-", figure(row.noise_stddev())), plain(row.noise_stddev()));
      } else {
        cells.emplace_back("", "");
      }
      cells.emplace_back(ReadableNumber(row.people(), 0), plain(row.people()));
    }
    table.AddRow(std::move(cells));
  }
  return table;
}

std::string CoverageLine(const v1::Coverage& coverage) {
  const std::string of = absl::StrCat("late ones are counted to ", coverage.cohorts_late_counted(), " of ",
                                      coverage.cohorts(), " cohorts");
  if (!coverage.has_in_time()) return absl::StrCat("Counted in time: not known; ", of, ".");
  return absl::StrCat("Counted in time: ", ReadableFigure(coverage.in_time(), "share"), " [",
                      ReadableFigure(coverage.in_time_low(), "share"), ", ",
                      ReadableFigure(coverage.in_time_high(), "share"), "]; ", of, ".");
}

void Query(CommandSession& session, const QueryOptions& options) {
  const v1::QueryStatisticsRequest request = MakeRequest(options);
  const auto response = session.Expect(session.MakeClient().QueryStatistics(request));
  if (!response) return;
  session.Print(*response, QueryTable(request, *response));
  if (session.format() != OutputFormat::kTable) return;
  const v1::Coverage& coverage = response->coverage();
  session.out() << "\nUnit: " << response->unit() << ". Table: " << response->table()
                << ". Cohorts released: " << coverage.cohorts() << " of " << coverage.cohorts_in_range() << ".\n";
  session.out() << CoverageLine(coverage) << "\n";
  const bool suppressed = std::any_of(response->rows().begin(), response->rows().end(),
                                      [](const auto& row) { return !row.has_estimate(); });
  if (suppressed) session.out() << "suppressed: too few people to tell from the noise.\n";
}

void Tables(CommandSession& session) {
  const auto response = session.Expect(session.MakeClient().ListTables(v1::ListTablesRequest()));
  if (!response) return;
  OutputTable table({{"TABLE", "name"},
                     {"SPLIT BY", "dimensions"},
                     {"CELLS", "cell_count", true},
                     {"NOISE", "estimate_stddev", true},
                     {"UNIT", "unit"}});
  for (const auto& entry : response->tables()) {
    std::vector<std::string> names;
    for (const auto& domain : entry.dimensions()) names.push_back(KebabName(domain.dimension()));
    table.AddRow({entry.name(), TableCell(absl::StrJoin(names, " x "), absl::StrJoin(names, " ")),
                  CountCell(entry.cell_count()),
                  TableCell(absl::StrCat("+-", ReadableNumber(entry.estimate_stddev(), 1)),
                            absl::StrFormat("%.6g", entry.estimate_stddev())),
                  entry.unit()});
  }
  session.Print(*response, table);
  if (session.format() != OutputFormat::kTable) return;
  session.out() << absl::StrFormat(
      "\nProfile %s, schema version %d. Per person and cohort: rho %g (zero-concentrated differential privacy).\n",
      KebabName(response->profile()), response->schema_version(), response->rho_per_cohort());
}

}  // namespace

void AddStatisticsCommands(Command root, CommandSession& session) {
  const Command statistics = root.AddNoun("statistics", "Anonymous statistics");
  statistics.AddVerb("tables", "The tables that every cohort has, with their guarantees").SetAction([&session] {
    Tables(session);
  });

  const Command query = statistics.AddVerb("query", "One statistic, with interval and noise");
  auto options = std::make_shared<QueryOptions>();
  query.AddOption("--metric", options->metric, absl::StrJoin(KebabNames<v1::Metric>(), ", ")).Required();
  query
      .AddOption("--group-by", options->group_by,
                 "At most one of day, week, month, year and at most two others; as week,region")
      .SeparatedBy(',');
  query.AddOption("--filter", options->filter, "As \"region = fra AND (client = chrome OR client = firefox)\"");
  query.AddOption("--from", options->from, "First day").Required();
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
  query.SetFooter(
      "The interval holds the true figure in 95 of 100 cases. `suppressed` means: too few people.\n"
      "\n"
      "Examples:\n"
      "  retentionctl statistics query --metric people --group-by week --from 2026-01-01 --to 2026-03-31\n"
      "  retentionctl statistics query --metric duration-percentile --percentile 90 --filter \"region = fra\" \\\n"
      "      --from 2026-01-01 --to 2026-03-31");
  query.SetAction([=, &session] { Query(session, *options); });
}

}  // namespace retention
