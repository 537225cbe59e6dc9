#include <gtest/gtest.h>

#include "tests/client/importers/imported_files.h"

namespace retention {
namespace {

constexpr char kBigBlueButtonWebhooks[] = "bigbluebutton-webhooks";

ImportedEvents ImportCallbacks(const std::string& file, const ImportOptions& options = WithOwner()) {
  return ImportFixture(file, kBigBlueButtonWebhooks, options);
}

// A callback about Ilse, with what else stands in its attributes.
std::string Callback(const std::string& kind, int second, const std::string& more) {
  return R"({"data":{"id":")" + kind + R"(","attributes":{"meeting":{"internal-meeting-id":"m-1"})" + more +
         R"(},"event":{"ts":)" + std::to_string(1772442000000 + second * 1000) + "}}}\n";
}
std::string User(const std::string& session, const std::string& person) {
  return R"(,"user":{"internal-user-id":")" + session + R"(","external-user-id":")" + person +
         R"(","name":"Ilse Tauwerk"})";
}

TEST(BigBlueButtonWebhooks, Import_MapsTheCourseOfAMeeting) {
  const ImportedEvents imported = ImportCallbacks("webhooks.ndjson");
  ASSERT_EQ(Payloads(imported),
            "meeting_scheduled@0 meeting_started@0 dial_in_assigned@0 participant_joined@1000 participant_joined@2500 "
            "recording_created@5000 poll_created@8000 poll_answered@9000 participant_left@11000 meeting_ended@12000 ");
  const v1::MeetingScheduled& scheduled = imported.events[0].meeting_scheduled();
  EXPECT_EQ(scheduled.name(), "Standup of the harbour team");
  EXPECT_EQ(Rfc3339(scheduled.planned_start()), "2023-11-14T22:13:20Z");
  EXPECT_EQ(scheduled.planned_duration().seconds(), 1800);
  EXPECT_EQ(scheduled.organizer_extension(), "1001");
  EXPECT_EQ(imported.events[0].pbx_id(), "imported");
  for (const auto& event : imported.events) {
    EXPECT_EQ(event.meeting_id(), "standup");
    EXPECT_EQ(event.occurrence_id(), "standup-1700000000000");
  }
  EXPECT_EQ(imported.events[3].connection_id(), imported.events[8].connection_id());
  EXPECT_EQ(imported.events[5].recording_created().object_ref(),
            "bigbluebutton/standup-1700000000000/" + imported.events[5].event_id());
  EXPECT_EQ(imported.events[3].participant_joined().name(), "Anna Ährenfeld");
  EXPECT_EQ(imported.events[3].participant_joined().participant_id(), "4711");
  EXPECT_EQ(imported.events[7].poll_answered().option_indexes_size(), 1);
  EXPECT_EQ(imported.events[8].participant_left().participant_id(), "4711");
}

TEST(BigBlueButtonWebhooks, Import_LeavesOutAudioVideoAndChatOfAnOrdinaryMeeting) {
  const ImportedEvents imported = ImportCallbacks("webhooks.ndjson");
  EXPECT_EQ(AllText(imported).find("Good morning"), std::string::npos);
  EXPECT_EQ(AllText(imported).find("secret-stream"), std::string::npos);
  EXPECT_EQ(imported.not_imported.at("user-audio-voice-enabled"), 1);
  EXPECT_EQ(imported.not_imported.at("user-cam-broadcast-start"), 1);
  EXPECT_EQ(imported.not_imported.at("private chat"), 1);
  EXPECT_EQ(imported.not_imported.at("chat (the meeting is not imported as protocolled)"), 1);
  EXPECT_EQ(imported.not_imported.at("answer outside the options of its poll"), 1);
  EXPECT_TRUE(imported.left_out.empty());
}

