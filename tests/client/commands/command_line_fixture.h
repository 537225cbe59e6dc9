// retentionctl against a connection that answers as a test tells it to.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "client/commands/all_commands.h"
#include "client/commands/command_session.h"
#include "tests/client/fake_connection.h"

namespace retention {

class CommandLineTest : public ::testing::Test {
 protected:
  // Runs `retentionctl arguments...` against the fake connection.
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "retentionctl");
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    out_.str("");
    err_.str("");
    CommandEnvironment environment{*input_,
                                   out_,
                                   err_,
                                   terminal_,
                                   [this](const Target& target) -> absl::StatusOr<std::shared_ptr<Connection>> {
                                     target_ = target;
                                     if (absl::Status status = CheckTarget(target).status(); !status.ok())
                                       return status;
                                     return connection_;
                                   },
                                   NotedRetries(&waits_)};
    environment.in_is_terminal = in_is_terminal_;
    environment.context_file = context_file_;
    return RunCommandLine(static_cast<int>(argv.size()), argv.data(), environment);
  }

  // A path in a directory that is this test's alone, even beside another run of it.
  std::string TempFile(const std::string& name, const std::string& content = "") {
    std::string directory = ::testing::TempDir() + "/command_line_test_XXXXXX";
    EXPECT_NE(mkdtemp(directory.data()), nullptr);
    directories_.push_back(directory);
    if (!content.empty()) std::ofstream(directory + "/" + name) << content;
    return directory + "/" + name;
  }

  ~CommandLineTest() override {
    for (const auto& directory : directories_) std::filesystem::remove_all(directory);
  }

  std::vector<std::string> directories_;
  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  std::vector<absl::Duration> waits_;
  std::istringstream in_;
  std::istream* input_ = &in_;
  std::ostringstream out_;
  std::ostringstream err_;
  bool terminal_ = false;
  bool in_is_terminal_ = false;
  std::string context_file_;
  Target target_;
};

}  // namespace retention
