#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command_session.h"
#include "retention/v1/pbx_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

TEST_F(CommandLineTest, PbxsSync_SaysWhatWentAndWhatWould) {
  std::vector<v1::SyncPbxRequest> asked;
  v1::SyncPbxResponse answer;
  answer.set_extensions_removed(12);
  for (int i = 0; i < 12; ++i) answer.add_removed_numbers(absl::StrCat(100 + i));
  answer.set_polls_erased(3);
  answer.set_pdfs_erased(4);
  answer.set_removals_need_confirmation(true);
  connection_->handlers["SyncPbx"] = [&](const auto& request, auto* response) {
    asked.emplace_back().CopyFrom(request);
    response->CopyFrom(answer);
    return absl::OkStatus();
  };
  const std::string file = TempFile("pbx.json", R"({"pbx_id": "pbx-1", "controller_id": "c"})");
  EXPECT_EQ(Run({"pbxs", "sync", file, "--dry-run"}), kExitOk) << err_.str();
  EXPECT_EQ(
      out_.str(),
      "PBX    RESULT            EXTENSIONS  REMOVED  NUMBERS                                                      "
      "POLLS ERASED  PDFS ERASED  TO BE CONFIRMED\n"
      "pbx-1  would be updated           0       12  100, 101, 102, 103, 104, 105, 106, 107, 108, 109 and 2 more"
      "             3            4  yes\n");
  EXPECT_TRUE(asked.back().validate_only());
  EXPECT_FALSE(asked.back().confirm_removals());
  answer.mutable_removed_numbers()->DeleteSubrange(2, 10);
  answer.set_extensions_removed(2);
  EXPECT_EQ(Run({"pbxs", "sync", file, "--confirm-removals", "-o", "csv"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "pbx_id,created,extensions,extensions_removed,removed_numbers,polls_erased,pdfs_erased,"
            "removals_need_confirmation\npbx-1,false,0,2,100 101,3,4,true\n");
  EXPECT_FALSE(asked.back().validate_only());
  EXPECT_TRUE(asked.back().confirm_removals());
}

TEST_F(CommandLineTest, PbxsGet_ShowsAllThatIsHeldOfAnExtension) {
  v1::GetPbxResponse held;
  v1::Extension& extension = *held.mutable_pbx()->add_extensions();
  extension.set_number("100");
  extension.set_extension_id("ext-7");
  connection_->Answer("GetPbx", held);
  EXPECT_EQ(Run({"pbxs", "get", "pbx-1", "-o", "csv"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "number,first_name,last_name,email,vanity_url_name,extension_id\n100,,,,,ext-7\n");
  EXPECT_EQ(Run({"pbxs", "get", "pbx-1"}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("ext-7"), std::string::npos);
}

}  // namespace
}  // namespace retention
