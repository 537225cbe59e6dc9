#include <gtest/gtest.h>

#include "tests/client/importers/imported_files.h"

namespace retention {
namespace {

constexpr char kJitsi[] = "jitsi-events";
constexpr char kIlse[] = "00380324-a840-400d-880f-7ee0933b7556";

std::string OccupantJoined(int second, const std::string& more = "") {
  return R"({"event_name":"muc-occupant-joined","room_jid":"r@c","occupant":{"occupant_jid":"o@m/1","joined_at":)" +
         std::to_string(1772442000 + second) + "}" + more + "}\n";
}

TEST(JitsiEvents, Import_MapsTheMeetingsOfARoomApart) {
  const ImportedEvents imported = ImportFixture("jitsi.ndjson", kJitsi, WithOwner());
  ASSERT_EQ(Payloads(imported),
            "meeting_started@0 participant_joined@1000 participant_joined@5000 participant_left@30000 "
            "participant_joined@40000 meeting_ended@60000 "
            "meeting_started@0 participant_joined@0 participant_left@10000 meeting_ended@10000 ");
  for (const auto& event : imported.events) EXPECT_EQ(event.meeting_id(), "hafen/conference.meet.example.org");
  EXPECT_EQ(imported.events[0].occurrence_id(), "1772442000");
  EXPECT_EQ(imported.events[5].occurrence_id(), "1772442000");
  EXPECT_EQ(imported.events[6].occurrence_id(), "1772528400");
  EXPECT_EQ(imported.events[1].occurrence_id(), "") << "Jitsi does not say it";
  EXPECT_EQ(imported.events[1].connection_id(), imported.events[3].connection_id());
  EXPECT_NE(imported.events[1].connection_id(), imported.events[4].connection_id());
  EXPECT_EQ(imported.events[0].meeting_started().name(), "hafen");
  EXPECT_EQ(imported.events[1].participant_joined().participant_id(), kIlse);
  EXPECT_EQ(imported.events[1].participant_joined().name(), "Ilse Tauwerk");
  EXPECT_EQ(imported.events[1].participant_joined().email(), "ilse@example.org");
  EXPECT_EQ(imported.events[2].participant_joined().participant_id().substr(0, 3), "id-");
  EXPECT_TRUE(imported.left_out.empty());
}

TEST(JitsiEvents, Import_RoomIsKnownFromItsEndAlone) {
  const std::string log =
      OccupantJoined(5) +
      R"({"event_name":"muc-room-destroyed","room_jid":"r@c","created_at":1772442000,"destroyed_at":1772442060})";
  EXPECT_EQ(Payloads(ImportText(log, kJitsi, {})), "meeting_started@0 participant_joined@5000 meeting_ended@60000 ");
}

TEST(JitsiEvents, Import_BreakoutRoomIsAMeetingOfItsOwn) {
  const std::string log =
      R"({"event_name":"muc-room-created","room_jid":"r@c","created_at":1772442000})"
      "\n"
      R"({"event_name":"muc-room-created","room_jid":"r@c","breakout_room_id":"b","created_at":1772442010})"
      "\n" +
      OccupantJoined(5) + OccupantJoined(20, R"(,"breakout_room_id":"b")");
  const ImportedEvents imported = ImportText(log, kJitsi, {});
  ASSERT_EQ(Payloads(imported),
            "meeting_started@0 participant_joined@5000 meeting_started@10000 participant_joined@20000 ");
  EXPECT_EQ(imported.events[1].meeting_id(), "r/c");
  EXPECT_EQ(imported.events[3].meeting_id(), "r/c/b");
}

TEST(JitsiEvents, Import_OccupantsOfARoomWhoseCreationIsInAnotherPartOfTheLogAreTaken) {
  const ImportedEvents imported = ImportText(OccupantJoined(5), kJitsi, {});
  EXPECT_EQ(Payloads(imported), "participant_joined@5000 ");
  EXPECT_TRUE(imported.left_out.empty());
}

TEST(JitsiEvents, Import_FaultsNameLineAndFieldButNoValue) {
  const auto fault = [](const std::string& text) { return LinesLeftOut(ImportText(text, kJitsi, {})); };
  EXPECT_EQ(fault(R"({"event_name":"muc-room-created","created_at":1772442000})"), "1:room_jid: missing; ");
  EXPECT_EQ(fault(R"({"event_name":"muc-room-created","room_jid":"r@c","created_at":"Jana"})"),
            "1:created_at: not epoch seconds; ");
  EXPECT_EQ(fault(R"({"event_name":"muc-occupant-joined","room_jid":"r@c","occupant":{"joined_at":1772442000}})"),
            "1:occupant.occupant_jid: missing; ");
}

}  // namespace
}  // namespace retention