TEST(BigBlueButtonWebhooks, Import_ProtocolledMeetingHasPublicChatButNeverPrivate) {
  ImportOptions options = WithOwner();
  options.protocolled = true;
  const ImportedEvents imported = ImportCallbacks("webhooks.ndjson", options);
  EXPECT_TRUE(imported.events[0].meeting_scheduled().protocolled());
  EXPECT_TRUE(imported.events[1].meeting_started().protocolled());
  EXPECT_NE(AllText(imported).find("Good morning"), std::string::npos);
  EXPECT_EQ(AllText(imported).find("between the two of us"), std::string::npos);
}

TEST(BigBlueButtonWebhooks, Import_WithoutOwnerExtensionPollsAreLeftOut) {
  const ImportedEvents imported = ImportCallbacks("webhooks.ndjson", ImportOptions());
  EXPECT_EQ(Payloads(imported).find("poll"), std::string::npos);
  EXPECT_EQ(imported.not_imported.at("poll (needs an owner extension)"), 1);
}

TEST(BigBlueButtonWebhooks, Import_ShiftMovesAllTimesAndThePlan) {
  ImportOptions options = WithOwner();
  options.shift_to = *ParseTime("2026-03-29T00:30:00Z");
  const ImportedEvents imported = ImportCallbacks("webhooks.ndjson", options);
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-29T00:30:00Z");
  EXPECT_EQ(Rfc3339(imported.events[0].meeting_scheduled().planned_start()), "2026-03-29T00:30:00Z");
  EXPECT_EQ(Rfc3339(imported.events[4].time()), "2026-03-29T00:30:02.5Z");
  EXPECT_EQ(Rfc3339(imported.events.back().time()), "2026-03-29T00:30:12Z");
}

TEST(BigBlueButtonWebhooks, Import_PartsOfALogAreTheWholeMeeting) {
  const ImportedEvents first = ImportCallbacks("webhooks_part_1.ndjson");
  const ImportedEvents second = ImportCallbacks("webhooks_part_2.ndjson");
  EXPECT_EQ(Attendance({first, second}), "w_ilse 1799 0; w_jan 3598 0; w_kim 1700 0; ");
  EXPECT_EQ(Attendance({second, first}), Attendance({first, second}));
  EXPECT_EQ(Rfc3339(second.events.back().time()), "2026-03-02T10:00:00Z");
  EXPECT_TRUE(second.events.back().has_meeting_ended());
  std::set<std::string> ids = EventIds(first);
  ids.merge(EventIds(second));
  EXPECT_EQ(ids.size(), first.events.size() + second.events.size());
}

TEST(BigBlueButtonWebhooks, Import_OverlappingPartsOfALogGiveTheSameIds) {
  std::ifstream file(std::string(RETENTION_CLIENT_FIXTURES) + "webhooks_arrays.ndjson");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line + "\n");
  ASSERT_EQ(lines.size(), 8);
  const auto part = [&](size_t begin, size_t end) {
    std::string text;
    for (size_t i = begin; i < end; ++i) text += lines[i];
    return ImportText(text, kBigBlueButtonWebhooks, WithOwner());
  };
  const std::set<std::string> whole = EventIds(part(0, 8));
  std::set<std::string> parts = EventIds(part(0, 5));
  parts.merge(EventIds(part(2, 7)));
  parts.merge(EventIds(part(6, 8)));
  EXPECT_EQ(parts, whole);
}

TEST(BigBlueButtonWebhooks, Import_AnswerWhosePollIsInAnotherPartOfTheLogIsTaken) {
  const ImportedEvents imported =
      ImportText(Callback("poll-responded", 0, User("w_1", "41") + R"(,"poll":{"id":"q/1","answerIds":[1]})"),
                 kBigBlueButtonWebhooks, WithOwner());
  ASSERT_EQ(Payloads(imported), "poll_answered@0 ");
  EXPECT_EQ(imported.events[0].poll_answered().participant_id(), "41");
}

