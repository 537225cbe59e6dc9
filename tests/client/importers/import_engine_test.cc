// Importers with the engine behind them: what is held after parts of a log is what is held after the whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/client/importers/imported_files.h"
#include "tests/client/importers/platform_logs.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

constexpr int kLogs = 25;

class ImportedInto {
 public:
  explicit ImportedInto(std::string format) : format_(std::move(format)), harness_(absl::FromUnixSeconds(kLogsBegin)) {
    harness_.SyncPbx("pbx", {"1001"});
    harness_.now = absl::FromUnixSeconds(kLogsBegin) + absl::Hours(8);
  }

  v1::RecordResult Take(const Lines& lines) {
    ImportOptions options = WithOwner();
    options.pbx_id = "pbx";
    const ImportedEvents imported = ImportText(FileOf(format_, lines), format_, options);
    if (imported.events.empty()) return {};
    v1::RecordResult result = harness_.Record(imported.events);
    for (const auto& rejection : result.rejections()) {
      // Its poll is in the other part, and so it comes again with the whole.
      EXPECT_EQ(rejection.reason(), v1::REJECTION_REASON_POLL_UNKNOWN) << rejection.DebugString();
    }
    return result;
  }

  // All that a call shows of the meetings; without the names that the engine draws.
  std::string Reads() {
    v1::ListMeetingsRequest list;
    list.set_pbx_id("pbx");
    list.set_page_size(200);
    const auto meetings = harness_.reader().ListMeetings(list, harness_.now);
    EXPECT_TRUE(meetings.ok()) << meetings.status();
    std::vector<std::string> texts;
    for (const v1::Meeting& meeting : meetings->meetings()) {
      v1::GetMeetingRequest get;
      get.set_pbx_id("pbx");
      get.set_meeting_id(meeting.meeting_id());
      get.set_occurrence(meeting.occurrence());
      auto held = harness_.reader().GetMeeting(get, harness_.now);
      EXPECT_TRUE(held.ok()) << held.status();
      held->mutable_meeting()->clear_occurrence();
      std::string text = held->DebugString();
      v1::GetMeetingReportRequest of_report;
      of_report.set_pbx_id("pbx");
      of_report.set_meeting_id(meeting.meeting_id());
      of_report.set_occurrence(meeting.occurrence());
      auto report = harness_.reader().GetMeetingReport(of_report, harness_.now);
      if (report.ok()) {
        report->mutable_report()->clear_occurrence();
        text += report->DebugString();
      }
      texts.push_back(std::move(text));
    }
    std::sort(texts.begin(), texts.end());
    std::string all;
    for (const std::string& text : texts) all += text + "\n";
    for (const CategoryNumber category : {kHistory, kParticipantName, kRecording, kPoll}) {
      all += std::to_string(harness_.Values(category)) + " due " + harness_.DueDayOf(category) + "\n";
    }
    return all;
  }

  Harness& harness() { return harness_; }

 private:
  const std::string format_;
  Harness harness_;
};

class EveryLogHeld : public testing::TestWithParam<std::string> {};

TEST_P(EveryLogHeld, PartsInEitherOrderAndThenTheWholeAreTheWhole) {
  for (uint32_t seed = 0; seed < kLogs; ++seed) {
    Draw draw(seed);
    const Lines log = DrawLog(GetParam(), draw);
    ImportedInto whole(GetParam());
    whole.Take(log);
    const int cut = draw.Below(static_cast<int>(log.size()) + 1);
    const int overlap = draw.Below(cut + 1);
    const Lines head(log.begin(), log.begin() + cut);
    const Lines tail(log.begin() + cut - overlap, log.end());
    for (const bool head_first : {true, false}) {
      ImportedInto parts(GetParam());
      parts.Take(head_first ? head : tail);
      parts.Take(head_first ? tail : head);
      parts.Take(log);
      ASSERT_EQ(parts.Reads(), whole.Reads()) << "seed " << seed << (head_first ? ", head first" : ", tail first");
      EXPECT_EQ(parts.Take(log).accepted(), 0) << "seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Importers, EveryLogHeld,
                         testing::Values("bigbluebutton-webhooks", "jitsi-events", "webex-webhooks", "zoom-webhooks"),
                         [](const auto& format) {
                           std::string name = format.param;
                           std::erase(name, '-');
                           return name;
                         });

// Jill is there by browser from :10 to 10:00, and by telephone in between; the log is cut between the two.
TEST_P(EveryLogHeld, LeaveOfOneDeviceIsNotTheLeaveOfTheOther) {
  Life life = {.start = kLogsBegin};
  life.stays = {{.person = 0, .session = 1, .joined = kLogsBegin + 10, .left = kLogsBegin + 3600},
                {.person = 0, .session = 2, .joined = kLogsBegin + 1800, .left = kLogsBegin + 2400}};
  std::vector<logs::Line> lines;
  if (GetParam() == "zoom-webhooks") logs::AddZoom(life, 0, lines);
  if (GetParam() == "webex-webhooks") logs::AddWebex(life, 0, lines);
  if (GetParam() == "jitsi-events") logs::AddJitsi(life, 0, lines);
  if (GetParam() == "bigbluebutton-webhooks") logs::AddBigBlueButton(life, 0, lines);
  const Lines log = logs::InOrder(std::move(lines));
  for (size_t cut = 0; cut <= log.size(); ++cut) {
    ImportedInto held(GetParam());
    held.Take(Lines(log.begin() + static_cast<long>(cut), log.end()));
    held.Take(Lines(log.begin(), log.begin() + static_cast<long>(cut)));
    v1::ListMeetingsRequest list;
    list.set_pbx_id("pbx");
    const auto meetings = held.harness().reader().ListMeetings(list, held.harness().now);
    ASSERT_EQ(meetings->meetings_size(), 1) << cut;
    EXPECT_EQ(meetings->meetings(0).end_time().seconds(), kLogsBegin + 3600) << cut;
    const auto report = held.harness().Report(meetings->meetings(0).meeting_id());
    ASSERT_EQ(report->participants_size(), 1) << cut;
    EXPECT_EQ(report->participants(0).total_time().seconds(), 3590) << cut;
    EXPECT_EQ(report->participants(0).reconnections(), 1) << cut;
  }
}

}  // namespace
}  // namespace retention
