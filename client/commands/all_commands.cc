#include "client/commands/all_commands.h"

#include <string>

#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/human_units.h"

namespace retention {
namespace {

constexpr char kDescription[] =
    "Talks to a retention server: sends meeting events, shows what is held until when, asks for statistics.";

constexpr char kFooter[] =
    "Lengths of time are written 90s, 15m, 2h, 1d, 2w or 1d12h; times 2026-03-31T09:00:00Z or 2026-03-31 (UTC);\n"
    "days 2026-03-31. Times are shown in UTC.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  retentionctl events simulate --start 2026-01-05 --days 7\n"
    "  retentionctl meetings report pbx-1 meeting-12\n"
    "  retentionctl due list --to 2026-03-31\n"
    "  retentionctl -o csv statistics query --metric people-days --group-by week --from 2026-01-01 --to 2026-03-31\n"
    "Every command explains itself: retentionctl events import --help";

void AddGlobalOptions(Command root, CommandSession& session) {
  root.AddOption("--server", session.server, "Server as host:port").FromEnvironment("RETENTION_SERVER").ShowDefault();
  root.AddOption(
          "-o,--output-format", session.format_name,
          "table: for people; json: the answer as it is; csv: plain units, for programs. In tables and CSV control "
          "characters and marks of direction are written as \\u001b, and in CSV what a spreadsheet would take for a "
          "formula begins with an apostrophe; only JSON has texts byte by byte")
      .OneOf({"table", "json", "csv"})
      .ShowDefault();
  root.AddOption(
          "--timeout", session.timeout_text,
          "Longest wait for each attempt of a call (default 10s, for sweep run 10m); an unavailable server is tried "
          "6 times")
      .Check([](const std::string& text) { return std::string(ParseLength(text).status().message()); });
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const CommandEnvironment& environment) {
  CommandSession session(environment);
  CommandLine line("retentionctl", kDescription);
  const Command root = line.root().SetFooter(kFooter);
  AddGlobalOptions(root, session);
  AddBackupCommands(root, session);
  AddEventCommands(root, session);
  AddHoldCommands(root, session);
  AddLedgerCommands(root, session);
  AddLogCommands(root, session);
  AddMeetingCommands(root, session);
  AddOrderCommands(root, session);
  AddPbxCommands(root, session);
  AddDeletionCommands(root, session);
  AddPolicyCommands(root, session);
  AddRetentionCommands(root, session);
  AddRingCommands(root, session);
  AddStatisticsCommands(root, session);
  AddOrderExecuteCommand(root, session);
  std::string text;
  switch (line.Run(argc, argv, text)) {
    case CommandLine::Outcome::kHelp:
      environment.out << text;
      return kExitOk;
    case CommandLine::Outcome::kWrongUsage:
      environment.err << "retentionctl: " << text << "\nTry --help behind any command.\n";
      return kExitUsage;
    case CommandLine::Outcome::kDone:
      break;
  }
  if (!environment.out.flush()) {
    environment.err << "retentionctl: the output cannot be written\n";
    return kExitFailed;
  }
  return session.exit_code();
}

}  // namespace retention