TEST(BigBlueButtonWebhooks, Import_WhatNamesASessionAloneIsItsPersonsOrIsLeftOut) {
  ImportOptions options = WithOwner();
  options.protocolled = true;
  const std::string join = Callback("user-joined", 0, User("w_1", "41"));
  const std::string answer =
      Callback("poll-responded", 9, R"(,"user":{"internal-user-id":"w_1"},"poll":{"id":"q/1","answerIds":[1]})");
  const std::string chat = Callback("chat-group-message-sent", 9,
                                    R"(,"chat-id":"MAIN-PUBLIC-GROUP-CHAT","chat-message":)"
                                    R"({"id":"c1","message":"Hallo","sender":{"internal-user-id":"w_1"}})");
  const ImportedEvents whole = ImportText(join + answer + chat, kBigBlueButtonWebhooks, options);
  std::set<std::string> persons;
  for (const auto& event : whole.events) {
    if (event.has_poll_answered()) persons.insert("answer " + event.poll_answered().participant_id());
    if (event.has_chat_message_sent()) persons.insert("chat " + event.chat_message_sent().participant_id());
  }
  EXPECT_EQ(persons, (std::set<std::string>{"answer 41", "chat 41"}));
  // Nothing is filed under the session that the whole log would say of the person, and nothing keeps that from it.
  const ImportedEvents part = ImportText(answer + chat, kBigBlueButtonWebhooks, options);
  EXPECT_EQ(Payloads(part), "");
  EXPECT_EQ(LinesLeftOut(part),
            "1:data.attributes.user.internal-user-id: nothing in this file says whose session it is; "
            "2:data.attributes.chat-message.sender.internal-user-id: nothing in this file says whose session it is; ");
  // Who joins without being named is known by their session.
  const std::string guest = Callback("user-joined", 0, R"(,"user":{"internal-user-id":"w_1","name":"Gast"})");
  EXPECT_EQ(
      ImportText(guest + chat, kBigBlueButtonWebhooks, options).events.back().chat_message_sent().participant_id(),
      "w_1");
}

TEST(BigBlueButtonWebhooks, Import_CallbackThatIsPostedAgainCountsOnce) {
  const ImportedEvents imported = ImportCallbacks("webhooks_posted_again.ndjson");
  ASSERT_EQ(Payloads(imported),
            "meeting_scheduled@0 meeting_started@0 dial_in_assigned@0 participant_joined@1000 poll_created@20000 "
            "poll_answered@30000 meeting_ended@60000 ");
  const std::string join = Callback("user-joined", 1, User("w_1", "41"));
  EXPECT_EQ(Payloads(ImportText(join + join, kBigBlueButtonWebhooks, WithOwner())), "participant_joined@1000 ");
}

TEST(BigBlueButtonWebhooks, Import_LineOfAnArrayIsTaken) {
  const ImportedEvents imported = ImportCallbacks("webhooks_arrays.ndjson");
  EXPECT_EQ(imported.events.size(), 10);
  EXPECT_TRUE(imported.left_out.empty());
  EXPECT_EQ(Attendance({imported}), "w_ilse 1799 0; w_jan 3598 0; w_kim 1700 0; ");
}

TEST(BigBlueButtonWebhooks, Import_ByteOrderMarkIsNoPartOfTheFirstLine) {
  const std::string join = Callback("user-joined", 1, User("w_1", "41"));
  EXPECT_EQ(Payloads(ImportText("\xef\xbb\xbf" + join, kBigBlueButtonWebhooks, WithOwner())),
            "participant_joined@1000 ");
}

TEST(BigBlueButtonWebhooks, Import_EventWithoutMeetingIsNamedAndTheRestTaken) {
  const ImportedEvents imported = ImportCallbacks("webhooks_nameless_meeting.ndjson");
  EXPECT_EQ(imported.events.size(), 10);
  EXPECT_EQ(LinesLeftOut(imported), "4:data.attributes.meeting.internal-meeting-id: missing; ");
}

