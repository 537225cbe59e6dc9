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
            "meeting_scheduled@0 meeting_rescheduled@0 meeting_started@0 "
            "recording_created@1000 participant_joined@2000 participant_joined@10000 participant_left@30000 "
            "participant_joined@40000 meeting_ended@60000 meeting_deleted@21000 ");
  for (const auto& event : imported.events) {
    EXPECT_EQ(event.meeting_id(), "81234567890");
    const bool is_of_room =
        event.has_meeting_scheduled() || event.has_meeting_rescheduled() || event.has_meeting_deleted();
    EXPECT_EQ(event.occurrence_id(), is_of_room ? "" : "4444AAAiAAAAAiAiAiiAii==");
  }
  EXPECT_EQ(imported.events[0].meeting_scheduled().name(), "Werftgespräch");
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-02T08:00:00Z");
  EXPECT_EQ(imported.events[0].meeting_scheduled().planned_duration().seconds(), 3600);
  EXPECT_EQ(Rfc3339(imported.events[1].meeting_rescheduled().planned_start()), "2026-03-02T09:05:00Z");
  EXPECT_EQ(imported.events[1].meeting_rescheduled().planned_duration().seconds(), 3600);
  EXPECT_EQ(imported.events[3].recording_created().recording_id(), "ed6c2f27-2ae7-42f4-b3d0-835b493e4fa8");
  EXPECT_EQ(imported.events[3].recording_created().object_ref(),
            "zoom/4444AAAiAAAAAiAiAiiAii==/ed6c2f27-2ae7-42f4-b3d0-835b493e4fa8");
  EXPECT_EQ(imported.events[4].participant_joined().participant_id(), "iFxeBPYun6SAiWUzBcEkX");
  EXPECT_EQ(imported.events[4].participant_joined().email(), "ilse@example.org");
  EXPECT_EQ(imported.events[4].connection_id(), "16778240");
  EXPECT_EQ(imported.events[5].participant_joined().participant_id(), "66666AAAiAAAAAiAiAiiAii");
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

// A series (type 8) may say its dates in `occurrences` alone, in any order.
TEST(ZoomWebhooks, Import_OfASeriesWithoutADateOfItsOwnTheFirstOccurrenceIsPlanned) {
  const ImportedEvents imported = ImportText(
      ZoomCallback("meeting.created", R"({"id":7,"uuid":"u","type":8,"duration":60,"occurrences":[)"
                                      R"({"occurrence_id":"2","start_time":"2026-03-10T09:00:00Z","duration":45},)"
                                      R"({"occurrence_id":"1","start_time":"2026-03-03T09:00:00Z","duration":30}]})"),
      kZoom, {});
  ASSERT_EQ(imported.events.size(), 1u);
  EXPECT_TRUE(imported.not_imported.empty());
  EXPECT_EQ(Rfc3339(imported.events[0].meeting_scheduled().planned_start()), "2026-03-03T09:00:00Z");
  EXPECT_EQ(imported.events[0].meeting_scheduled().planned_duration().seconds(), 1800);
}

TEST(ZoomWebhooks, Import_DeletionThatListsOccurrencesIsNotOfTheRoom) {
  const std::string listed = R"({"id":7,"uuid":"u","type":8,"occurrences":[{"occurrence_id":"1"}]})";
  const ImportedEvents some = ImportText(ZoomCallback("meeting.deleted", listed), kZoom, {});
  EXPECT_TRUE(some.events.empty());
  EXPECT_EQ(some.not_imported, (std::map<std::string, int>{{"deletion of one occurrence", 1}}));
  const ImportedEvents all = ImportText(ZoomCallback("meeting.deleted", listed, R"(,"operation":"all")"), kZoom, {});
  ASSERT_EQ(all.events.size(), 1u);
  EXPECT_TRUE(all.events[0].has_meeting_deleted());
}

TEST(ZoomWebhooks, Import_OldCallbackWithoutTimeHappenedWhenItWasSent) {
  const ImportedEvents imported =
      ImportText(ZoomCallback("meeting.participant_left", R"({"uuid":"u","participant":{"user_id":"1"}})"), kZoom, {});
  ASSERT_EQ(imported.events.size(), 1);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-02T09:00:00Z");
}

// "2026-03-02T09:05:00Z 3600"
std::string ZoomNewPlan(const ImportedEvents& imported) {
  const v1::MeetingRescheduled& plan = imported.events.back().meeting_rescheduled();
  return Rfc3339(plan.planned_start()) + " " + std::to_string(plan.planned_duration().seconds());
}

std::string At(int second, std::string callback) {
  callback.replace(callback.find("1772442000000"), 13, std::to_string(1772442000 + second) + "000");
  return callback;
}

