// What cannot be undone is asked for.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

class Confirmation : public CommandLineTest {
 protected:
  Confirmation() : policy_(TempFile("policy.txtpb", "version: 2")) {
    const std::vector<std::string> why = {"--reason", "controller-request"};
    const auto deletion = [&](std::vector<std::string> words) {
      words.insert(words.end(), why.begin(), why.end());
      return words;
    };
    commands_ = {
        {"DeletePbx", deletion({"pbxs", "delete", "p"})},
        {"DeleteExtension", deletion({"extensions", "delete", "p", "1"})},
        {"DeleteMeeting", deletion({"meetings", "delete", "p", "m"})},
        {"DeleteObject", deletion({"recordings", "delete", "p", "m", "o"})},
        {"DeleteObject", deletion({"pdfs", "delete", "p", "m", "o"})},
        {"DeleteObject", deletion({"files", "delete", "p", "m", "o"})},
        {"DeletePoll", deletion({"polls", "delete", "p", "q"})},
        {"DeregisterPbx", {"pbxs", "deregister", "p"}},
        {"RemoveExtension", {"pbxs", "remove-extension", "p", "1"}},
        {"ReportLicence", {"pbxs", "report-licence", "key", "--valid-until", "2026-03-31"}},
        {"DeleteController", {"controllers", "delete", "c"}},
        {"ReleaseHold", {"holds", "release", "h"}},
        {"PruneBackup", {"backup", "prune", "7"}},
        {"ApplyPolicy", {"policy", "apply", policy_, "--plan-token", "t"}},
        {"ConfirmClock", {"clock", "confirm", "2026-03-31T09:00:00Z"}},
        {"ConfirmErasureOrders", {"orders", "confirm", "1", "--outcome", "erased"}},
    };
    for (const auto& [method, words] : commands_) {
      connection_->handlers[method] = [](const auto&, auto*) { return absl::OkStatus(); };
    }
  }

  const std::string policy_;
  std::vector<std::pair<std::string, std::vector<std::string>>> commands_;
};

TEST_F(Confirmation, WhereNobodyCanBeAskedItMustBeGiven) {
  for (auto [method, words] : commands_) {
    EXPECT_EQ(Run(words), kExitUsage) << ::testing::PrintToString(words);
    EXPECT_EQ(err_.str().rfind("retentionctl: --yes: required", 0), 0u) << err_.str();
    EXPECT_TRUE(connection_->calls.empty()) << ::testing::PrintToString(words);
    words.push_back("--yes");
    EXPECT_EQ(Run(words), kExitOk) << err_.str();
    EXPECT_EQ(connection_->calls.size(), 1u) << ::testing::PrintToString(words);
    EXPECT_TRUE(connection_->calls[0].ends_with("/" + method));
    connection_->calls.clear();
  }
}

TEST_F(Confirmation, WhoIsAtATerminalIsAskedWithWhatWillBeDoneAndWhere) {
  in_is_terminal_ = true;
  for (const auto& [method, words] : commands_) {
    for (const char* answer : {"", "\n", "y\n", "no\n", "yes please\n", "YES\n"}) {
      in_.clear();
      in_.str(answer);
      EXPECT_EQ(Run(words), kExitFailed) << answer;
      EXPECT_TRUE(connection_->calls.empty()) << ::testing::PrintToString(words) << answer;
    }
    in_.clear();
    in_.str("yes\n");
    EXPECT_EQ(Run(words), kExitOk) << err_.str();
    EXPECT_EQ(connection_->calls.size(), 1u) << ::testing::PrintToString(words);
    connection_->calls.clear();
  }
  in_.clear();
  in_.str("no\n");
  EXPECT_EQ(Run({"pbxs", "deregister", "p\033[2J", "--server", "localhost:7"}), kExitFailed);
  EXPECT_EQ(err_.str(),
            "retentionctl: \"retentionctl pbxs deregister p\\u001b[2J --server localhost:7\" cannot be undone. Server: "
            "localhost:7\nType yes to go on: retentionctl: not confirmed; nothing was done\n");
}

// A command that ends something for good asks, whoever adds it: by its name it is known.
TEST_F(Confirmation, NoCommandOfSuchANameGoesWithoutIt) {
  int found = 0;
  for (std::vector<std::string> verb : AllVerbs()) {
    static const std::set<std::string> kEnds = {
        "delete", "deregister", "remove-extension", "report-licence", "release", "prune", "apply", "confirm",
        "erase",  "purge",      "destroy",          "remove",         "drop",    "reset"};
    if (!kEnds.contains(verb.back()) || verb[0] == "context") continue;
    ++found;
    verb.push_back("--help");
    EXPECT_EQ(Run(verb), kExitOk);
    EXPECT_NE(out_.str().find("--yes"), std::string::npos) << ::testing::PrintToString(verb);
  }
  const int ask_where_they_replace = 1;  // controllers apply
  EXPECT_EQ(found, static_cast<int>(commands_.size()) + ask_where_they_replace);
}

}  // namespace
}  // namespace retention
