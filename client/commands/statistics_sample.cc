// statistics sample
#include <memory>
#include <string>

#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/statistics_commands.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {
namespace {

// As the server takes it.
constexpr int64_t kRecordsMax = 10'000;
constexpr int32_t kRecords = 100;

struct SampleOptions {
  std::string from;
  std::string to;
  int32_t count = kRecords;
};

void Sample(CommandSession& session, const SampleOptions& options) {
  v1::SampleSyntheticRecordsRequest request;
  *request.mutable_first_day() = ValueOrUsageError(ParseDate(options.from), "--from");
  *request.mutable_last_day() = ValueOrUsageError(ParseDate(options.to), "--to");
  request.set_count(options.count);
  const auto response = session.Expect(session.MakeClient().SampleSyntheticRecords(request));
  if (!response) return;
  OutputTable table({{"HOUR", "hour"},
                     {"REGION", "region"},
                     {"CLIENT", "client"},
                     {"SECONDS", "duration_seconds"},
                     {"RECONNECTIONS", "reconnections"}});
  for (const v1::SyntheticRecord& record : response->records()) {
    table.AddRow({record.hour(), record.region(), record.client(), record.duration(), record.reconnections()});
  }
  session.Print(*response, table);
  if (session.format() != OutputFormat::kTable) return;
  session.out() << (response->records_size() == 0
                        ? "\nNo cohort of these days was released.\n"
                        : "\nNobody's: drawn from released figures, for trying programs out.\n");
}

}  // namespace

void AddStatisticsSampleCommand(Command statistics, CommandSession& session) {
  const Command verb = statistics.AddVerb("sample", "Synthetic records, of people who never were");
  auto options = std::make_shared<SampleOptions>();
  verb.AddOption("--from", options->from, "First day; cohorts whose middle is in the range count").Required();
  verb.AddOption("--to", options->to, "Last day, at most 10 years later").Required();
  verb.AddOption("--count", options->count, "Records, 1 to 10,000").Between(1, kRecordsMax).ShowDefault();
  verb.SetFooter(
      "Drawn from the estimates of released cohorts, anew each time: for trying programs out, and no more exact than "
      "a\n"
      "table of two dimensions. For figures ask `statistics query`.\n"
      "\n"
      "Example:\n"
      "  retentionctl -o csv statistics sample --from 2026-01-01 --to 2026-03-31 --count 1000 > records.csv");
  verb.SetAction([=, &session] { Sample(session, *options); });
}

}  // namespace retention
