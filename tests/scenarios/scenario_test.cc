// Runs every scenario of this folder. RETENTION_REWRITE_SCENARIOS=1 writes down the answers that come.
#include "tests/scenarios/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace retention {
namespace {

std::vector<std::string> ScenarioNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(RETENTION_SCENARIOS)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == ".txt" && path.stem() != "CMakeLists") names.push_back(path.stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Scenarios : public ::testing::TestWithParam<std::string> {};

TEST_P(Scenarios, GoAsItIsWritten) {
  const std::string path = std::string(RETENTION_SCENARIOS) + GetParam() + ".txt";
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_EQ(text.substr(0, 2), "# ") << "a scenario begins with the sentence that it proves";
  const std::string told = RunScenario(text);
  EXPECT_EQ(told.find("\n?\n"), std::string::npos) << "a step that makes no sense";
  if (std::getenv("RETENTION_REWRITE_SCENARIOS") != nullptr) {
    std::ofstream(path) << told;
    return;
  }
  EXPECT_EQ(told, text);
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, ::testing::ValuesIn(ScenarioNames()),
                         [](const auto& scenario) { return scenario.param; });

TEST(Scenario, AnAnswerThatIsNotExpectedShows) {
  const std::string text =
      "# A call.\n\nat 2026-03-02T10:00:00+01:00\n\ncall PbxService/GetPbx {\"pbx_id\": \"another\"}\n----\n{}\n";
  EXPECT_EQ(RunScenario(text),
            "# A call.\n\nat 2026-03-02T10:00:00+01:00\n\n"
            "call PbxService/GetPbx {\"pbx_id\": \"another\"}\n----\nNOT_FOUND PBX_UNKNOWN\n");
}

TEST(Scenario, AStepThatMakesNoSenseShows) {
  for (const char* step :
       {"go", "call Nobody/Nothing", "call PbxService/GetPbx {\"no\": 1}", "record\nno event", "at noon"}) {
    const std::string text = std::string("at 2026-03-02T10:00:00+01:00\n\n") + step + "\n";
    EXPECT_NE(RunScenario(text).find("\n----\n?\n"), std::string::npos) << step;
  }
}

}  // namespace
}  // namespace retention
