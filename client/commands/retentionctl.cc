// The command line client. Everything it does is in all_commands.cc and the files it names.
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <iostream>

#include "client/commands/all_commands.h"
#include "client/commands/command_session.h"
#include "client/input_stream.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  retention::InputStream in(STDIN_FILENO, /*is_own=*/false);
  retention::CommandEnvironment environment{in, std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
  environment.handles_signals = true;
  environment.in_is_terminal = isatty(STDIN_FILENO) == 1;
  environment.context_file = retention::DefaultContextFile();
  // Every error is said once, by the call that it ends.
  retention::SilenceTransport();
  google::protobuf::SetLogHandler(nullptr);
  return retention::RunCommandLine(argc, argv, environment);
}
