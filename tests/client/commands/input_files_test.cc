// Every command that takes a file says in one line that it cannot be read, and does nothing of what it would do with
// it.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "client/commands/command_session.h"
#include "client/input_stream.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

const std::vector<std::vector<std::string>>& CommandsWithAFile() {
  static const auto& commands = *new std::vector<std::vector<std::string>>{
      {"events", "send"},
      {"events", "import", "--format", "zoom-webhooks"},
      {"events", "import", "--format", "bigbluebutton-xml"},
      {"logs", "append"},
      {"pbxs", "sync"},
      {"policy", "plan"},
      {"policy", "apply", "--yes", "--plan-token", "t"},
  };
  return commands;
}

class InputFiles : public CommandLineTest {
 protected:
  // Runs every command with `file` and expects that it fails with `line`.
  void ExpectThatNoneReads(const std::string& file, const std::string& line) {
    for (std::vector<std::string> command : CommandsWithAFile()) {
      command.push_back(file);
      EXPECT_EQ(Run(command), kExitFailed) << command[0] << " " << command[1];
      EXPECT_EQ(err_.str(), line) << command[0] << " " << command[1];
      EXPECT_EQ(out_.str(), "") << command[0] << " " << command[1];
    }
    EXPECT_EQ(connection_->streams_opened, 0);
  }
};

TEST_F(InputFiles, OneThatIsNotThereIsNamed) {
  const std::string file = TempFile("nothing");
  ExpectThatNoneReads(file, "retentionctl: " + file + ": No such file or directory\n");
}

TEST_F(InputFiles, ADirectoryIsNone) {
  const std::string directory = std::filesystem::path(TempFile("nothing")).parent_path();
  ExpectThatNoneReads(directory, "retentionctl: " + directory + ": Is a directory\n");
}

// Text up to which it can be read, and then an error: what a disk does that fails in the middle of a file.
class BrokenOff {
 public:
  explicit BrokenOff(const std::string& text) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    // Who closes with something unread breaks the connection.
    EXPECT_EQ(::write(ends[0], "x", 1), 1);
    ::close(ends[1]);
    stream_ = std::make_unique<InputStream>(ends[0], /*is_own=*/true);
  }
  InputStream& stream() { return *stream_; }

 private:
  std::unique_ptr<InputStream> stream_;
};

TEST_F(InputFiles, AnErrorInTheMiddleIsSaidAfterWhatCameBeforeWasSent) {
  BrokenOff broken("{\"event_id\":\"e1\",\"meeting_ended\":{}}\n");
  input_ = &broken.stream();
  EXPECT_EQ(Run({"events", "send", "-"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: standard input: Connection reset by peer\n");
  EXPECT_EQ(connection_->events.size(), 1);
}

TEST_F(InputFiles, AnErrorInTheMiddleOfWhatMustBeWholeDoesNothing) {
  for (std::vector<std::string> command : CommandsWithAFile()) {
    if (command[1] == "send" || command[1] == "append") continue;
    BrokenOff broken("{\"pbx_id\":\"p\"}\n");
    input_ = &broken.stream();
    command.push_back("-");
    connection_->handlers["SyncPbx"] = [&](const auto&, auto*) {
      ADD_FAILURE() << "synchronised with half a file";
      return absl::OkStatus();
    };
    EXPECT_EQ(Run(command), kExitFailed) << command[0] << " " << command[1];
    EXPECT_EQ(err_.str(), "retentionctl: standard input: Connection reset by peer\n") << command[0] << command[1];
  }
  EXPECT_EQ(connection_->streams_opened, 0);
}

TEST_F(InputFiles, OneWithoutAnEndIsNotReadToItsEnd) {
  for (std::vector<std::string> command : CommandsWithAFile()) {
    command.push_back("/dev/zero");
    EXPECT_EQ(Run(command), kExitFailed) << command[0] << " " << command[1];
    const std::string what = command[1] == "send"     ? ":1: longer than 64 MiB; the rest was not read"
                             : command[1] == "append" ? ":1: longer than 1 MiB; the rest was not read"
                                                      : ": File too large";
    EXPECT_EQ(err_.str(), "retentionctl: /dev/zero" + what + "\n") << command[0] << " " << command[1];
  }
  EXPECT_TRUE(connection_->calls.empty());
}

TEST_F(InputFiles, ALineThatIsTooLongIsLeftOutAndTheRestIsSent) {
  const std::string file =
      TempFile("events", std::string((4 << 20) + 1, ' ') + "{\n{\"event_id\":\"e\",\"meeting_ended\":{}}");
  EXPECT_EQ(Run({"events", "send", file}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: " + file + ":1: longer than 4 MiB\n");
  EXPECT_EQ(connection_->events.size(), 1);
}

TEST_F(InputFiles, WhatIsNoTextIsNoneOfTheirs) {
  const std::string file = TempFile("binary",
                                    "\x7f"
                                    "ELF\xff\xfe\x01");
  for (std::vector<std::string> command : CommandsWithAFile()) {
    command.push_back(file);
    EXPECT_EQ(Run(command), kExitFailed) << command[0] << " " << command[1];
    EXPECT_NE(err_.str().find(file), std::string::npos) << command[0] << " " << command[1];
    if (command[0] == "policy" || command[0] == "pbxs") {
      EXPECT_EQ(err_.str(), "retentionctl: " + file + ": not a text in UTF-8\n");
    }
  }
  EXPECT_TRUE(connection_->calls.empty());
  EXPECT_TRUE(connection_->events.empty());
}

TEST_F(InputFiles, WhatTheAnswerSaysOfObjectsAndOfSendingAgainIsShown) {
  const std::string file = TempFile("events.jsonl", "{\"event_id\":\"e1\",\"meeting_ended\":{}}\n");
  const auto answers = [](const auto& batch, auto* answers) {
    v1::RecordEventsResponse answer;
    answer.set_batch_id(batch.batch_id());
    answer.mutable_result()->set_objects_ordered_away(3);
    auto* rejection = answer.mutable_result()->add_rejections();
    rejection->set_reason(v1::REJECTION_REASON_POLL_UNKNOWN);
    rejection->set_description("no such poll is held");
    rejection->set_retryable(true);
    answers->push_back(answer);
    return true;
  };
  connection_->streams.push_back({answers});
  EXPECT_EQ(Run({"events", "send", file}), kExitFailed);
  EXPECT_NE(out_.str().find("objects ordered away      3\n"), std::string::npos) << out_.str();
  EXPECT_EQ(err_.str(),
            "retentionctl: " + file + ":1: no such poll is held (poll-unknown; sent again later it may be taken)\n");
  connection_->streams.push_back({answers});
  EXPECT_EQ(Run({"events", "send", file, "-o", "csv"}), kExitFailed);
  EXPECT_NE(out_.str().find("objects_ordered_away,3\n"), std::string::npos) << out_.str();
  connection_->streams.push_back({answers});
  EXPECT_EQ(Run({"events", "send", file, "-o", "json"}), kExitFailed);
  EXPECT_NE(out_.str().find("\"objects_ordered_away\": 3"), std::string::npos) << out_.str();
}

}  // namespace
}  // namespace retention
