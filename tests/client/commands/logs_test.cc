#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_session.h"
#include "retention/v1/log_service.pb.h"
#include "tests/client/fake_connection.h"

namespace retention {
namespace {

const char kLine[] =
    R"({"server": "LOG_SERVER_MCU", "severity": "LOG_SEVERITY_ERROR", "time": "2026-03-31T09:00:00Z", "text": "t"})";

class LogCommandsTest : public ::testing::Test {
 protected:
  LogCommandsTest() {
    connection_->log_script = [this](const v1::AppendLogsRequest& batch) -> absl::StatusOr<v1::AppendLogsResponse> {
      requests_.push_back(batch.request_id());
      if (!failures_.empty()) {
        const absl::Status failure = failures_.front();
        failures_.pop_front();
        return failure;
      }
      sizes_.push_back(batch.lines_size());
      v1::AppendLogsResponse answer;
      answer.set_batch_id(batch.batch_id());
      answer.set_accepted(static_cast<uint32_t>(batch.lines_size()));
      return answer;
    };
  }

  int Run(std::vector<std::string> arguments, const std::string& input = "") {
    std::vector<const char*> argv{"retentionctl"};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    std::istringstream in(input);
    out_.str("");
    err_.str("");
    const CommandEnvironment environment{
        in, out_, err_, false, [this](const Target&) { return connection_; }, NotedRetries(&waits_)};
    return RunCommandLine(static_cast<int>(argv.size()), argv.data(), environment);
  }

  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  std::deque<absl::Status> failures_;
  std::vector<int> sizes_;
  std::vector<std::string> requests_;
  std::vector<absl::Duration> waits_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(LogCommandsTest, AppendSendsBatchesAndNamesBadLinesWithoutTheirValues) {
  std::string input = std::string("{\"text\": \"secret\", \"nonsense\": 1}\nno json with a secret\n\n");
  for (int i = 0; i < 2500; ++i) input += std::string(kLine) + "\n";
  EXPECT_EQ(Run({"-o", "csv", "logs", "append", "-"}, input), 1);
  EXPECT_EQ(sizes_, (std::vector<int>{1000, 1000, 500}));
  EXPECT_EQ(std::set<std::string>(requests_.begin(), requests_.end()).size(), 3u);
  EXPECT_EQ(out_.str(), "accepted,past_due,refused\n2500,0,0\n");
  EXPECT_NE(err_.str().find("standard input:1:nonsense: no such field"), std::string::npos) << err_.str();
  EXPECT_NE(err_.str().find("standard input:2:"), std::string::npos) << err_.str();
  EXPECT_EQ(err_.str().find("secret"), std::string::npos);
}

TEST_F(LogCommandsTest, AppendWaitsForAFullQueueAndGivesUpOnWhatIsWrong) {
  failures_ = {RichError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", absl::Seconds(1)),
               RichError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN")};
  EXPECT_EQ(Run({"logs", "append", "-"}, kLine), 0) << err_.str();
  EXPECT_EQ(waits_.size(), 2u);
  EXPECT_EQ(connection_->streams_opened, 3);
  EXPECT_EQ(requests_, std::vector<std::string>(3, requests_[0])) << "what is sent again is the same request";
  EXPECT_FALSE(requests_[0].empty());
  failures_ = {RichError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", {}, "lines")};
  EXPECT_EQ(Run({"logs", "append", "-"}, kLine), 1);
  EXPECT_EQ(waits_.size(), 2u);
}

TEST_F(LogCommandsTest, AppendNamesTheLineOfARejectedOne) {
  connection_->log_script = [](const v1::AppendLogsRequest& batch) {
    v1::AppendLogsResponse answer;
    answer.set_accepted(1);
    auto& rejection = *answer.add_rejections();
    rejection.set_index(1);
    rejection.set_field("time");
    rejection.set_description("required");
    return answer;
  };
  EXPECT_EQ(Run({"-o", "csv", "logs", "append", "-"}, absl::StrCat(kLine, "\n\n", kLine, "\n")), 1);
  EXPECT_NE(err_.str().find("standard input:3:time: required"), std::string::npos) << err_.str();
  EXPECT_EQ(out_.str(), "accepted,past_due,refused\n1,0,1\n");
}

TEST_F(LogCommandsTest, ReadFiltersFollowsPagesAndKeepsTheLimit) {
  connection_->handlers["ReadLogs"] = [](const google::protobuf::Message& message,
                                         google::protobuf::Message* response) {
    const auto& request = static_cast<const v1::ReadLogsRequest&>(message);
    EXPECT_EQ(request.server(), v1::LOG_SERVER_FILE_SHARE);
    EXPECT_EQ(request.min_severity(), v1::LOG_SEVERITY_WARNING);
    EXPECT_EQ(request.start_time().seconds(), 1774947600);
    EXPECT_FALSE(request.has_end_time());
    auto& page = static_cast<v1::ReadLogsResponse&>(*response);
    const bool second = request.page_token() == "two";
    EXPECT_EQ(request.page_size(), second ? 2 : 3);
    for (int i = 0; i < (second ? 2 : 1); ++i) {
      auto& line = *page.add_lines();
      line.set_server(v1::LOG_SERVER_FILE_SHARE);
      line.set_severity(v1::LOG_SEVERITY_ERROR);
      line.mutable_time()->set_seconds(1774947600 + i);
      line.set_text(second ? "later, \x1b[2J" : "first");
    }
    page.set_next_page_token(second ? "three" : "two");
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"logs", "read", "--of", "file-share", "--min-severity", "warning", "--from", "2026-03-31T09:00:00Z",
                 "--limit", "3"}),
            0);
  EXPECT_EQ(out_.str(),
            "TIME (UTC)           SERVER      SEVERITY  TEXT\n"
            "2026-03-31 09:00:00  file-share  error     first\n"
            "2026-03-31 09:00:00  file-share  error     later, \\u001b[2J\n"
            "2026-03-31 09:00:01  file-share  error     later, \\u001b[2J\n");
}

TEST_F(LogCommandsTest, ExtendAndExtensions) {
  v1::LogExtension extension;
  extension.set_server(v1::LOG_SERVER_MCU);
  extension.set_reason("ticket 17");
  extension.mutable_until()->set_year(2026);
  extension.mutable_until()->set_month(4);
  extension.mutable_until()->set_day(20);
  extension.mutable_create_time()->set_seconds(1774947600);
  connection_->handlers["ExtendLogRetention"] = [&](const google::protobuf::Message& message,
                                                    google::protobuf::Message* response) {
    const auto& request = static_cast<const v1::ExtendLogRetentionRequest&>(message);
    EXPECT_EQ(request.server(), extension.server());
    EXPECT_EQ(request.reason(), extension.reason());
    EXPECT_EQ(request.until().day(), 20);
    *static_cast<v1::ExtendLogRetentionResponse&>(*response).mutable_extension() = extension;
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"-o", "csv", "logs", "extend", "mcu", "2026-04-20", "--reason", "ticket 17"}), 0) << err_.str();
  const std::string expected = "server,until,create_time,reason\nmcu,2026-04-20,2026-03-31T09:00:00Z,ticket 17\n";
  EXPECT_EQ(out_.str(), expected);
  v1::ListLogExtensionsResponse all;
  *all.add_extensions() = extension;
  connection_->Answer("ListLogExtensions", all);
  EXPECT_EQ(Run({"-o", "csv", "logs", "extensions"}), 0);
  EXPECT_EQ(out_.str(), expected);
}

TEST_F(LogCommandsTest, WrongUsageExitsWith2) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"logs"},
                                             {"logs", "append"},
                                             {"logs", "read", "--of", "toaster"},
                                             {"logs", "read", "--min-severity", "loud"},
                                             {"logs", "read", "--from", "someday"},
                                             {"logs", "extend", "mcu", "2026-04-20"},
                                             {"logs", "extend", "toaster", "2026-04-20", "--reason", "x"},
                                             {"logs", "extend", "mcu", "someday", "--reason", "x"}}) {
    EXPECT_EQ(Run(wrong), 2) << absl::StrCat(wrong.size());
  }
  EXPECT_EQ(connection_->calls.size(), 0u);
}

}  // namespace
}  // namespace retention
