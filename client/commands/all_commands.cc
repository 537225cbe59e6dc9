#include <string>

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

void AddGlobalOptions(CLI::App& app, CommandSession& session) {
  app.add_option("--server", session.server, "Server as host:port")->envname("RETENTION_SERVER")->capture_default_str();
  app.add_option("-o,--output-format", session.format_name,
                 "table: for people; json: the answer as it is; csv: plain units, for programs")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  app.add_option(
         "--timeout", session.timeout_text,
         "Longest wait for each attempt of a call (default 10s, for sweep run 10m); an unavailable server is tried "
         "6 times")
      ->check([](const std::string& text) { return std::string(ParseLength(text).status().message()); });
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const CommandEnvironment& environment) {
  CommandSession session(environment);
  CLI::App app(kDescription, "retentionctl");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();  // Global options may stand behind the command too.
  AddGlobalOptions(app, session);
  AddEventCommands(app, session);
  AddHoldCommands(app, session);
  AddLogCommands(app, session);
  AddMeetingCommands(app, session);
  AddOrderCommands(app, session);
  AddPbxCommands(app, session);
  AddDeletionCommands(app, session);
  AddPolicyCommands(app, session);
  AddRetentionCommands(app, session);
  AddStatisticsCommands(app, session);
  AddOrderExecuteCommand(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    environment.out << app.help();
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    environment.err << "retentionctl: " << error.what() << "\nTry --help behind any command.\n";
    return kExitUsage;
  }
  if (!environment.out.flush()) {
    environment.err << "retentionctl: the output cannot be written\n";
    return kExitFailed;
  }
  return session.exit_code();
}

}  // namespace retention
