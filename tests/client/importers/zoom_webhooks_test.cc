#include <gtest/gtest.h>

#include "tests/client/importers/imported_files.h"

namespace retention {
namespace {

constexpr char kZoom[] = "zoom-webhooks";

std::string ZoomCallback(const std::string& event, const std::string& object, const std::string& more = "") {
  return R"({"event":")" + event + R"(","event_ts":1772442000000,"payload":{"object":)" + object + more + "}}\n";
}

TEST(ZoomWebhooks, Import_MapsTheCourseOfAMeeting) {
  const ImportedEvents imported = ImportFixture("zoom.ndjson", kZoom, WithOwner());
  ASSERT_EQ(Payloads(imported),
            "meeting_scheduled@0 meeting_rescheduled@0 meeting_started@0 participant_joined@2000 "
            "participant_joined@10000 participant_left@30000 participant_reconnected@40000 meeting_ended@60000 "
            "recording_created@90000 meeting_deleted@21000 ");
  for (const auto& event : imported.events) EXPECT_EQ(event.meeting_id(), "4444AAAiAAAAAiAiAiiAii==");
  EXPECT_EQ(imported.events[0].meeting_scheduled().name(), "Werftgespräch");
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-02T08:00:00Z");
  EXPECT_EQ(imported.events[0].meeting_scheduled().planned_duration().seconds(), 3600);
  EXPECT_EQ(Rfc3339(imported.events[1].meeting_rescheduled().planned_start()), "2026-03-02T09:05:00Z");
  EXPECT_EQ(imported.events[1].meeting_rescheduled().planned_duration().seconds(), 3600);
  EXPECT_EQ(imported.events[3].participant_joined().participant_id(), "iFxeBPYun6SAiWUzBcEkX");
  EXPECT_EQ(imported.events[3].participant_joined().email(), "ilse@example.org");
  EXPECT_EQ(imported.events[4].participant_joined().participant_id(), "66666AAAiAAAAAiAiAiiAii");
  EXPECT_EQ(imported.events[8].recording_created().recording_id(), "ed6c2f27-2ae7-42f4-b3d0-835b493e4fa8");
  EXPECT_TRUE(imported.left_out.empty());
}

TEST(ZoomWebhooks, Import_CountsTimeAndReconnectionsOfAPersonOverSessions) {
  const ImportedEvents imported = ImportFixture("zoom.ndjson", kZoom, WithOwner());
  EXPECT_EQ(Attendance({imported}), "66666AAAiAAAAAiAiAiiAii 50 0; iFxeBPYun6SAiWUzBcEkX 48 1; ");
}

TEST(ZoomWebhooks, Import_LeavesOutLinksNumbersFileNamesAndSingleOccurrences) {
  const ImportedEvents imported = ImportFixture("zoom.ndjson", kZoom, WithOwner());
  for (const char* absent : {"secret", "5550100", "Tauwerk.mp4", "host@"}) {
    EXPECT_EQ(AllText(imported).find(absent), std::string::npos) << absent;
  }
  EXPECT_EQ(imported.not_imported, (std::map<std::string, int>{{"deletion of one occurrence", 1},
                                                               {"endpoint.url_validation", 1},
                                                               {"meeting.sharing_started", 1},
                                                               {"plan without a date", 1},
                                                               {"recording file without an identifier", 1}}));
}

TEST(ZoomWebhooks, Import_OldCallbackWithoutTimeHappenedWhenItWasSent) {
  const ImportedEvents imported =
      ImportText(ZoomCallback("meeting.participant_left", R"({"uuid":"u","participant":{"user_id":"1"}})"), kZoom, {});
  ASSERT_EQ(imported.events.size(), 1);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-02T09:00:00Z");
}

TEST(ZoomWebhooks, Import_FaultsNameLineAndFieldButNoValue) {
  const auto fault = [](const std::string& text) { return LinesLeftOut(ImportText(text, kZoom, {})); };
  EXPECT_EQ(fault(ZoomCallback("meeting.started", R"({"uuid":"u","start_time":"Jana"})")),
            "1:payload.object.start_time: not a time as 2026-03-31T09:00:00Z; ");
  EXPECT_EQ(fault(ZoomCallback("meeting.updated", R"({"id":7,"start_time":"2026-03-02T09:05:00Z"})")),
            "1:payload.object.uuid: missing, and no line of this file says it for payload.object.id; ");
  EXPECT_EQ(fault(ZoomCallback("meeting.participant_joined", R"({"uuid":"u","participant":{"user_name":"Jana"}})")),
            "1:payload.object.participant.user_id: missing; ");
  EXPECT_EQ(fault(R"({"event":"meeting.deleted","payload":{"object":{"uuid":"u"}}})"),
            "1:event_ts: not epoch milliseconds; ");
}

}  // namespace
}  // namespace retention