TEST(ZoomWebhooks, Import_UpdateChangesWhatItSaysAndNothingElse) {
  const std::string created = At(
      0, ZoomCallback("meeting.created", R"({"id":7,"uuid":"u","start_time":"2026-03-04T09:00:00Z","duration":60})"));
  const std::string moved = At(10, ZoomCallback("meeting.updated", R"({"id":7,"start_time":"2026-03-05T09:00:00Z"})"));
  const std::string shorter = At(20, ZoomCallback("meeting.updated", R"({"id":7,"duration":30})"));
  EXPECT_EQ(ZoomNewPlan(ImportText(created + moved, kZoom, {})), "2026-03-05T09:00:00Z 3600");
  EXPECT_EQ(ZoomNewPlan(ImportText(shorter + moved + created, kZoom, {})), "2026-03-05T09:00:00Z 1800");
  EXPECT_EQ(ZoomNewPlan(ImportText(created + shorter, kZoom, {})), "2026-03-04T09:00:00Z 1800");
  // What it was before, the line itself may say.
  const std::string with_old = ZoomCallback("meeting.updated", R"({"id":7,"start_time":"2026-03-05T09:00:00Z"})",
                                            R"(,"old_object":{"id":7,"duration":45})");
  EXPECT_EQ(ZoomNewPlan(ImportText(with_old, kZoom, {})), "2026-03-05T09:00:00Z 2700");
}

TEST(ZoomWebhooks, Import_PlanThatTheFileDoesNotTellIsNamedAndLeftOut) {
  const auto left_out = [](const std::string& object) {
    const ImportedEvents imported = ImportText(ZoomCallback("meeting.updated", object), kZoom, {});
    EXPECT_TRUE(imported.events.empty());
    return LinesLeftOut(imported);
  };
  EXPECT_EQ(left_out(R"({"id":7,"start_time":"2026-03-02T09:05:00Z"})"),
            "1:payload.object.duration: missing, and no earlier plan in this file says it; ");
  EXPECT_EQ(left_out(R"({"id":7,"duration":30})"),
            "1:payload.object.start_time: missing, and no earlier plan in this file says it; ");
}

TEST(ZoomWebhooks, Import_RecordingIsOfTheTimeAtWhichItWasMade) {
  const ImportedEvents imported = ImportText(
      ZoomCallback(
          "recording.completed",
          R"({"id":7,"uuid":"/a//b","recording_files":[)"
          R"({"id":"1","recording_start":"2026-03-01T22:00:00Z","recording_end":"2026-03-01T23:00:00Z"},)"
          R"({"id":"2","recording_end":"2026-03-01T23:00:00Z"},{"id":"3"},{"id":"4","recording_start":"Jana"}]})"),
      kZoom, {});
  ASSERT_EQ(imported.events.size(), 3);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-01T22:00:00Z");
  EXPECT_EQ(Rfc3339(imported.events[1].time()), "2026-03-01T23:00:00Z");
  EXPECT_EQ(Rfc3339(imported.events[2].time()), "2026-03-02T09:00:00Z");
  EXPECT_EQ(imported.events[0].recording_created().object_ref(), "zoom/%2Fa%2F%2Fb/1");
  EXPECT_EQ(LinesLeftOut(imported),
            "1:payload.object.recording_files[3].recording_start: not a time as 2026-03-31T09:00:00Z; ");
}

TEST(ZoomWebhooks, Import_CallbackWithoutANumberIsOfTheRoomOfItsSitting) {
  const std::string without = ZoomCallback("meeting.ended", R"({"uuid":"u"})");
  EXPECT_EQ(ImportText(without, kZoom, {}).events[0].meeting_id(), "u");
  EXPECT_EQ(ImportText(without + ZoomCallback("meeting.started", R"({"id":7,"uuid":"u"})"), kZoom, {})
                .events.back()
                .meeting_id(),
            "7");
}

TEST(ZoomWebhooks, Import_FaultsNameLineAndFieldButNoValue) {
  const auto fault = [](const std::string& text) { return LinesLeftOut(ImportText(text, kZoom, {})); };
  EXPECT_EQ(fault(ZoomCallback("meeting.started", R"({"uuid":"u","start_time":"Jana"})")),
            "1:payload.object.start_time: not a time as 2026-03-31T09:00:00Z; ");
  EXPECT_EQ(fault(ZoomCallback("meeting.updated", R"({"start_time":"2026-03-02T09:05:00Z"})")),
            "1:payload.object.id: missing; ");
  EXPECT_EQ(fault(ZoomCallback("meeting.participant_joined", R"({"uuid":"u","participant":{"user_name":"Jana"}})")),
            "1:payload.object.participant.user_id: missing; ");
  EXPECT_EQ(fault(R"({"event":"meeting.deleted","payload":{"object":{"uuid":"u"}}})"),
            "1:event_ts: not epoch milliseconds; ");
}

}  // namespace
}  // namespace retention
