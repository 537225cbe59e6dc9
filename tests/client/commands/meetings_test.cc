// retentionctl meetings watch-reports, and the order of lists.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/human_units.h"
#include "retention/v1/meeting_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

v1::WatchReportsResponse NoticesOf(const std::vector<uint64_t>& ids) {
  v1::WatchReportsResponse message;
  for (const uint64_t id : ids) {
    v1::ReportNotice& notice = *message.add_notices();
    notice.set_notice_id(id);
    notice.set_kind(id % 2 == 0 ? v1::REPORT_NOTICE_KIND_NAMES_LEAVING : v1::REPORT_NOTICE_KIND_COMPLETE);
    notice.set_pbx_id("pbx-1");
    notice.set_meeting_id(absl::StrCat("m", id));
    notice.set_occurrence("0123456789abcdef");
    *notice.mutable_end_time() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
    notice.set_end_presumed(id == 3);
    if (id == 2) *notice.mutable_names_leave_time() = ToTimestamp(*ParseTime("2026-04-07T22:00:00Z"));
  }
  return message;
}

class MeetingCommandsTest : public CommandLineTest {};

TEST_F(MeetingCommandsTest, WatchReports_Golden) {
  const FakeReportWatchScript script{{NoticesOf({1, 2}), NoticesOf({3})}, absl::OkStatus()};
  connection_->report_watches.assign(2, script);
  EXPECT_EQ(Run({"meetings", "watch-reports", "--once", "--after", "9", "--pbx", "pbx-1"}), kExitOk);
  EXPECT_EQ(
      out_.str(),
      "NOTICE  REPORT         PBX    MEETING  OCCURRENCE        END (UTC)            END IS    NAMES LEAVE (UTC)\n"
      "     1  complete       pbx-1  m1       0123456789abcdef  2026-03-31 09:00:00  reported  -\n"
      "     2  names-leaving  pbx-1  m2       0123456789abcdef  2026-03-31 09:00:00  reported  2026-04-07 22:00:00\n"
      "     3  complete  pbx-1  m3       0123456789abcdef  2026-03-31 09:00:00  presumed  -\n");
  ASSERT_EQ(connection_->report_watch_requests.size(), 1u);
  EXPECT_EQ(connection_->report_watch_requests[0].after_notice_id(), 9u);
  EXPECT_EQ(connection_->report_watch_requests[0].pbx_id(), "pbx-1");
  EXPECT_TRUE(connection_->report_watch_requests[0].once());
  EXPECT_EQ(Run({"-o", "json", "meetings", "watch-reports", "--once"}), kExitOk);
  const std::string lines = out_.str();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
}

TEST_F(MeetingCommandsTest, WatchReports_ABrokenStreamGoesOnAfterTheLastNoticeThatCame) {
  connection_->report_watches = {{{NoticesOf({1, 2})}, absl::UnavailableError("gone")},
                                 {{NoticesOf({3})}, absl::UnavailableError("gone")},
                                 {{}, absl::InvalidArgumentError("enough")}};
  EXPECT_EQ(Run({"-o", "csv", "meetings", "watch-reports"}), kExitFailed);
  ASSERT_EQ(connection_->report_watch_requests.size(), 3u);
  EXPECT_EQ(connection_->report_watch_requests[0].after_notice_id(), 0u);
  EXPECT_EQ(connection_->report_watch_requests[1].after_notice_id(), 2u);
  EXPECT_EQ(connection_->report_watch_requests[2].after_notice_id(), 3u);
}

// As JSON it can be read; in a table or as CSV nothing else would say it.
TEST_F(MeetingCommandsTest, List_ThatLacksSomethingSaysSoAndFails) {
  for (const char* format : {"table", "csv", "json"}) {
    v1::ListMeetingsResponse response;
    response.set_incomplete(true);
    connection_->Answer("ListMeetings", response);
    EXPECT_EQ(Run({"-o", format, "meetings", "list", "pbx-1"}), kExitFailed);
    EXPECT_NE(err_.str().find("the list is incomplete"), std::string::npos) << err_.str();
    response.set_incomplete(false);
    response.add_meetings()->set_unreadable(true);
    connection_->Answer("ListMeetings", response);
    EXPECT_EQ(Run({"-o", format, "meetings", "list", "pbx-1"}), kExitFailed);
    EXPECT_NE(err_.str().find("is damaged"), std::string::npos) << err_.str();
  }
}

TEST_F(MeetingCommandsTest, List_InEitherOrder) {
  std::vector<std::string> orders;
  connection_->handlers["ListMeetings"] = [&](const auto& request, auto*) {
    orders.push_back(dynamic_cast<const v1::ListMeetingsRequest&>(request).order_by());
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"meetings", "list", "pbx-1"}), kExitOk);
  EXPECT_EQ(Run({"meetings", "list", "pbx-1", "--newest-first"}), kExitOk);
  EXPECT_EQ(orders, (std::vector<std::string>{"begin_time", "begin_time desc"}));
}

}  // namespace
}  // namespace retention
