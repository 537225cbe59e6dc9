// What the server says to its command line.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/text/lengths.h"

namespace retention {
namespace {

// What `retention_server --backup-interval TEXT` says. It lacks the rest and so ends, with exit code 2.
std::string Said(const std::string& text) {
  const std::string command = absl::StrCat(RETENTION_SERVER, " --backup-interval='", text, "' 2>&1");
  FILE* output = ::popen(command.c_str(), "r");
  EXPECT_NE(output, nullptr);
  std::string said;
  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) said.push_back(static_cast<char>(c));
  const int status = ::pclose(output);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << said;
  return said;
}

// The same as clients' command lines.
TEST(ServerFlags, LengthsOfTimeAreReadAsTheTableSays) {
  for (const auto& [text, length] : kLengths) EXPECT_FALSE(absl::StrContains(Said(text), "--backup-interval")) << text;
  for (const char* text : kNoLengths) EXPECT_TRUE(absl::StrContains(Said(text), "--backup-interval")) << text;
  EXPECT_TRUE(absl::StrContains(Said("31d"), "from 0s to 30d")) << Said("31d");
}

}  // namespace
}  // namespace retention
