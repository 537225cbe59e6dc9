#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

const std::vector<std::string> kTerms = {"--basis", "legal-claims", "--owner",    "Legal", "--reason",
                                         "a claim", "--review",     "2026-06-30", "--end", "2026-12-31"};

class HoldCommandsTest : public CommandLineTest {
 protected:
  int Create(std::vector<std::string> scope) {
    std::vector<std::string> arguments = {"holds", "create", "case-1"};
    arguments.insert(arguments.end(), scope.begin(), scope.end());
    arguments.insert(arguments.end(), kTerms.begin(), kTerms.end());
    return Run(arguments);
  }
  // The scope that the server is sent, as text.
  std::string ScopeSent(const std::vector<std::string>& scope) {
    v1::CreateHoldRequest sent;
    connection_->handlers["CreateHold"] = [&sent](const auto& request, auto* response) {
      sent.CopyFrom(request);
      v1::CreateHoldResponse answer;
      *answer.mutable_hold() = sent.hold();
      response->CopyFrom(answer);
      return absl::OkStatus();
    };
    EXPECT_EQ(Create(scope), kExitOk) << err_.str();
    EXPECT_EQ(sent.hold().basis(), v1::HOLD_BASIS_LEGAL_CLAIMS);
    EXPECT_EQ(ReadableDate(sent.hold().end_date()), "2026-12-31");
    return sent.hold().scope().ShortDebugString();
  }
};

TEST_F(HoldCommandsTest, EveryScopeHasItsOptions) {
  EXPECT_EQ(ScopeSent({"--controller", "c"}), "controller_id: \"c\"");
  EXPECT_EQ(ScopeSent({"--pbx", "p"}), "pbx_id: \"p\"");
  EXPECT_EQ(ScopeSent({"--pbx", "p", "--meeting", "m"}), "meeting { pbx_id: \"p\" meeting_id: \"m\" }");
  EXPECT_EQ(ScopeSent({"--pbx", "p", "--extension", "100"}), "extension { pbx_id: \"p\" number: \"100\" }");
  EXPECT_EQ(ScopeSent({"--pbx", "p", "--extension", "100", "--user"}),
            "subject { extension { pbx_id: \"p\" number: \"100\" } }");
  EXPECT_EQ(ScopeSent({"--controller", "c", "--email", "a@b.c"}), "subject { email: \"a@b.c\" controller_id: \"c\" }");
  EXPECT_EQ(ScopeSent({"--pbx", "p", "--meeting", "m", "--name", "Bob"}),
            "subject { display_name { pbx_id: \"p\" meeting_id: \"m\" name: \"Bob\" } }");
}

TEST_F(HoldCommandsTest, WrongScopesAreUsageErrors) {
  for (const std::vector<std::string>& scope :
       std::vector<std::vector<std::string>>{{},
                                             {"--email", "a@b.c"},
                                             {"--controller", "c", "--pbx", "p"},
                                             {"--controller", "c", "--meeting", "m"},
                                             {"--controller", "c", "--extension", "100"},
                                             {"--pbx", "p", "--name", "Bob"},
                                             {"--pbx", "p", "--user"},
                                             {"--pbx", "p", "--meeting", "m", "--extension", "100"}}) {
    EXPECT_EQ(Create(scope), kExitUsage);
  }
  EXPECT_EQ(Run({"holds", "create", "case-1", "--pbx", "p"}), kExitUsage) << "without its justification";
}

TEST_F(HoldCommandsTest, ShowSaysWhatIsKept) {
  v1::GetHoldResponse response;
  response.mutable_hold()->set_hold_id("case-1");
  response.mutable_hold()->mutable_scope()->set_pbx_id("p");
  response.mutable_hold()->set_basis(v1::HOLD_BASIS_WARRANTY);
  auto* kept = response.add_kept();
  kept->set_category(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  kept->set_rows(2);
  kept->set_values(7);
  connection_->Answer("GetHold", response);
  EXPECT_EQ(Run({"holds", "show", "case-1"}), kExitOk);
  EXPECT_NE(out_.str().find("PBX p"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("participant-name            2       7"), std::string::npos) << out_.str();
}

TEST_F(HoldCommandsTest, ExportWritesALineForEachValueOfEveryPage) {
  int pages = 0;
  connection_->handlers["ExportHold"] = [&](const auto& request, auto* response) {
    v1::ExportHoldRequest asked;
    asked.CopyFrom(request);
    EXPECT_EQ(asked.page_token(), pages == 0 ? "" : "next");
    v1::ExportHoldResponse page;
    page.add_values()->set_text(pages == 0 ? "Alice" : "Bob");
    if (++pages == 1) page.set_next_page_token("next");
    response->CopyFrom(page);
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"holds", "export", "case-1"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "{\"text\":\"Alice\"}\n{\"text\":\"Bob\"}\n");
}

TEST_F(HoldCommandsTest, ExportFailsIfAnythingIsDamaged) {
  v1::ExportHoldResponse page;
  page.set_damaged_rows(2);
  connection_->Answer("ExportHold", page);
  EXPECT_EQ(Run({"holds", "export", "case-1"}), kExitFailed);
}

TEST_F(HoldCommandsTest, ListOfReleasedOnes) {
  v1::ListReleasedHoldsResponse response;
  response.add_holds()->set_ledger_id("0123");
  response.mutable_holds(0)->set_basis(v1::HOLD_BASIS_OFFICIAL_ORDER);
  connection_->Answer("ListReleasedHolds", response);
  EXPECT_EQ(Run({"holds", "list", "--released"}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("official-order"), std::string::npos) << out_.str();
}

TEST_F(HoldCommandsTest, ReleaseIsNotSentTwice) {
  connection_->failures.push_back(absl::DeadlineExceededError("the answer is lost"));
  EXPECT_EQ(Run({"holds", "release", "case-1", "--yes"}), kExitUnavailable);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(HoldCommandsTest, APreviewNamesOneThing) {
  v1::PreviewErasureResponse response;
  auto* names = response.add_categories();
  names->set_category(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  names->set_values_erased(12);
  names->set_values_held(3);
  response.set_orders(2);
  connection_->Answer("PreviewErasure", response);
  EXPECT_EQ(Run({"erasures", "preview", "--pbx", "p", "--meeting", "m"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "CATEGORY          WOULD BE ERASED  HELD\n"
            "participant-name               12     3\n"
            "Erasure orders: 2\n");
  EXPECT_EQ(Run({"erasures", "preview"}), kExitUsage);
  EXPECT_EQ(Run({"erasures", "preview", "--pbx", "p", "--meeting", "m", "--poll", "x"}), kExitUsage);
  EXPECT_EQ(Run({"erasures", "preview", "--pbx", "p", "--object", "o"}), kExitUsage);
}

}  // namespace
}  // namespace retention
