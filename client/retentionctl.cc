// The command line client. Everything it does is in command_line.cc and the files it names.
#include <unistd.h>

#include <iostream>

#include "client/command_session.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const retention::CommandEnvironment environment{std::cin, std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
  return retention::RunCommandLine(argc, argv, environment);
}
