#include "client/importers/meeting_import.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "client/commands/event_json.h"
#include "client/human_units.h"
#include "retention/v1/event.pb.h"

namespace retention {
namespace {

constexpr char kFixtures[] = RETENTION_CLIENT_FIXTURES;

ImportOptions WithOwner() {
  ImportOptions options;
  options.owner_extension = "1001";
  return options;
}

ImportedEvents Import(const std::string& file, const ImportOptions& options) {
  std::ifstream input(kFixtures + file);
  auto imported =
      file.ends_with(".xml") ? ImportBigBlueButtonXml(input, options) : ImportBigBlueButtonWebhooks(input, options);
  EXPECT_TRUE(imported.ok()) << imported.status();
  return imported.ok() ? *imported : ImportedEvents();
}

std::string Payloads(const ImportedEvents& imported) {
  std::string text;
  for (const auto& event : imported.events) {
    const auto* oneof = v1::Event::descriptor()->FindOneofByName("payload");
    text += event.GetReflection()->GetOneofFieldDescriptor(event, oneof)->name() + "@" +
            std::to_string(ToUnixMillis(FromTimestamp(event.time())) % 100000) + " ";
  }
  return text;
}

std::string AllText(const ImportedEvents& imported) {
  std::string text;
  for (const auto& event : imported.events) text += EventLine(event) + "\n";
  return text;
}

TEST(BigBlueButtonWebhooks, Import_MapsTheCourseOfAMeeting) {
  const ImportedEvents imported = Import("webhooks.ndjson", WithOwner());
  EXPECT_EQ(Payloads(imported),
            "meeting_scheduled@0 meeting_started@0 dial_in_assigned@0 participant_joined@1000 participant_joined@2500 "
            "recording_created@5000 poll_created@8000 poll_answered@9000 participant_left@11000 meeting_ended@12000 ");
  EXPECT_EQ(EventLine(imported.events[0]),
            R"({"event_id":"import-1","pbx_id":"imported","meeting_id":"standup-1700000000000",)"
            R"("time":"2023-11-14T22:13:20Z","meeting_scheduled":{"name":"Standup of the harbour team",)"
            R"("planned_start":"2023-11-14T22:13:20Z","planned_duration":"1800s","organizer_extension":"1001"}})");
  EXPECT_EQ(imported.events[3].participant_joined().name(), "Anna Ährenfeld");
  EXPECT_EQ(imported.events[7].poll_answered().option_indexes_size(), 1);
}

TEST(BigBlueButtonWebhooks, Import_LeavesOutAudioVideoAndChatOfAnOrdinaryMeeting) {
  const ImportedEvents imported = Import("webhooks.ndjson", WithOwner());
  EXPECT_EQ(AllText(imported).find("Good morning"), std::string::npos);
  EXPECT_EQ(AllText(imported).find("secret-stream"), std::string::npos);
  EXPECT_EQ(imported.not_imported.at("user-audio-voice-enabled"), 1);
  EXPECT_EQ(imported.not_imported.at("user-cam-broadcast-start"), 1);
  EXPECT_EQ(imported.not_imported.at("private chat"), 1);
  EXPECT_EQ(imported.not_imported.at("chat (the meeting is not imported as protocolled)"), 1);
  EXPECT_EQ(imported.not_imported.at("answer outside the options of its poll"), 1);
}

TEST(BigBlueButtonWebhooks, Import_ProtocolledMeetingHasPublicChatButNeverPrivate) {
  ImportOptions options = WithOwner();
  options.protocolled = true;
  const ImportedEvents imported = Import("webhooks.ndjson", options);
  EXPECT_TRUE(imported.events[0].meeting_scheduled().protocolled());
  EXPECT_TRUE(imported.events[1].meeting_started().protocolled());
  EXPECT_NE(AllText(imported).find("Good morning"), std::string::npos);
  EXPECT_EQ(AllText(imported).find("between the two of us"), std::string::npos);
}

TEST(BigBlueButtonWebhooks, Import_WithoutOwnerExtensionPollsAreLeftOut) {
  const ImportedEvents imported = Import("webhooks.ndjson", ImportOptions());
  EXPECT_EQ(Payloads(imported).find("poll"), std::string::npos);
  EXPECT_EQ(imported.not_imported.at("poll (needs an owner extension)"), 1);
}

TEST(BigBlueButtonWebhooks, Import_ShiftMovesAllTimesAndThePlan) {
  ImportOptions options = WithOwner();
  options.shift_to = *ParseTime("2026-03-29T00:30:00Z");
  const ImportedEvents imported = Import("webhooks.ndjson", options);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-29T00:30:00Z");
  EXPECT_EQ(Rfc3339(imported.events[0].meeting_scheduled().planned_start()), "2026-03-29T00:30:00Z");
  EXPECT_EQ(Rfc3339(imported.events[4].time()), "2026-03-29T00:30:02.5Z");
  EXPECT_EQ(Rfc3339(imported.events.back().time()), "2026-03-29T00:30:12Z");
}

TEST(BigBlueButtonWebhooks, Import_FaultsNameLineAndFieldButNoValue) {
  const auto fault = [](const std::string& text) {
    std::istringstream input(text);
    return std::string(ImportBigBlueButtonWebhooks(input, ImportOptions()).status().message());
  };
  EXPECT_EQ(fault("\nJana Wolff"), "2: not a JSON object");
  EXPECT_EQ(fault(R"({"data":{"id":"user-left","event":{"ts":"Jana"}}})"), "1:data.event.ts: not epoch milliseconds");
  EXPECT_EQ(fault(R"({"data":{"id":"user-left","event":{"ts":1700000000000}}})"),
            "1:data.attributes.meeting.internal-meeting-id: missing");
}

TEST(BigBlueButtonXml, Import_UtcTimesAndNeverVoiceOrFileNames) {
  ImportOptions options = WithOwner();
  options.protocolled = true;
  const ImportedEvents imported = Import("events_utc.xml", options);
  EXPECT_EQ(
      Payloads(imported),
      "meeting_scheduled@1000 meeting_started@1000 participant_joined@1000 pdf_shared@2100 recording_created@2200 "
      "poll_created@2400 poll_answered@2500 chat_message_sent@2700 meeting_ended@3000 ");
  EXPECT_EQ(imported.events[0].meeting_scheduled().name(), "Board of the lighthouse");
  EXPECT_EQ(imported.events[3].pdf_shared().pdf_id(), "pres-1");
  ASSERT_EQ(imported.events[5].poll_created().options_size(), 1);
  EXPECT_EQ(imported.events[5].poll_created().options(0), "nobody");
  EXPECT_EQ(imported.events[7].chat_message_sent().text(), "Hello <all>");
  EXPECT_EQ(AllText(imported).find("layoffs"), std::string::npos);
  EXPECT_EQ(AllText(imported).find("opus"), std::string::npos);
  EXPECT_EQ(imported.not_imported.at("voice: ParticipantJoinedEvent"), 1);
}

TEST(BigBlueButtonXml, Import_UptimeStampsStartAtTheCreationInTheMeetingId) {
  const ImportedEvents imported = Import("events_uptime.xml", WithOwner());
  EXPECT_EQ(Payloads(imported),
            "meeting_scheduled@61829 meeting_started@61829 participant_joined@61829 participant_left@71829 "
            "meeting_ended@73829 ");
  EXPECT_EQ(imported.events[3].participant_left().participant_id(), "w_dora");
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2018-08-16T15:39:21.829Z");
}

TEST(BigBlueButtonXml, Import_EpochStampsAreTakenAsTheyAre) {
  const ImportedEvents imported = Import("events_epoch.xml", WithOwner());
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2014-05-13T16:53:20Z");
}

TEST(BigBlueButtonXml, Import_FaultsAreTyped) {
  const auto fault = [](const std::string& text) {
    std::istringstream input(text);
    return std::string(ImportBigBlueButtonXml(input, ImportOptions()).status().message());
  };
  EXPECT_EQ(fault("<recording").substr(0, 11), "not XML at ");
  EXPECT_EQ(fault("<other/>"), "recording.meeting_id: missing; not the events of a recording");
  EXPECT_EQ(fault(R"(<recording meeting_id="m"><event timestamp="5" eventname="x"/></recording>)"),
            "event 1: timestamp: no time can be made out");
}

TEST(ValidIdentifier, KeepsWhatIsValidAndReplacesTheRestStably) {
  EXPECT_EQ(ValidIdentifier("pres-1/1/1"), "pres-1/1/1");
  EXPECT_EQ(ValidIdentifier("Anna B").substr(0, 3), "id-");
  EXPECT_EQ(ValidIdentifier("Anna B"), ValidIdentifier("Anna B"));
  EXPECT_NE(ValidIdentifier("Anna B"), ValidIdentifier("Anna C"));
  EXPECT_EQ(ValidIdentifier(std::string(129, 'x')).size(), 19);
  EXPECT_EQ(ValidIdentifier("").size(), 19);
}

TEST(ImportedMeeting, Join_TextThatIsNotUtf8OrTooLongIsMadeToFit) {
  const ImportOptions options;
  ImportedMeeting meeting(options, "m");
  meeting.Join(absl::UnixEpoch(), "u", "a\xff\xc3 b");
  meeting.Join(absl::UnixEpoch(), "u", std::string(255, 'x') + "ä");
  const ImportedEvents imported = meeting.Take();
  EXPECT_EQ(imported.events[0].participant_joined().name(), "a?? b");
  EXPECT_EQ(imported.events[1].participant_joined().name(), std::string(255, 'x'));
}

TEST(EventJson, ParseEventLine_NamesTheFieldAndNeverTheValue) {
  const auto fault = [](const std::string& line) {
    v1::Event event;
    const EventLineFault result = ParseEventLine(line, &event);
    EXPECT_EQ(result.description.find("Jana"), std::string::npos);
    return result.field + "|" + result.description;
  };
  EXPECT_EQ(fault(R"({"meeting_ended":{}})"), "|");
  EXPECT_EQ(fault(R"({"participant_joined":"Jana"})"), "participant_joined|wrong kind of value");
  EXPECT_EQ(fault(R"({"media_quality_sampled":{"rtt_ms":"Jana"}})"),
            "media_quality_sampled.rtt_ms|wrong kind of value");
  EXPECT_EQ(fault(R"({"meeting_scheduled":{"invitees":[{"mail":"Jana"}]}})"),
            "meeting_scheduled.invitees[0].mail|no such field");
  EXPECT_EQ(fault(R"({"nonsense":"Jana"})"), "nonsense|no such field");
  EXPECT_EQ(fault(R"({"time":"Jana"})"), "time|not a time; write 2026-03-31T09:00:00Z");
  EXPECT_EQ(fault(R"({"event_id" "Jana"})"), "|not valid JSON: Expected : between key:value pair.");
  EXPECT_EQ(fault("[1]"), "|not a JSON object");
  EXPECT_EQ(fault(R"({"event_id":"e1"})"), "payload|missing: nothing happened");
  EXPECT_EQ(fault(R"({"meeting_started":{},"meeting_ended":{}})"),
            "payload|more than one thing happened; an event holds one");
}

}  // namespace
}  // namespace retention
