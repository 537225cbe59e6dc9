// What retentionctl says to a command line that it cannot take.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

using WrongUsage = CommandLineTest;

TEST_F(WrongUsage, SaysWhatIsWrong_Golden) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"meetings", "list", "pbx-1", "--limit", "-1"}, "--limit: \"-1\" is not a number from 0 on"},
      {{"meetings", "list", "pbx-1", "--limit", "few"}, "--limit: \"few\" is not a number from 0 on"},
      {{"meetings", "list", "pbx-1", "--limit"}, "--limit: a value is required"},
      {{"events", "simulate", "--start", "2026-01-05", "--days", "0"}, "--days: \"0\" is not a number from 1 to 3660"},
      {{"-o", "yaml", "pbxs", "list"}, "--output-format: \"yaml\" is none of table, json, csv"},
      {{"meetigns", "list"}, "unknown command \"meetigns\"; did you mean \"meetings\"?"},
      {{"clock", "forward"}, "unknown command \"forward\" after \"clock\"; it takes show, confirm, advance"},
      {{"meetings", "lst", "pbx-1"}, "unknown command \"lst\" after \"meetings\"; did you mean \"list\"?"},
      {{"clock"}, "a command is required after \"clock\": show, confirm, advance"},
      {{"pbxs", "list", "--nonsense"}, "unknown option \"--nonsense\""},
      {{"pbxs", "--nonsense"}, "unknown option \"--nonsense\""},
      {{"meetings", "get", "pbx-1", "m", "n"}, "unexpected argument \"n\""},
      {{"meetings", "get", "pbx-1"}, "MEETING is required"},
  };
  for (const auto& [arguments, text] : wrong) {
    EXPECT_EQ(Run(arguments), kExitUsage);
    EXPECT_EQ(err_.str(), "retentionctl: " + text + "\nTry --help behind any command.\n");
  }
}

}  // namespace
}  // namespace retention
