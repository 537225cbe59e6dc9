#include "client/commands/all_commands.h"

#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/completion.h"
#include "client/human_units.h"

namespace retention {
namespace {

constexpr char kProgram[] = "retentionctl";
constexpr char kDescription[] =
    "Talks to a retention server: sends meeting events, shows what is held until when, asks for statistics.";

constexpr char kFooter[] =
    "Lengths of time are written 90s, 15m, 2h, 1d, 2w or 1d12h; times 2026-03-31T09:00:00Z or 2026-03-31 (UTC);\n"
    "days 2026-03-31. Times are shown in UTC.\n"
    "A server is named by --server, or by a context (retentionctl context --help): that of --context, else, without\n"
    "--server, the one in use.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the server is unavailable or silent, 4 the store of objects may be "
    "wrong\n"
    "(orders execute).\n"
    "\n"
    "Examples:\n"
    "  retentionctl events simulate --start 2026-01-05 --days 7\n"
    "  retentionctl meetings report pbx-1 meeting-12\n"
    "  retentionctl due list --to 2026-03-31\n"
    "  retentionctl -o csv statistics query --metric people --group-by week --from 2026-01-01 --to 2026-03-31\n"
    "Every command explains itself: retentionctl events import --help";

void AddServerOptions(Command root, CommandSession& session) {
  root.AddOption(
          "--server", session.given.address,
          "host:port, [IPv6]:port or unix:/path (default 127.0.0.1:50051). Without --ca plaintext, which goes to "
          "loopback addresses and Unix sockets only")
      .FromEnvironment("RETENTION_SERVER")
      .Check([](const std::string& text) { return std::string(CheckAddress(text).message()); });
  root.AddOption("--ca", session.given.ca_file, "TLS: certificates of who vouches for the server (PEM)")
      .FromEnvironment("RETENTION_CA");
  root.AddOption("--cert", session.given.certificate_file, "TLS: the certificate that says who you are (PEM)")
      .FromEnvironment("RETENTION_CERT");
  root.AddOption("--key", session.given.key_file, "TLS: its private key (PEM, not encrypted)")
      .FromEnvironment("RETENTION_KEY");
  root.AddFlag("--insecure", session.given.insecure, "Send plaintext over the network");
  root.AddOption("--context", session.context_name, "The named server to use; other options go before what it says")
      .FromEnvironment("RETENTION_CONTEXT");
}

void AddGlobalOptions(Command root, CommandSession& session) {
  AddServerOptions(root, session);
  root.AddOption(
          "-o,--output-format", session.format_name,
          "table: for people; json: the answer as it is; csv: plain units, for programs. In tables and CSV control "
          "characters and marks of direction are written as \\u001b, and in CSV what a spreadsheet would take for a "
          "formula begins with an apostrophe; only JSON has texts byte by byte")
      .FromEnvironment("RETENTION_OUTPUT_FORMAT")
      .OneOf({"table", "json", "csv"})
      .ShowDefault();
  root.AddOption(
          "--timeout", session.timeout_text,
          "Longest wait for each attempt of a call (default 10s, for sweep run 10m); an unavailable server is tried "
          "6 times")
      .FromEnvironment("RETENTION_TIMEOUT")
      .Check([](const std::string& text) { return std::string(ParseLength(text).status().message()); });
}

void AddCompletionCommand(Command root, CommandSession& session) {
  const Command completion = root.AddVerb("completion", "Prints what makes a shell complete commands and options");
  auto shell = std::make_shared<std::string>();
  completion.AddOption("SHELL", *shell, "Which shell").Required().OneOf({"bash"});
  completion.SetFooter("For this shell: source <(retentionctl completion bash)");
  completion.SetAction([shell, &session] { session.out() << BashCompletion(kProgram); });
}

void AddCommands(Command root, CommandSession& session) {
  AddServerStateCommands(root, session);
  AddBackupCommands(root, session);
  AddContextCommands(root, session);
  AddControllerCommands(root, session);
  AddEventCommands(root, session);
  AddHoldCommands(root, session);
  AddLedgerCommands(root, session);
  AddLogCommands(root, session);
  AddMeetingCommands(root, session);
  AddOrderCommands(root, session);
  AddPbxCommands(root, session);
  AddDeletionCommands(root, session);
  AddPolicyCommands(root, session);
  AddNoticeCommands(root, session);
  AddRetentionCommands(root, session);
  AddRingCommands(root, session);
  AddStatisticsCommands(root, session);
  AddOrderExecuteCommand(root, session);
  AddCompletionCommand(root, session);
}

// The command line as it is shown to who is asked whether it is meant.
std::string Words(int argc, const char* const* argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (!words.empty()) words[0] = kProgram;
  return absl::StrJoin(words, " ");
}

// What was asked for, or the exit code of a command line that is wrong.
int Run(CommandLine& line, int argc, const char* const* argv, const CommandEnvironment& environment,
        CommandSession& session) {
  std::string text;
  try {
    switch (line.Run(argc, argv, text)) {
      case CommandLine::Outcome::kHelp:
        environment.out << text;
        return kExitOk;
      case CommandLine::Outcome::kWrongUsage:
        environment.err << kProgram << ": " << Printable(text) << "\nTry --help behind any command.\n";
        return kExitUsage;
      case CommandLine::Outcome::kDone:
        break;
    }
  } catch (const CommandFailure& failure) {
    session.Fail(failure.what());
  }
  return session.exit_code();
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const CommandEnvironment& environment) {
  CommandSession session(environment, Words(argc, argv));
  CommandLine line(kProgram, kDescription, RETENTION_VERSION);
  const Command root = line.root().SetFooter(kFooter);
  AddGlobalOptions(root, session);
  AddCommands(root, session);
  if (argc > 1 && std::string_view(argv[1]) == kCompleteWord) {
    for (const std::string& name : line.Complete({argv + 2, argv + argc})) environment.out << name << "\n";
    return kExitOk;
  }
  const int exit_code = Run(line, argc, argv, environment, session);
  if (environment.out.flush()) return exit_code;
  environment.err << kProgram << ": the output cannot be written\n";
  return kExitFailed;
}

std::vector<std::vector<std::string>> AllVerbs() {
  std::istringstream in;
  std::ostringstream out;
  const CommandEnvironment environment{in, out, out};
  CommandSession session(environment, "");
  CommandLine line(kProgram, kDescription, RETENTION_VERSION);
  AddCommands(line.root(), session);
  return line.Verbs();
}

}  // namespace retention
