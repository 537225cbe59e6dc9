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
            "participant_joined@10500 participant_left@30000 participant_joined@40000 meeting_ended@60000 "
            "recording_created@20000 meeting_deleted@0 ");
  for (const auto& event : imported.events) EXPECT_EQ(event.meeting_id(), kSeries);
  EXPECT_EQ(imported.events[0].meeting_id(), kSeries);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-01T12:00:00Z");
  EXPECT_EQ(Rfc3339(imported.events[1].meeting_rescheduled().planned_start()), "2026-03-02T08:30:00Z");
  EXPECT_EQ(imported.events[1].meeting_rescheduled().planned_duration().seconds(), 3600);
  EXPECT_EQ(imported.events[0].occurrence_id(), "");
  EXPECT_EQ(imported.events[2].occurrence_id(), std::string(kSeries) + "_I_141562174346451651");
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

std::string WebexPlan(const std::string& event, const std::string& hour, const std::string& received = "") {
  std::string callback = WebexCallback(
      "meetings", event, R"({"id":"s","start":"2026-03-02T)" + hour + R"(:00:00Z","end":"2026-03-02T23:00:00Z"})");
  if (!received.empty()) callback.replace(0, 1, R"({"received":"2026-03-01T)" + received + R"(:00:00Z",)");
  return callback;
}

TEST(WebexWebhooks, Import_PlansCountInTheOrderInWhichTheyWereReceived) {
  const std::string created = WebexPlan("created", "09", "06");
  const std::string updated = WebexPlan("updated", "08", "07");
  const std::string deleted = WebexPlan("deleted", "08", "10");
  const std::string in_order = AllText(ImportText(created + updated + deleted, kWebex, {}));
  EXPECT_EQ(Payloads(ImportText(deleted + created + updated + created, kWebex, {})),
            "meeting_scheduled@0 meeting_rescheduled@0 meeting_deleted@0 ");
  EXPECT_EQ(AllText(ImportText(deleted + created + updated + created, kWebex, {})), in_order);
  EXPECT_EQ(Rfc3339(ImportText(created + created, kWebex, {}).events.back().time()), "2026-03-01T06:00:00Z");
}

TEST(WebexWebhooks, Import_ChangeOfAPlanIsLeftOutWhereNothingSaysWhenItWas) {
  const ImportedEvents imported =
      ImportText(WebexPlan("created", "09") + WebexPlan("updated", "08") + WebexPlan("deleted", "08"), kWebex, {});
  EXPECT_EQ(Payloads(imported), "meeting_scheduled@0 ");
  EXPECT_EQ(LinesLeftOut(imported),
            "2:received: missing: Webex does not say when a plan was changed or deleted; "
            "3:received: missing: Webex does not say when a plan was changed or deleted; ");
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
