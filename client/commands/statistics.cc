// statistics tables | guarantee, and the verbs that have a source of their own
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/statistics_commands.h"
#include "client/commands/statistics_figures.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {
namespace {

std::string DimensionNames(const google::protobuf::RepeatedField<int>& dimensions) {
  return absl::StrJoin(dimensions, " x ", [](std::string* out, int dimension) {
    absl::StrAppend(out, KebabName(static_cast<v1::Dimension>(dimension)));
  });
}

// What can be asked: the sets of dimensions of each metric, a line a metric.
OutputTable QuestionTable(const v1::ListTablesResponse& response) {
  OutputTable table({{"METRIC", ""}, {"CAN BE SPLIT OR FILTERED BY", ""}});
  std::vector<std::pair<std::string, std::vector<std::string>>> sets;
  for (const auto& question : response.questions()) {
    const std::string metric = KebabName(question.metric());
    if (sets.empty() || sets.back().first != metric) sets.push_back({metric, {}});
    if (question.dimensions_size() > 0) sets.back().second.push_back(DimensionNames(question.dimensions()));
  }
  for (const auto& [metric, dimensions] : sets) table.AddRow({metric, TextCell(absl::StrJoin(dimensions, ", "))});
  return table;
}

void Tables(CommandSession& session) {
  const auto response = session.Expect(session.MakeClient().ListTables(v1::ListTablesRequest()));
  if (!response) return;
  OutputTable table({{"TABLE", "name"},
                     {"SPLIT BY", "dimensions"},
                     {"CELLS", "cell_count", true},
                     {"UNIT", "unit"},
                     {"A PERSON ADDS", "contribution", true},
                     {"BUDGET", "share_percent", true},
                     {"NOISE", "noise_stddev", true},
                     {"ESTIMATE", "estimate_stddev", true}});
  for (const auto& entry : response->tables()) {
    std::vector<std::string> names;
    for (const auto& domain : entry.dimensions()) names.push_back(KebabName(domain.dimension()));
    const auto figure = [&](double value) {
      return TableCell(ReadableFigure(value, entry.unit()), PlainFigure(value));
    };
    table.AddRow(
        {entry.name(), TableCell(names.empty() ? "-" : absl::StrJoin(names, " x "), absl::StrJoin(names, " ")),
         CountCell(entry.cell_count()), entry.unit(), figure(entry.contribution()),
         TableCell(absl::StrCat(ReadableNumber(entry.share_percent(), 1), " %"), PlainFigure(entry.share_percent())),
         figure(entry.noise_stddev()), figure(entry.estimate_stddev())});
  }
  session.Print(*response, table);
  if (session.format() != OutputFormat::kTable) return;
  session.out() << "\n";
  QuestionTable(*response).PrintAligned(session.out());
  session.out() << absl::StrFormat(
      "\nProfile %s, schema %d: rho %g per person and cohort. NOISE is one standard deviation in a cell as drawn,\n"
      "ESTIMATE the same after all tables were brought together. Each can also be asked by day, week, month or year.\n",
      KebabName(response->profile()), response->schema_version(), response->rho_per_cohort());
}

void Guarantee(CommandSession& session) {
  const auto response = session.Expect(session.MakeClient().GetGuarantee(v1::GetGuaranteeRequest()));
  if (!response) return;
  OutputTable table({{"DAYS", "days", true},
                     {"COHORTS", "cohorts", true},
                     {"RHO", "rho", true},
                     {"EPSILON", "epsilon", true},
                     {"A GUESS IS RIGHT AT MOST", "guess_right_at_most", true}});
  for (const auto& span : response->over_time()) {
    table.AddRow(
        {CountCell(span.days()), CountCell(span.cohorts()),
         TableCell(absl::StrFormat("%.3g", span.rho()), PlainFigure(span.rho())),
         TableCell(ReadableNumber(span.epsilon(), 1), PlainFigure(span.epsilon())),
         TableCell(ReadableFigure(span.guess_right_at_most(), kShareUnit), PlainFigure(span.guess_right_at_most()))});
  }
  session.Print(*response, table);
  if (session.format() != OutputFormat::kTable) return;
  session.out() << absl::StrFormat(
      "\nFor somebody who is there all the time, over so many days; epsilon at delta %g. Profile %s, schema %d.\n"
      "A figure is shown if %d people are in it with 99.9 %% certainty. Cohorts are drawn %s after their last day.\n",
      response->delta(), KebabName(response->profile()), response->schema_version(), response->least_people(),
      ReadableLength(FromProtoDuration(response->settling())));
  session.out() << "\nPromised:\n";
  for (const auto& sentence : response->promises()) session.out() << "- " << Printable(sentence) << "\n";
  session.out() << "\nNot promised:\n";
  for (const auto& sentence : response->limits()) session.out() << "- " << Printable(sentence) << "\n";
}

}  // namespace

void AddStatisticsCommands(Command root, CommandSession& session) {
  const Command statistics = root.AddNoun("statistics", "Anonymous statistics");
  AddStatisticsQueryCommand(statistics, session);
  AddStatisticsReportCommand(statistics, session);
  AddStatisticsExportCommand(statistics, session);
  AddStatisticsSampleCommand(statistics, session);
  statistics.AddVerb("tables", "The tables that every cohort has, and what can be asked").SetAction([&session] {
    Tables(session);
  });
  statistics.AddVerb("guarantee", "What is promised to those who are counted, in numbers and words")
      .SetAction([&session] { Guarantee(session); });
}

}  // namespace retention
