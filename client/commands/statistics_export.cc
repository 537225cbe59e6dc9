// statistics export
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/growing_output.h"
#include "client/commands/statistics_commands.h"
#include "client/commands/statistics_figures.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {
namespace {

struct ExportOptions {
  std::string from;
  std::string to;
};

constexpr int kTableDimensionsMax = 2;

std::vector<TableCell> CohortCells(const v1::ExportedCohort& cohort) {
  const std::string late = cohort.has_late_people() ? PlainFigure(cohort.late_people()) : "";
  return {ReadableDate(cohort.first_day()),
          ReadableDate(cohort.last_day()),
          KebabName(cohort.profile()),
          CountCell(cohort.schema_version()),
          PlainFigure(cohort.rho()),
          CountCell(cohort.cohorts()),
          CountCell(cohort.cohorts_in_range()),
          YesOrNo(cohort.damaged()),
          {cohort.has_late_people() ? ReadableFigure(cohort.late_people(), "people") : "-", late}};
}

std::vector<TableColumn> CohortColumns() {
  return {{"FIRST DAY", "first_day"},         {"LAST DAY", "last_day"}, {"PROFILE", "profile"},
          {"SCHEMA", "schema_version", true}, {"RHO", "rho", true},     {"COHORTS", "cohorts", true},
          {"OF", "cohorts_in_range", true},   {"DAMAGED", "damaged"},   {"CAME LATE", "late_people", true}};
}

OutputTable CohortTable(const v1::ExportedCohort& cohort) {
  OutputTable table(CohortColumns());
  table.AddRow(CohortCells(cohort));
  return table;
}

// A row a cell, the cohort's head before each: a file that needs no other.
OutputTable CellTable(const v1::ExportedCohort& cohort, const v1::ExportedTable& exported) {
  std::vector<TableColumn> columns = CohortColumns();
  for (const char* name : {"table", "unit", "dimension_1", "value_1", "dimension_2", "value_2", "drawn",
                           "drawn_variance", "estimate", "estimate_variance"}) {
    columns.push_back({"", name});
  }
  OutputTable table(columns);
  const auto& dimensions = exported.table().dimensions();
  for (int cell = 0; cell < exported.estimates_size(); ++cell) {
    std::vector<TableCell> cells = CohortCells(cohort);
    cells.emplace_back(exported.table().name());
    cells.emplace_back(exported.table().unit());
    int below = exported.estimates_size();  // Cells behind one value of the dimension.
    for (int i = 0; i < kTableDimensionsMax; ++i) {
      const bool has = i < dimensions.size() && dimensions[i].values_size() > 0;
      const int values = has ? dimensions[i].values_size() : 1;
      below /= values;
      cells.emplace_back(has ? KebabName(dimensions[i].dimension()) : "");
      cells.emplace_back(has && below > 0 ? dimensions[i].values(cell / below % values) : "");
    }
    const bool drawn = cell < exported.drawn_size();
    cells.emplace_back(drawn ? PlainFigure(exported.drawn(cell)) : "");
    cells.emplace_back(drawn ? PlainFigure(exported.drawn_variance()) : "");
    cells.emplace_back(PlainFigure(exported.estimates(cell)));
    cells.emplace_back(PlainFigure(exported.estimate_variance()));
    table.AddRow(std::move(cells));
  }
  return table;
}

void Export(CommandSession& session, const ExportOptions& options) {
  v1::ExportStatisticsRequest request;
  *request.mutable_first_day() = ValueOrUsageError(ParseDate(options.from), "--from");
  *request.mutable_last_day() = ValueOrUsageError(ParseDate(options.to), "--to");
  GrowingOutput output(session);
  v1::ExportedCohort cohort;
  const absl::Status status =
      session.MakeClient().ExportStatistics(request, [&](const v1::ExportStatisticsResponse& message) {
        if (message.has_cohort()) cohort = message.cohort();
        if (session.format() == OutputFormat::kJson) {
          google::protobuf::RepeatedPtrField<v1::ExportStatisticsResponse> one;
          *one.Add() = message;
          output.Print(one, OutputTable({}));
        } else if (session.format() == OutputFormat::kCsv) {
          if (message.has_table())
            output.Print(google::protobuf::RepeatedPtrField<v1::ExportStatisticsResponse>(),
                         CellTable(cohort, message.table()));
        } else if (message.has_cohort()) {
          output.Print(google::protobuf::RepeatedPtrField<v1::ExportStatisticsResponse>(), CohortTable(cohort));
        }
        return session.out().good();
      });
  if (!status.ok()) session.Fail(status);
}

}  // namespace

void AddStatisticsExportCommand(Command statistics, CommandSession& session) {
  const Command verb = statistics.AddVerb("export", "Released cohorts whole, for those who compute themselves");
  auto options = std::make_shared<ExportOptions>();
  verb.AddOption("--from", options->from, "First day").Required();
  verb.AddOption("--to", options->to, "Last day, at most 10 years later").Required();
  verb.SetFooter(
      "-o csv: a row a cell, as drawn and as estimated, with their variances; -o json: an object a line, each "
      "cohort's\n"
      "head before its tables; a table: the heads alone. Estimates are neither rounded nor clamped, and add up.\n"
      "\n"
      "Example:\n"
      "  retentionctl -o csv statistics export --from 2026-01-01 --to 2026-12-31 > cells.csv");
  verb.SetAction([=, &session] { Export(session, *options); });
}

}  // namespace retention
