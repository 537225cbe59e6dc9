// What retentionctl says to a command line that it cannot take.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

using WrongUsage = CommandLineTest;

TEST_F(WrongUsage, SaysWhatIsWrong_Golden) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"meetings", "list", "pbx-1", "--limit", "-1"}, "--limit: \"-1\" is not a whole number from 0 to 2147483647"},
      {{"meetings", "list", "pbx-1", "--limit", "few"}, "--limit: \"few\" is not a whole number from 0 to 2147483647"},
      {{"meetings", "list", "pbx-1", "--limit"}, "--limit: a value is required"},
      {{"meetings", "list", "pbx-1", "--limit", "1", "--limit", "2"}, "--limit: given more than once"},
      {{"events", "simulate", "--start", "2026-01-05", "--days", "0"},
       "--days: \"0\" is not a whole number from 1 to 3660"},
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

TEST_F(WrongUsage, NumbersHaveDigitsAloneAndFit) {
  for (const char* number : {"", " 1", "1 ", "1x", "1.0", "1e3", "0x10", "010", "+1", "--1", "2147483648", "1,000",
                             "99999999999999999999", "nan", "inf", "\u0661"}) {
    EXPECT_EQ(Run({"meetings", "list", "pbx-1", "--limit", number}), kExitUsage) << number;
    EXPECT_EQ(Run({"events", "simulate", "--start", "2026-01-05", "--output", "/dev/null", "--people", number}),
              kExitUsage)
        << number;
  }
  const std::pair<std::vector<std::string>, std::string> bounds[] = {
      {{"policy", "show", "--version", "4294967296"}, "4294967295"},
      {{"policy", "show", "--version", "-1"}, "4294967295"},
      {{"meetings", "watch-reports", "--after", "18446744073709551616"}, "18446744073709551615"},
      {{"meetings", "watch-reports", "--after", "-1"}, "18446744073709551615"},
      {{"orders", "confirm", "-1", "--outcome", "erased"}, ""},
      {{"orders", "confirm", "1x", "--outcome", "erased"}, "18446744073709551615"},
      {{"backup", "verify", "1x"}, "4294967295"},
      {{"statistics", "query", "--metric", "duration-percentile", "--percentile", "nan", "--from", "2026-01-01", "--to",
        "2026-01-31"},
       "below 100"},
      {{"statistics", "query", "--metric", "duration-percentile", "--percentile", "0x32", "--from", "2026-01-01",
        "--to", "2026-01-31"},
       "below 100"},
  };
  for (const auto& [arguments, most] : bounds) {
    EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
    EXPECT_NE(err_.str().find(most), std::string::npos) << err_.str();
  }
  EXPECT_TRUE(connection_->calls.empty());
  EXPECT_TRUE(connection_->watch_requests.empty());
}

// Every command with what no command can take: said once, in one line and a hint, before any server is asked.
TEST_F(WrongUsage, IsOneLineOfEveryCommand) {
  const std::vector<std::vector<std::string>> verbs = AllVerbs();
  EXPECT_GT(verbs.size(), 50u);
  for (const auto& verb : verbs) {
    for (const char* wrong :
         {"--nonsense", "--nonsense=1", "--output-format=yaml", "--timeout=soon", "--server=x", "--server=:1",
          "--server=a:0", "--server=a:65536", "--server=unix:x", "\xff", "--output-format"}) {
      std::vector<std::string> arguments = verb;
      arguments.push_back(wrong);
      EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
      const std::string said = err_.str();
      EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
      EXPECT_EQ(out_.str(), "");
    }
  }
  EXPECT_TRUE(connection_->calls.empty());
}

}  // namespace
}  // namespace retention