TEST(BigBlueButtonWebhooks, Import_LogFromTheMiddleIsAnnouncedAsProtocolledForItsChat) {
  ImportOptions options = WithOwner();
  options.protocolled = true;
  const ImportedEvents imported = ImportCallbacks("webhooks_from_the_middle.ndjson", options);
  ASSERT_FALSE(imported.events.empty());
  ASSERT_TRUE(imported.events[0].has_meeting_started());
  EXPECT_TRUE(imported.events[0].meeting_started().protocolled());
  EXPECT_EQ(Rfc3339(imported.events[0].time()), "2026-03-02T09:00:02Z");
  EXPECT_NE(AllText(imported).find("Gleich geht es los"), std::string::npos);
  EXPECT_EQ(Attendance({imported}), "w_jan 3598 0; w_kim 1700 0; ");
  EXPECT_EQ(Payloads(ImportCallbacks("webhooks_from_the_middle.ndjson")).find("meeting_started"), std::string::npos);
}

TEST(BigBlueButtonWebhooks, Import_PersonWhoComesBackIsReconnected) {
  const std::string log = Callback("user-joined", 0, User("w_1", "41")) + Callback("user-left", 10, User("w_1", "41")) +
                          Callback("user-joined", 20, User("w_2", "41")) + Callback("meeting-ended", 60, "");
  EXPECT_EQ(Attendance({ImportText(log, kBigBlueButtonWebhooks, WithOwner())}), "41 50 1; ");
}

TEST(BigBlueButtonWebhooks, Import_ShiftedAnewIsAnotherSittingOtherEventsAndTheSameTwice) {
  ImportOptions options = WithOwner();
  options.shift_to = *ParseTime("2026-03-29T00:30:00Z");
  const ImportedEvents once = ImportCallbacks("webhooks.ndjson", options);
  EXPECT_EQ(AllText(ImportCallbacks("webhooks.ndjson", options)), AllText(once));
  options.shift_to = *ParseTime("2026-03-30T00:30:00Z");
  const ImportedEvents anew = ImportCallbacks("webhooks.ndjson", options);
  EXPECT_NE(anew.events[0].occurrence_id(), once.events[0].occurrence_id());
  const std::set<std::string> ids = EventIds(once);
  for (const std::string& id : EventIds(anew)) EXPECT_FALSE(ids.contains(id));
}

TEST(BigBlueButtonWebhooks, Import_LineThatDoesNotNameTheRoomIsOfThatOfItsSitting) {
  std::string first = Callback("meeting-ended", 0, "");
  first.replace(first.find(R"("internal-meeting-id")"), 0, R"("external-meeting-id":"r",)");
  const ImportedEvents imported =
      ImportText(Callback("user-joined", 1, User("w_1", "41")) + first, kBigBlueButtonWebhooks, WithOwner());
  ASSERT_EQ(imported.events.size(), 2);
  for (const auto& event : imported.events) {
    EXPECT_EQ(event.meeting_id(), "r");
    EXPECT_EQ(event.occurrence_id(), "m-1");
  }
}

TEST(BigBlueButtonWebhooks, Import_PersonWhoseLeaveIsInThisPartOfTheLogComes) {
  const std::string log = Callback("user-left", 10, User("w_1", "41")) + Callback("user-joined", 20, User("w_2", "41"));
  EXPECT_EQ(Payloads(ImportText(log, kBigBlueButtonWebhooks, WithOwner())),
            "participant_left@10000 participant_joined@20000 ");
}

TEST(BigBlueButtonWebhooks, Import_LinesInDisorderAreTakenInTheOrderOfTime) {
  const std::string log = Callback("user-joined", 20, User("w_2", "41")) + Callback("meeting-ended", 60, "") +
                          Callback("user-left", 10, User("w_1", "")) + Callback("user-joined", 0, User("w_1", "41"));
  EXPECT_EQ(Attendance({ImportText(log, kBigBlueButtonWebhooks, WithOwner())}), "41 50 1; ");
}

