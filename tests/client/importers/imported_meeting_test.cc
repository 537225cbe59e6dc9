#include "client/importers/imported_meeting.h"

#include <gtest/gtest.h>

#include "client/importers/imported_text.h"
#include "tests/client/importers/imported_files.h"

namespace retention {
namespace {

TEST(ImportedMeeting, Join_TextThatIsNotUtf8OrTooLongIsMadeToFit) {
  const ImportOptions options;
  ImportedMeeting meeting(options, "m");
  meeting.Join(absl::UnixEpoch(), {.id = "u1", .name = "a\xff\xc3 b"});
  meeting.Join(absl::UnixEpoch() + absl::Seconds(1), {.id = "u2", .name = std::string(255, 'x') + "ä"});
  const ImportedEvents imported = meeting.Take();
  EXPECT_EQ(imported.events[0].participant_joined().name(), "a?? b");
  EXPECT_EQ(imported.events[1].participant_joined().name(), std::string(255, 'x'));
}

TEST(ImportedMeeting, Join_AddressThatTheServerWouldRefuseIsLeftAway) {
  const ImportOptions options;
  ImportedMeeting meeting(options, "m");
  meeting.Join(absl::UnixEpoch(), {.id = "u1", .email = "jana@example.org"});
  meeting.Join(absl::UnixEpoch() + absl::Seconds(1), {.id = "u2", .email = "jana at example.org"});
  const ImportedEvents imported = meeting.Take();
  EXPECT_EQ(imported.events[0].participant_joined().email(), "jana@example.org");
  EXPECT_EQ(imported.events[1].participant_joined().email(), "");
}

TEST(ImportedMeeting, Join_TelephoneNumberIsNobodysName) {
  for (const char* number : {"+49 30 901820", "49309018****", "613-555-xxxx", "(030) 901820", "030/901820"}) {
    EXPECT_TRUE(IsTelephoneNumber(number)) << number;
  }
  for (const char* name : {"", "Ada", "Ada 0309018", "1234", "xxxxxx", "Raum 12345", "*****"}) {
    EXPECT_FALSE(IsTelephoneNumber(name)) << name;
  }
}

TEST(ImportedText, DialledNumber_IsWholeOrNone) {
  EXPECT_EQ(DialledNumber("+1 (613) 555-1234"), "+1(613)555-1234");
  EXPECT_EQ(DialledNumber("76543"), "76543");
  EXPECT_EQ(DialledNumber("\x1b[2J1"), "");
  EXPECT_EQ(DialledNumber("0\xc3\xa4"), "");
  EXPECT_EQ(DialledNumber(std::string(33, '1')), "") << "a part of a number leads elsewhere";
}

TEST(ImportedText, PathComponent_IsOneComponentWhateverTheName) {
  EXPECT_EQ(PathComponent("4444AAAiAAAAAiAiAiiAii=="), "4444AAAiAAAAAiAiAiiAii==");
  EXPECT_EQ(PathComponent("/ajXp112//Qmu+K=="), "%2FajXp112%2F%2FQmu+K==");
  EXPECT_EQ(PathComponent("pres-1.a~b_c"), "pres-1.a~b_c");
  EXPECT_EQ(PathComponent("."), "%2E");
  EXPECT_EQ(PathComponent(".."), "%2E.");
  EXPECT_EQ(PathComponent("a%2Fb"), "a%252Fb") << "no two names are one component";
}

TEST(ImportedText, ValidIdentifier_KeepsWhatIsValidAndReplacesTheRestStably) {
  EXPECT_EQ(ValidIdentifier("pres-1/1/1"), "pres-1/1/1");
  EXPECT_EQ(ValidIdentifier("Anna B").substr(0, 3), "id-");
  EXPECT_EQ(ValidIdentifier("Anna B"), ValidIdentifier("Anna B"));
  EXPECT_NE(ValidIdentifier("Anna B"), ValidIdentifier("Anna C"));
  EXPECT_EQ(ValidIdentifier(std::string(129, 'x')).size(), 19);
  EXPECT_EQ(ValidIdentifier("").size(), 19);
  EXPECT_EQ(ValidIdentifier("room@example.org").size(), 19) << "the server refuses it";
}

TEST(ImportedText, PersonIdentifier_MailAddressesAreHashedWithoutCase) {
  EXPECT_EQ(PersonIdentifier("4711"), "4711");
  EXPECT_EQ(PersonIdentifier("Jana@example.org"), PersonIdentifier("jana@example.org"));
  EXPECT_EQ(PersonIdentifier("jana@example.org").find("jana"), std::string::npos);
  // As the server compares addresses: letters beyond ASCII, and domains as DNS spells them.
  EXPECT_EQ(PersonIdentifier("JÖRG@Müller.example"), PersonIdentifier("jörg@xn--mller-kva.example"));
  EXPECT_NE(PersonIdentifier("jörg@example.org"), PersonIdentifier("jorg@example.org"));
}

TEST(ImportedText, ComparedText_CaseAndSurplusSpaceDoNotCount) {
  EXPECT_EQ(ComparedText(" Überall  HIN "), ComparedText("überall hin"));
  EXPECT_NE(ComparedText("hin"), ComparedText("her"));
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
