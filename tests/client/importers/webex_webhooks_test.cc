#include <gtest/gtest.h>

#include "tests/client/importers/imported_files.h"

namespace retention {
namespace {

constexpr char kWebex[] = "webex-webhooks";
constexpr char kSeries[] = "870f51ff287b41be8648412901e0402d";

std::string WebexCallback(const std::string& resource, const std::string& event, const std::string& data) {
  return R"({"resource":")" + resource + R"(","event":")" + event + R"(","created":"2025-12-01T10:00:00Z","data":)" +
         data + "}\n";
}

TEST(WebexWebhooks, Import_MapsTheCourseOfAMeeting) {
  const ImportedEvents imported = ImportFixture("webex.ndjson", kWebex, WithOwner());
  ASSERT_EQ(Payloads(imported),
            "meeting_scheduled@0 meeting_rescheduled@0 meeting_started@1000 participant_joined@2000 "
            "participant_joined@10500 participant_left@30000 participant_reconnected@40000 meeting_ended@60000 "
            "recording_created@20000 meeting_deleted@0 ");
  EXPECT_EQ(imported.events[0].meeting_id(), kSeries);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-01T12:00:00Z");
  EXPECT_EQ(Rfc3339(imported.events[1].meeting_rescheduled().planned_start()), "2026-03-02T08:30:00Z");
  EXPECT_EQ(imported.events[1].meeting_rescheduled().planned_duration().seconds(), 3600);
  EXPECT_EQ(imported.events[2].meeting_id(), std::string(kSeries) + "_I_141562174346451651");
  EXPECT_EQ(imported.events[2].meeting_started().name(), "Lotsenrunde");
  EXPECT_EQ(imported.events[3].participant_joined().email(), "ilse@example.org");
  EXPECT_EQ(imported.events[8].recording_created().recording_id(), "4f914b1dfe3c4d11a61730f18c0f5387");
  EXPECT_EQ(imported.not_imported, (std::map<std::string, int>{{"meetingTranscripts created", 1}}));
  EXPECT_TRUE(imported.left_out.empty());
  EXPECT_EQ(AllText(imported).find("secret"), std::string::npos);
}

TEST(WebexWebhooks, Import_CountsTimeAndReconnections) {
  const ImportedEvents imported = ImportFixture("webex.ndjson", kWebex, WithOwner());
  EXPECT_EQ(Attendance({imported}),
            "560d7b784f5143e3be2fc3064a5c4999_a1 48 1; 560d7b784f5143e3be2fc3064a5c4999_b2 49 0; ");
}

TEST(WebexWebhooks, Import_PlanThatIsMovedForwardStaysTheLatestWithoutATimeOfReceipt) {
  const auto plan = [](const std::string& event, const std::string& hour) {
    return WebexCallback("meetings", event,
                         R"({"id":"s","start":"2026-03-02T)" + hour + R"(:00:00Z","end":"2026-03-02T23:00:00Z"})");
  };
  const ImportedEvents imported = ImportText(plan("created", "09") + plan("updated", "08"), kWebex, {});
  ASSERT_EQ(imported.events.size(), 2);
  EXPECT_EQ(Rfc3339(imported.events[1].meeting_rescheduled().planned_start()), "2026-03-02T08:00:00Z");
  EXPECT_LT(FromTimestamp(imported.events[0].time()), FromTimestamp(imported.events[1].time()));
}

TEST(WebexWebhooks, Import_TimeOfReceiptStandsInForOneThatIsMissing) {
  std::string callback = WebexCallback("meetingParticipants", "joined", R"({"id":"p","meetingId":"i"})");
  callback.replace(0, 1, R"({"received":"2026-03-02T09:00:07Z",)");
  EXPECT_EQ(Payloads(ImportText(callback, kWebex, {})), "participant_joined@7000 ");
}

TEST(WebexWebhooks, Import_FaultsNameLineAndFieldButNoValue) {
  const auto fault = [](const std::string& text) { return LinesLeftOut(ImportText(text, kWebex, {})); };
  EXPECT_EQ(fault(WebexCallback("meetings", "started", R"({"id":"i","start":"Jana"})")),
            "1:data.start: not a time as 2026-03-31T09:00:00Z; ");
  EXPECT_EQ(fault(WebexCallback("meetingParticipants", "left",
                                R"({"meetingId":"i","id":"p","leftTime":"1970-01-01T00:00:00.000Z"})")),
            "1:data.leftTime: not a time as 2026-03-31T09:00:00Z; ");
  EXPECT_EQ(fault(WebexCallback("meetingParticipants", "joined", R"({"id":"p","joinedTime":"2026-03-02T09:00:00Z"})")),
            "1:data.meetingId: missing; ");
  EXPECT_EQ(fault(WebexCallback("meetings", "created", R"({"id":"i","start":"2026-03-02T09:00:00Z"})")),
            "1:data.end: not a time as 2026-03-31T09:00:00Z; ");
}

}  // namespace
}  // namespace retention
