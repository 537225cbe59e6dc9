// What shells are told, and what --version says.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

class Completion : public CommandLineTest {
 protected:
  std::vector<std::string> Complete(std::vector<std::string> words) {
    words.insert(words.begin(), "__complete");
    EXPECT_EQ(Run(words), kExitOk);
    EXPECT_EQ(err_.str(), "");
    std::vector<std::string> names;
    std::istringstream lines(out_.str());
    for (std::string line; std::getline(lines, line);) names.push_back(line);
    return names;
  }
  bool Offers(const std::vector<std::string>& words, const std::string& name) {
    const std::vector<std::string> names = Complete(words);
    return std::find(names.begin(), names.end(), name) != names.end();
  }
};

using Words = std::vector<std::string>;

TEST_F(Completion, KnowsEveryCommandThatThereIs) {
  for (const auto& verb : AllVerbs()) {
    Words words;
    for (const std::string& word : verb) {
      words.push_back("");
      EXPECT_TRUE(Offers(words, word)) << ::testing::PrintToString(verb);
      words.back() = word.substr(0, word.size() - 1);
      EXPECT_TRUE(Offers(words, word)) << ::testing::PrintToString(verb);
      words.back() = word;
    }
    words.push_back("--");
    EXPECT_TRUE(Offers(words, "--help")) << ::testing::PrintToString(verb);
    EXPECT_TRUE(Offers(words, "--server")) << ::testing::PrintToString(verb);
  }
}

// An option of a command would hide one that may stand anywhere.
TEST_F(Completion, NoOptionHasTheNameOfAnother) {
  for (std::vector<std::string> verb : AllVerbs()) {
    verb.push_back("--");
    std::vector<std::string> names = Complete(verb);
    std::erase_if(names, [](const std::string& name) { return name == "--help" || name == "--version"; });
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << ::testing::PrintToString(verb);
  }
}

TEST_F(Completion, KnowsOptionsTheirValuesAndArguments) {
  EXPECT_EQ(Complete({"clock", ""}), (Words{"advance", "confirm", "show"}));
  EXPECT_EQ(Complete({"--server", "x", "clock", "a"}), (Words{"advance"}));
  EXPECT_EQ(Complete({"-o", ""}), (Words{"csv", "json", "table"}));
  EXPECT_EQ(Complete({"clock", "show", "--output-format", "c"}), (Words{"csv"}));
  EXPECT_EQ(Complete({"clock", "advance", "--b"}), (Words{"--by"})) << "options of a choice";
  EXPECT_EQ(Complete({"orders", "confirm", "1", "--outcome", "f"}), (Words{"failed"}));
  EXPECT_EQ(Complete({"completion", ""}), (Words{"bash"}));
  EXPECT_EQ(Complete({"health", "in"}), (Words{"ingest"}));
  EXPECT_EQ(Complete({"pbxs", "deregister", "--yes", "p", "--y"}), (Words{"--yes"})) << "a flag takes no value";
}

TEST_F(Completion, LeavesFilesToTheShell) {
  EXPECT_EQ(Complete({"events", "send", ""}), Words{});
  EXPECT_EQ(Complete({"--ca", ""}), Words{});
  EXPECT_EQ(Complete({"nonsense", ""}), Words{});
  EXPECT_EQ(Complete({"pbxs", "sync", "--dry-run", "x", "y", ""}), Words{});
  EXPECT_FALSE(Complete({}).empty());
}

TEST_F(Completion, TheVersionIsSaidInOneLine) {
  EXPECT_EQ(Run({"--version"}), kExitOk);
  EXPECT_EQ(out_.str().rfind("retentionctl ", 0), 0u);
  EXPECT_EQ(out_.str().find('\n'), out_.str().size() - 1);
}

}  // namespace
}  // namespace retention
