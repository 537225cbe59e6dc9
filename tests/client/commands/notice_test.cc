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
  EXPECT_EQ(Run({"policy", "notice", "--controller", "visaas", "--controller", "nobody"}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), "controller nobody is not described")) << err_.str();
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
  EXPECT_TRUE(absl::StrContains(out_.str(), "promises nothing of: DIAL_IN, CHAT_PROTOCOL")) << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "not compared: controllers")) << out_.str();
  const std::string file = TempFile("notice.md", "# 9\n\n- Aufzeichnungen: 14 Tage nach dem Erstellungsdatum.\n");
  EXPECT_EQ(Run({"policy", "check-notice", file}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(out_.str(), "RECORDING")) << out_.str();
  EXPECT_EQ(Run({"-o", "json", "policy", "check-notice", file}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(out_.str(), "\"line\": 3")) << out_.str();
  EXPECT_EQ(Run({"policy", "check-notice", TempFile("none.md", "Nichts.\n")}), kExitFailed) << "nothing was found";
}

TEST_F(NoticeCommandsTest, CheckExitsWithOneIfASentenceIsUnclearUnlessThatIsAllowed) {
  const std::string file = TempFile(
      "notice.md", "- Aufzeichnungen: 7 Tage nach dem Erstellungsdatum.\n- Umfragen: 30 Werktage aufbewahrt.\n");
  EXPECT_EQ(Run({"policy", "check-notice", file}), kExitFailed);
  EXPECT_TRUE(absl::StrContains(out_.str(), "line 2: unclear: Umfragen: 30 Werktage aufbewahrt.")) << out_.str();
  EXPECT_EQ(Run({"policy", "check-notice", "--allow-unclear", file}), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "line 2: unclear")) << out_.str();
}

}  // namespace
}  // namespace retention