TEST(BigBlueButtonWebhooks, Import_ChangeOfSessionInOneInstantLosesNobody) {
  const std::string log = Callback("user-joined", 0, User("w_1", "41")) + Callback("user-left", 10, User("w_1", "41")) +
                          Callback("user-joined", 10, User("w_2", "41")) + Callback("meeting-ended", 60, "");
  const ImportedEvents imported = ImportText(log, kBigBlueButtonWebhooks, WithOwner());
  EXPECT_EQ(Attendance({imported}), "41 60 1; ");
}

TEST(BigBlueButtonWebhooks, Import_MailAddressAsIdentifierOfAPersonIsHashed) {
  const ImportedEvents imported =
      ImportText(Callback("user-joined", 0, User("w_1", "ilse@example.org")), kBigBlueButtonWebhooks, WithOwner());
  ASSERT_EQ(imported.events.size(), 1);
  EXPECT_EQ(imported.events[0].participant_joined().participant_id().substr(0, 3), "id-");
  EXPECT_EQ(AllText(imported).find("example.org"), std::string::npos);
}

TEST(BigBlueButtonWebhooks, Import_IdsOfEventsSayNothing) {
  const ImportedEvents imported = ImportCallbacks("webhooks_part_1.ndjson");
  for (const std::string& id : EventIds(imported)) {
    EXPECT_EQ(id.substr(0, 7), "import-");
    EXPECT_EQ(id.substr(7).find_first_not_of("0123456789abcdef"), std::string::npos) << id;
    EXPECT_EQ(id.size(), 39);
  }
}

TEST(BigBlueButtonWebhooks, Import_FaultsNameLineAndFieldButNoValue) {
  const auto fault = [](const std::string& text) {
    return LinesLeftOut(ImportText(text, kBigBlueButtonWebhooks, WithOwner()));
  };
  EXPECT_EQ(fault("\nJana Wolff"), "2: not a JSON object, nor an array of them; ");
  EXPECT_EQ(fault(R"([{"data":{"event":{"ts":1700000000000}}},"Jana"])"),
            "1:[1]: not a JSON object; 1:[0].data.attributes.meeting.internal-meeting-id: missing; ");
  EXPECT_EQ(fault(R"({"data":{"id":"user-left","event":{"ts":"Jana"}}})"), "1:data.event.ts: not epoch milliseconds; ");
  EXPECT_EQ(fault(R"({"data":{"id":"user-left","event":{"ts":1700000000000}}})"),
            "1:data.attributes.meeting.internal-meeting-id: missing; ");
  EXPECT_EQ(fault(Callback("user-joined", 0, "")), "1:data.attributes.user.internal-user-id: missing; ");
  EXPECT_EQ(fault(Callback("poll-started", 0, "")), "1:data.attributes.poll.id: missing; ");
}

TEST(BigBlueButtonWebhooks, Import_KindThatIsNoWordIsNotShown) {
  const ImportedEvents imported = ImportText(Callback("Jana Wolff", 0, ""), kBigBlueButtonWebhooks, WithOwner());
  EXPECT_EQ(imported.not_imported, (std::map<std::string, int>{{"event without a kind", 1}}));
}

TEST(BigBlueButtonWebhooks, Import_SecondMeetingCannotHaveTheGivenIdentifier) {
  ImportOptions options = WithOwner();
  options.meeting_id = "given";
  std::string other = Callback("meeting-ended", 1, "");
  other.replace(other.find("m-1"), 3, "m-2");
  const ImportedEvents imported = ImportText(Callback("meeting-ended", 0, "") + other, kBigBlueButtonWebhooks, options);
  EXPECT_EQ(imported.events.size(), 1);
  ASSERT_EQ(
      LinesLeftOut(imported),
      "2:data.attributes.meeting.internal-meeting-id: a second meeting, which cannot have the given identifier as "
      "well; ");
}

}  // namespace
}  // namespace retention
