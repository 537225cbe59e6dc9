#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/controller_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

// A server that knows the controller `known`, called "Old", and takes no name "Wrong".
class ControllerCommandsTest : public CommandLineTest {
 protected:
  ControllerCommandsTest() {
    connection_->handlers["GetController"] = [](const auto& request, auto* response) {
      v1::GetControllerRequest asked;
      asked.CopyFrom(request);
      if (asked.controller_id() != "known") return RichError(absl::StatusCode::kNotFound, "CONTROLLER_UNKNOWN");
      v1::GetControllerResponse answer;
      answer.mutable_controller()->set_controller_id("known");
      answer.mutable_controller()->mutable_contact()->set_name("Old");
      answer.mutable_controller()->set_ledger_id("0123456789abcdef");
      response->CopyFrom(answer);
      return absl::OkStatus();
    };
    connection_->handlers["CreateController"] = [this](const auto& request, auto* response) {
      return Take<v1::CreateControllerRequest, v1::CreateControllerResponse>("create", request, *response);
    };
    connection_->handlers["UpdateController"] = [this](const auto& request, auto* response) {
      return Take<v1::UpdateControllerRequest, v1::UpdateControllerResponse>("update", request, *response);
    };
  }

  static std::string Described(const std::string& id, const std::string& name) {
    return absl::StrCat("controllers { controller_id: '", id, "' contact { name: '", name, "' } }\n");
  }
  int Apply(const std::string& text, const std::vector<std::string>& more = {}) {
    calls_.clear();
    std::vector<std::string> arguments = {"controllers", "apply", TempFile("controllers.txtpb", text)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }

  std::vector<std::string> calls_;

 private:
  template <typename Request, typename Response>
  absl::Status Take(const char* call, const google::protobuf::Message& message, google::protobuf::Message& response) {
    Request request;
    request.CopyFrom(message);
    if (request.controller().contact().name() == "Wrong") {
      return RichError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD");
    }
    calls_.push_back(
        absl::StrCat(request.validate_only() ? "try " : "", call, " ", request.controller().controller_id()));
    Response answer;
    *answer.mutable_controller() = request.controller();
    response.CopyFrom(answer);
    return absl::OkStatus();
  }
};

TEST_F(ControllerCommandsTest, AllOfAFileIsTriedBeforeAnyOfItChanges) {
  EXPECT_EQ(Apply(Described("new", "New") + Described("known", "Other"), {"--yes"}), kExitOk) << err_.str();
  EXPECT_EQ(calls_, (std::vector<std::string>{"try create new", "try update known", "create new", "update known"}));
  EXPECT_EQ(Apply(Described("new", "New") + Described("known", "Wrong"), {"--yes"}), kExitFailed);
  EXPECT_EQ(calls_, std::vector<std::string>{"try create new"});
  EXPECT_TRUE(absl::StrContains(err_.str(), "known:")) << err_.str();
  EXPECT_EQ(Apply(Described("new", "New"), {"--dry-run"}), kExitOk) << err_.str();
  EXPECT_EQ(calls_, std::vector<std::string>{"try create new"});
  EXPECT_TRUE(absl::StrContains(out_.str(), "would be new")) << out_.str();
}

TEST_F(ControllerCommandsTest, AsksBeforeItReplacesWhatIsDescribed) {
  EXPECT_EQ(Apply(Described("new", "New") + Described("known", "Other")), kExitUsage);
  EXPECT_EQ(calls_, (std::vector<std::string>{"try create new", "try update known"}));
  EXPECT_TRUE(out_.str().empty()) << out_.str();
  EXPECT_EQ(Apply(Described("known", "Other"), {"--dry-run"}), kExitOk) << err_.str();
  EXPECT_EQ(Apply(Described("new", "New")), kExitOk) << err_.str();
}

TEST_F(ControllerCommandsTest, WhatIsDescribedSoAlreadyIsUnchanged) {
  EXPECT_EQ(Apply(Described("known", "Old")), kExitOk) << err_.str();
  EXPECT_TRUE(calls_.empty());
  EXPECT_TRUE(absl::StrContains(out_.str(), "unchanged")) << out_.str();
}

TEST_F(ControllerCommandsTest, AFileThatIsNoneIsNamedWithItsLine) {
  EXPECT_EQ(Apply("controllers {\n  bogus: 1\n}\n"), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), ".txtpb:2:")) << err_.str();
  EXPECT_EQ(Apply("# nothing\n"), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), "no controllers")) << err_.str();
  EXPECT_EQ(Apply(Described("a", "A") + Described("a", "B")), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), "a is there twice")) << err_.str();
  EXPECT_TRUE(calls_.empty());
}

TEST_F(ControllerCommandsTest, GetIsWhatApplyTakes) {
  EXPECT_EQ(Run({"controllers", "get", "known"}), kExitOk) << err_.str();
  const std::string text = out_.str();
  EXPECT_FALSE(absl::StrContains(text, "ledger_id")) << text;
  EXPECT_EQ(Apply(text), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "unchanged")) << out_.str();
}

TEST_F(ControllerCommandsTest, ListNamesThoseThatNobodyHasDescribed) {
  v1::ListControllersResponse response;
  response.add_controllers()->set_controller_id("known");
  response.add_undescribed()->set_controller_id("west");
  response.mutable_undescribed(0)->set_pbx_count(3);
  connection_->Answer("ListControllers", response);
  ASSERT_EQ(Run({"controllers", "list"}), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "west")) << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "not described")) << out_.str();
}

}  // namespace
}  // namespace retention
