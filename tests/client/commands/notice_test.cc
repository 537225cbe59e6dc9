// policy notice, check-notice and record; and controllers.
#include <google/protobuf/text_format.h>

#include "absl/strings/match.h"
#include "retention/v1/controller_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"
#include "tests/client/notice/notice_files.h"

namespace retention {
namespace {

class NoticeCommandsTest : public CommandLineTest {
 protected:
  NoticeCommandsTest() {
    const NoticeSource source = DeployedSource();
    v1::GetPolicyResponse policy;
    *policy.mutable_policy() = source.policy;
    policy.mutable_in_force_since()->set_seconds(1767225600);
    connection_->Answer("GetPolicy", policy);
    for (const v1::Controller& controller : source.controllers) *controllers_.add_controllers() = controller;
    connection_->Answer("ListControllers", controllers_);
  }

  v1::ListControllersResponse controllers_;
};

TEST_F(NoticeCommandsTest, WritesTheNoticeInEachForm) {
  ASSERT_EQ(Run({"policy", "notice"}), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StartsWith(out_.str(), "# Datenschutzhinweise")) << out_.str();
  ASSERT_EQ(Run({"policy", "notice", "--lang", "en", "--format", "html", "--controller", "visaas"}), kExitOk);
  EXPECT_TRUE(absl::StartsWith(out_.str(), "<!DOCTYPE html>")) << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "ViSaaS"));
  EXPECT_FALSE(absl::StrContains(out_.str(), "ITM energy"));
  EXPECT_EQ(Run({"policy", "notice", "--format", "tilt"}), kExitFailed) << "of one controller";
  EXPECT_EQ(Run({"policy", "notice", "--format", "tilt", "--controller", "visaas"}), kExitOk) << err_.str();
  EXPECT_EQ(Run({"policy", "notice", "--controller", "nobody"}), kExitFailed);
  EXPECT_EQ(Run({"policy", "record", "--format", "json"}), kExitOk);
  EXPECT_TRUE(absl::StartsWith(out_.str(), "{\n  \"policy_version\": 1")) << out_.str();
}

TEST_F(NoticeCommandsTest, SaysWhomNoNoticeCanBeWrittenOf) {
  controllers_.add_undescribed()->set_controller_id("x");
  connection_->Answer("ListControllers", controllers_);
  ASSERT_EQ(Run({"policy", "notice"}), kExitOk);
  EXPECT_TRUE(absl::StrContains(err_.str(), "left out")) << err_.str();
}

TEST_F(NoticeCommandsTest, CheckExitsWithOneIfTheTextPromisesOtherwise) {
  EXPECT_EQ(Run({"policy", "check-notice", RETENTION_NOTICE_FIXTURES "original_notice.md"}), kExitOk) << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "18 promises, 0 that")) << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "says nothing of: DIAL_IN, CHAT_PROTOCOL")) << out_.str();
  const std::string file = TempFile("notice.md", "# 9\n\n- Aufzeichnungen: 14 Tage nach dem Erstellungsdatum.\n");
  EXPECT_EQ(Run({"policy", "check-notice", file}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(out_.str(), "RECORDING")) << out_.str();
  EXPECT_EQ(Run({"-o", "json", "policy", "check-notice", file}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(out_.str(), "\"line\": 3")) << out_.str();
  EXPECT_EQ(Run({"policy", "check-notice", TempFile("none.md", "Nichts.\n")}), kExitFailed) << "nothing was found";
}

class ControllerCommandsTest : public CommandLineTest {
 protected:
  // A server that knows `known` and takes notes.
  ControllerCommandsTest() {
    connection_->handlers["UpdateController"] = [this](const auto& request, auto* response) {
      v1::UpdateControllerRequest asked;
      asked.CopyFrom(request);
      const std::string& id = asked.controller().controller_id();
      notes_ += (asked.validate_only() ? "try update " : "update ") + id + "\n";
      if (id != "known") return RichError(absl::StatusCode::kNotFound, "CONTROLLER_UNKNOWN");
      v1::UpdateControllerResponse answer;
      *answer.mutable_controller() = asked.controller();
      response->CopyFrom(answer);
      return absl::OkStatus();
    };
    connection_->handlers["CreateController"] = [this](const auto& request, auto* response) {
      v1::CreateControllerRequest asked;
      asked.CopyFrom(request);
      const std::string& id = asked.controller().controller_id();
      notes_ += (asked.validate_only() ? "try create " : "create ") + id + "\n";
      if (id == "wrong")
        return RichError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", {}, "controller.contact");
      v1::CreateControllerResponse answer;
      *answer.mutable_controller() = asked.controller();
      response->CopyFrom(answer);
      return absl::OkStatus();
    };
  }

  std::string notes_;
};

TEST_F(ControllerCommandsTest, ApplyTriesAllBeforeItChangesAny) {
  const std::string good =
      TempFile("c.txtpb", "controllers { controller_id: 'known' }\ncontrollers { controller_id: 'new' }");
  ASSERT_EQ(Run({"controllers", "apply", good}), kExitOk) << err_.str();
  EXPECT_EQ(notes_, "try update known\ntry update new\ntry create new\nupdate known\nupdate new\ncreate new\n");
  notes_.clear();
  ASSERT_EQ(Run({"controllers", "apply", "--dry-run", good}), kExitOk) << err_.str();
  EXPECT_EQ(notes_, "try update known\ntry update new\ntry create new\n");
  EXPECT_TRUE(absl::StrContains(out_.str(), "would be new")) << out_.str();
  notes_.clear();
  const std::string bad =
      TempFile("c.txtpb", "controllers { controller_id: 'known' }\ncontrollers { controller_id: 'wrong' }");
  EXPECT_EQ(Run({"controllers", "apply", bad}), kExitFailed);
  EXPECT_EQ(notes_, "try update known\ntry update wrong\ntry create wrong\n") << "nothing was changed";
  EXPECT_TRUE(absl::StrContains(err_.str(), "controller.contact")) << err_.str();
}

TEST_F(ControllerCommandsTest, ApplyNamesWhatIsWrongInTheFile) {
  EXPECT_EQ(Run({"controllers", "apply", TempFile("c.txtpb", "controllers {\n  name: 'x'\n}")}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), ":2:")) << err_.str();
  EXPECT_EQ(Run({"controllers", "apply",
                 TempFile("c.txtpb", "controllers { controller_id: 'a' } controllers { controller_id: 'a' }")}),
            kExitFailed);
  EXPECT_EQ(Run({"controllers", "apply", TempFile("c.txtpb", "# nobody")}), kExitFailed);
  EXPECT_EQ(notes_, "");
}

TEST_F(ControllerCommandsTest, GetPrintsWhatApplyTakes) {
  v1::GetControllerResponse response;
  response.mutable_controller()->set_controller_id("known");
  response.mutable_controller()->mutable_contact()->set_name("Söhne");
  response.mutable_controller()->set_ledger_id("0123");
  connection_->Answer("GetController", response);
  ASSERT_EQ(Run({"controllers", "get", "known"}), kExitOk) << err_.str();
  v1::ControllerFile file;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(out_.str(), &file)) << out_.str();
  EXPECT_EQ(file.controllers(0).contact().name(), "Söhne");
  EXPECT_TRUE(file.controllers(0).ledger_id().empty());
  EXPECT_TRUE(absl::StrContains(out_.str(), "Söhne")) << "as people read it";
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
