#include <gtest/gtest.h>

#include "tests/client/importers/imported_files.h"

namespace retention {
namespace {

constexpr char kBigBlueButtonXml[] = "bigbluebutton-xml";

ImportedEvents ImportRecording(const std::string& file, const ImportOptions& options = WithOwner()) {
  return ImportFixture(file, kBigBlueButtonXml, options);
}

TEST(BigBlueButtonXml, Import_UtcTimesAndNeverVoiceOrFileNames) {
  ImportOptions options = WithOwner();
  options.protocolled = true;
  const ImportedEvents imported = ImportRecording("events_utc.xml", options);
  ASSERT_EQ(
      Payloads(imported),
      "meeting_scheduled@1000 meeting_started@1000 participant_joined@1000 pdf_shared@2100 recording_created@2200 "
      "poll_created@2400 poll_answered@2500 chat_message_sent@2700 meeting_ended@3000 ");
  EXPECT_EQ(imported.events[0].meeting_scheduled().name(), "Board of the lighthouse");
  EXPECT_EQ(imported.events[2].participant_joined().participant_id(), "12");
  EXPECT_EQ(imported.events[3].meeting_id(), "board");
  EXPECT_EQ(imported.events[3].occurrence_id(), "board-1700000000000");
  EXPECT_EQ(imported.events[3].pdf_shared().pdf_id(), "pres-1");
  EXPECT_EQ(imported.events[3].pdf_shared().object_ref(), "bigbluebutton/board-1700000000000/pres-1");
  ASSERT_EQ(imported.events[5].poll_created().options_size(), 1);
  EXPECT_EQ(imported.events[5].poll_created().options(0), "nobody");
  EXPECT_EQ(imported.events[6].poll_answered().participant_id(), "12");
  EXPECT_EQ(imported.events[7].chat_message_sent().text(), "Hello <all>");
  EXPECT_EQ(imported.events[7].chat_message_sent().participant_id(), "12");
  EXPECT_EQ(AllText(imported).find("layoffs"), std::string::npos);
  EXPECT_EQ(AllText(imported).find("opus"), std::string::npos);
  EXPECT_EQ(imported.not_imported.at("voice: ParticipantJoinedEvent"), 1);
}

TEST(BigBlueButtonXml, Import_UptimeStampsStartAtTheCreationInTheMeetingId) {
  const ImportedEvents imported = ImportRecording("events_uptime.xml");
  ASSERT_EQ(Payloads(imported),
            "meeting_scheduled@61829 meeting_started@61829 participant_joined@61829 participant_left@71829 "
            "meeting_ended@73829 ");
  EXPECT_EQ(imported.events[3].participant_left().participant_id(), "w_dora");
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2018-08-16T15:39:21.829Z");
}

TEST(BigBlueButtonXml, Import_EpochStampsAreTakenAsTheyAre) {
  const ImportedEvents imported = ImportRecording("events_epoch.xml");
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2014-05-13T16:53:20Z");
}

TEST(BigBlueButtonXml, Import_PersonWithTwoSessionsIsOneParticipantAndReconnected) {
  EXPECT_EQ(Attendance({ImportRecording("events_rejoined.xml")}), "41 120 1; 42 119 0; ");
}

TEST(BigBlueButtonXml, Import_RecordingWithoutMeetingTakesTheGivenIdentifier) {
  ImportOptions options = WithOwner();
  options.meeting_id = "old-1";
  const ImportedEvents imported = ImportRecording("events_2011.xml", options);
  ASSERT_EQ(Attendance({imported}), "1 120 0; ");
  EXPECT_EQ(imported.events[0].meeting_id(), "old-1");
  EXPECT_TRUE(imported.left_out.empty());
}

TEST(BigBlueButtonXml, Import_TypedAnswersOfAnUnpublishedPollAreKeptAndLikeOnesGrouped) {
  const ImportedEvents imported = ImportRecording("events_typed.xml");
  std::vector<std::string> options;
  std::vector<uint32_t> answers;
  for (const auto& event : imported.events) {
    for (const auto& option : event.poll_created().options()) options.push_back(option);
    for (const uint32_t index : event.poll_answered().option_indexes()) answers.push_back(index);
  }
  EXPECT_EQ(options, (std::vector<std::string>{"Überall hin", "heim"}));
  EXPECT_EQ(answers, (std::vector<uint32_t>{0, 0, 1}));
}

TEST(BigBlueButtonXml, Import_TwiceGivesTheSameIds) {
  EXPECT_EQ(EventIds(ImportRecording("events_utc.xml")), EventIds(ImportRecording("events_utc.xml")));
  EXPECT_EQ(EventIds(ImportRecording("events_utc.xml")).size(), ImportRecording("events_utc.xml").events.size());
}

TEST(BigBlueButtonXml, Import_EventThatCannotBeTakenIsNamedByItsLine) {
  const ImportedEvents imported = ImportText(
      "<recording meeting_id='m'>\n"
      "<event timestamp='1400000000000' eventname='ParticipantJoinEvent'><userId>a</userId></event>\n"
      "<event timestamp='soon' eventname='ParticipantLeftEvent'><userId>Jana</userId></event>\n"
      "<event timestamp='1400000001000' eventname='ParticipantLeftEvent'><name>Jana</name></event>\n"
      "</recording>",
      kBigBlueButtonXml, WithOwner());
  EXPECT_EQ(LinesLeftOut(imported), "3:timestamp: no time can be made out; 4:userId: missing; ");
  EXPECT_EQ(Payloads(imported), "meeting_scheduled@0 meeting_started@0 participant_joined@0 meeting_ended@0 ");
}

TEST(BigBlueButtonXml, Import_FileThatIsCutOffIsTakenUpToThereAndHasNoEnd) {
  const ImportedEvents imported = ImportText(
      "<recording meeting_id='m'>\n"
      "<event timestamp='1400000000000' eventname='ParticipantJoinEvent'><userId>a</userId></event>\n"
      "<event timestamp='1400000001000' eventname='ParticipantJoinEvent'><userId>bo",
      kBigBlueButtonXml, WithOwner());
  EXPECT_EQ(Payloads(imported), "meeting_scheduled@0 meeting_started@0 participant_joined@0 ");
  ASSERT_EQ(imported.left_out.size(), 1);
  EXPECT_EQ(imported.left_out[0].line, 3);
}

TEST(BigBlueButtonXml, Import_FaultsAreTyped) {
  const auto fault = [](const std::string& text) {
    std::istringstream input(text);
    return std::string(ImportBigBlueButtonXml(input, ImportOptions()).status().message());
  };
  EXPECT_EQ(fault("<recording").substr(0, 12), "1: not XML: ");
  EXPECT_EQ(fault("<other/>"), "recording.meeting_id: missing; give one with --meeting if it is a recording");
}

}  // namespace
}  // namespace retention
