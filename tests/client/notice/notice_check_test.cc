#include "client/notice/notice_check.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/client/notice/notice_files.h"

namespace retention {
namespace {

NoticeCheck Check(const std::string& text, Language language = Language::kGerman) {
  return CheckNotice(text, DeployedSource().policy, language);
}

// "line about: promised" of each deviation.
std::string Deviations(const NoticeCheck& check) {
  std::string text;
  for (const Deviation& deviation : check.deviations) {
    text += std::to_string(deviation.promise.sentence.line) + " " + deviation.promise.about + ": " +
            deviation.promised + "\n";
  }
  return text;
}

TEST(NoticeCheck, TheOriginalIsKept) {
  const NoticeCheck check = Check(NoticeFixture("original_notice.md"));
  EXPECT_EQ(Deviations(check), "");
  EXPECT_EQ(check.promises, 18u);
  EXPECT_EQ(check.unclear.size(), 0u) << (check.unclear.empty() ? "" : check.unclear.front().text);
  EXPECT_EQ(check.silent, (std::vector<std::string>{"DIAL_IN", "CHAT_PROTOCOL"}));
}

struct Saying {
  const char* text;
  const char* deviation;
};

TEST(NoticeCheck, TellsEachDeviationWithItsLine) {
  for (const Saying& saying : std::vector<Saying>{
           {"- Aufzeichnungen: 14 Tage nach dem Erstellungsdatum.", "1 RECORDING: 14 days from CREATION\n"},
           {"- Aufzeichnungen: zwei Wochen nach dem Erstellungsdatum.", "1 RECORDING: 14 days from CREATION\n"},
           {"- Aufzeichnungen: zehn Tage nach dem Erstellungsdatum.", "1 RECORDING: 10 days from CREATION\n"},
           {"- Aufzeichnungen: bis zu 14 Tage nach dem Erstellungsdatum.", ""},
           {"- Aufzeichnungen: höchstens 3 Tage nach dem Erstellungsdatum.",
            "1 RECORDING: up to 3 days from CREATION\n"},
           {"- Aufzeichnungen: eine Woche nach dem Erstellungsdatum.", ""},
           {"- Aufzeichnungen: 7 Tage nach Beendigung des Meetings.", "1 RECORDING: 7 days from MEETING_END\n"},
           {"- Aufzeichnungen: bis das Meeting gelöscht wird.", "1 RECORDING: until an event\n"},
           {"- IP-Adressen werden sofort nach dem Meeting gelöscht.",
            "1 PARTICIPANT_IP: immediately from MEETING_END\n"},
           {"- IP-Adressen werden 24 Stunden nach dem Meeting gelöscht.",
            "1 PARTICIPANT_IP: 24 hours from MEETING_END\n"},
           {"Vorab.\n\n- Umfragen werden nach 3 Monaten gelöscht.", "3 POLL: 3 months\n"},
           {"- Meeting-Berichte werden nach 3 Monaten anonymisiert.", "1 MEETING_REPORT: 3 months, then anonymised\n"},
           {"- Meeting-Berichte werden nach 2 Monaten gelöscht.", "1 MEETING_REPORT: 2 months\n"},
           {"- Verlaufsdaten werden bis zu zwei Jahre aufbewahrt.", ""},
           {"- Verlaufsdaten werden bis zu 6 Monate aufbewahrt.", "1 HISTORY: up to 6 months\n"},
           {"- Systemprotokolle: 7 Tage. In bestimmten Fällen wird dies auf bis zu 2 Wochen verlängert.",
            "1 SERVER_LOG: up to 14 days, extended\n"},
           {"- Wenn eine Telefonanlage uns 90 Tage lang nicht kontaktiert.", "1 NO_CONTACT: 90 days\n"},
           {"- Statistische Informationen werden 3 Jahre gespeichert.", "1 STATISTICS: 36 months\n"},
       }) {
    EXPECT_EQ(Deviations(Check(saying.text)), saying.deviation) << saying.text;
  }
}

TEST(NoticeCheck, EveryCategoryEventAndClauseCounts) {
  for (const Saying& saying : std::vector<Saying>{
           {"- Umfragen: bis das Meeting gelöscht wird.", "1 POLL: until an event\n"},
           {"- Umfragen: wenn ein Benutzer diese Umfrage explizit löscht.", "1 POLL: until an event\n"},
           {"Aufzeichnungen und Umfragen werden nach 7 Tagen gelöscht.", "1 POLL: 7 days\n"},
           {"- Chatinhalte: 7 Tage nach dem Erstellungsdatum.", "1 CHAT_PROTOCOL: 7 days from CREATION\n"},
           {"- Systemprotokolle: 7 Tage, in bestimmten Fällen auf bis zu 1 Monat erhöht.", ""},
           {"- Systemprotokolle: 8 Tage, in bestimmten Fällen auf bis zu 1 Monat erhöht.", "1 SERVER_LOG: 8 days\n"},
           {"- Verlaufsdaten: nach 2 Monaten anonymisiert, nach einem Jahr gelöscht.", ""},
           {"- Verlaufsdaten: nach einem Jahr anonymisiert, nach 2 Monaten gelöscht.",
            "1 HISTORY: 12 months, then anonymised\n1 HISTORY: 2 months\n"},
       }) {
    const NoticeCheck check = Check(saying.text);
    EXPECT_EQ(Deviations(check), saying.deviation) << saying.text;
    EXPECT_TRUE(check.unclear.empty()) << saying.text;
    EXPECT_GT(check.promises, 0u) << saying.text;
  }
}

// Whatever may turn a promise round is no promise that was found kept.
TEST(NoticeCheck, WhatIsNotUnderstoodWordByWordIsUnclear) {
  for (const char* text : {
           "- Aufzeichnungen: 7 Tage nach dem letzten Abruf.",
           "- Aufzeichnungen: 7 Tage nach Ablauf des Vertrags.",
           "- Dateifreigabe: sofort nach dem Hochladen.",
           "- Aufzeichnungen: mindestens 7 Tage nach dem Erstellungsdatum.",
           "- Aufzeichnungen: frühestens 7 Tage nach dem Erstellungsdatum.",
           "- Aufzeichnungen werden nicht nach 7 Tagen gelöscht.",
           "- Aufzeichnungen werden nach 7 Tagen gelöscht, nicht anonymisiert.",
           "- Aufzeichnungen werden nach 7 Tagen anonymisiert und gelöscht.",
           "- Umfragen: unbegrenzt.",
           "- Umfragen: so lange wir wollen.",
           "- Umfragen werden dauerhaft aufbewahrt.",
           "- Umfragen: 30 Werktage.",
           "- Umfragen: ein halbes Jahr.",
           "- Aufzeichnungen: bis zum 7 Tage nach dem Erstellungsdatum.",
           "- Aufzeichnungen: 37,7 Tage nach dem Erstellungsdatum.",
           "- Aufzeichnungen: 7–14 Tage nach dem Erstellungsdatum.",
           "- Aufzeichnungen: 7 oder mehr Tage.",
           "- Aufzeichnungen nach 7 Tagen, Umfragen nach 3 Monaten.",
           "- Aufzeichnungen: 7 Tage 14 Tage.",
           "- Aufzeichnungen: 7 Tage nach dem Erstellungsdatum, bis das Meeting gelöscht wird.",
           "- Aufzeichnungen: 99999999999 Tage.",
           "- Umfragen werden gelöscht, wenn eine Telefonanlage uns 60 Tage lang nicht kontaktiert.",
           "Alle Daten werden sofort gelöscht.",
       }) {
    const NoticeCheck check = Check(text);
    EXPECT_EQ(check.promises, 0u) << text << Deviations(check);
    ASSERT_EQ(check.unclear.size(), 1u) << text;
    EXPECT_EQ(check.unclear[0].line, 1u);
  }
  for (const char* text : {
           "- Recordings: at least 7 days after the creation.",
           "- Recordings: not before 7 days after the creation.",
           "- Recordings: thirty-seven days after the creation.",
           "- Recordings are kept indefinitely.",
           "- Recordings: 7 days after the last access.",
       }) {
    const NoticeCheck check = Check(text, Language::kEnglish);
    EXPECT_EQ(check.promises, 0u) << text;
    EXPECT_EQ(check.unclear.size(), 1u) << text;
  }
}

TEST(NoticeCheck, AnotherPolicyDeviatesFromTheOriginal) {
  NoticeSource source = DeployedSource();
  RuleIn(source.policy, v1::DATA_CATEGORY_PARTICIPANT_EMAIL).mutable_period()->set_days(14);
  RuleIn(source.policy, v1::DATA_CATEGORY_HISTORY).clear_anonymised_period();
  source.policy.mutable_pbx_end()->mutable_fqdn_unresolved()->set_days(31);
  const NoticeCheck check = CheckNotice(NoticeFixture("original_notice.md"), source.policy, Language::kGerman);
  ASSERT_EQ(check.deviations.size(), 3u) << Deviations(check);
  EXPECT_EQ(check.deviations[0].promise.sentence.text,
            "E-Mail-Adressen der Meeting-Teilnehmer: 7 Tage nach Beendigung des Meetings.");
  EXPECT_EQ(check.deviations[0].policy, "14 Tage nach Beendigung des Meetings.");
  EXPECT_EQ(check.deviations[1].promise.about, "FQDN_UNRESOLVED");
  EXPECT_EQ(check.deviations[2].promise.about, "HISTORY");
}

TEST(NoticeCheck, WhatItCannotPlaceIsTold) {
  const NoticeCheck check = Check("Alles wird nach 5 Tagen gelöscht.");
  EXPECT_EQ(check.promises, 0u);
  ASSERT_EQ(check.unclear.size(), 1u);
  EXPECT_EQ(check.unclear[0].text, "Alles wird nach 5 Tagen gelöscht.");
}

TEST(NoticeCheck, ReadsEnglishAndHtml) {
  EXPECT_EQ(Deviations(Check("- Recordings: 14 days after the creation.", Language::kEnglish)),
            "1 RECORDING: 14 days from CREATION\n");
  EXPECT_EQ(Deviations(Check("<html>\n<ul>\n<li>Polls: <b>3</b>&nbsp;months</li></ul>", Language::kEnglish)),
            "3 POLL: 3 months\n");
}

TEST(Sentences, EndWhereTheyEnd) {
  const auto passages =
      PassagesOf("Art. 6 Abs. 1 DSGVO (d. h. GmbH & Co. KG) gilt. Am 1. Mai nicht!\n\n* Ein\n  Punkt\n* Noch einer");
  ASSERT_EQ(passages.size(), 3u);
  ASSERT_EQ(passages[0].size(), 2u);
  EXPECT_EQ(passages[0][1].text, "Am 1. Mai nicht!");
  EXPECT_EQ(passages[1][0].text, "Ein Punkt");
  EXPECT_EQ(passages[1][0].line, 3u);
  EXPECT_EQ(passages[2][0].line, 5u);
}

}  // namespace
}  // namespace retention
