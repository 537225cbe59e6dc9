#include "server/ops/syslog_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/logs/log_intake.h"

namespace retention {
namespace {

std::string Rfc3339(const std::optional<absl::Time>& time) {
  return time.has_value() ? absl::FormatTime(absl::RFC3339_full, *time, absl::UTCTimeZone()) : "none";
}

std::string Mcu(const std::string& rest) { return "<14>1 2026-03-02T09:00:00Z host mcu 1 - " + rest; }

// RFC 5424, section 6.5, with `su` and the like replaced where the server is asked for.
TEST(ParseSyslog, Rfc5424Example1_NoStructuredData) {
  const auto message = ParseSyslog(
      "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xEF\xBB\xBF'su root' failed for lonvick on "
      "/dev/pts/8");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->severity, v1::LOG_SEVERITY_CRITICAL);
  EXPECT_EQ(message->server, v1::LOG_SERVER_UNSPECIFIED);
  EXPECT_EQ(Rfc3339(message->time), "2003-10-11T22:14:15.003+00:00");
  EXPECT_EQ(message->text, "'su root' failed for lonvick on /dev/pts/8");
}

TEST(ParseSyslog, Rfc5424Example2_WithOffsetAndProcess) {
  const auto message = ParseSyslog(
      "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->severity, v1::LOG_SEVERITY_NOTICE);
  EXPECT_EQ(Rfc3339(message->time), "2003-08-24T12:14:15.000003+00:00");
  EXPECT_EQ(message->text, "%% It's time to make the do-nuts.");
}

TEST(ParseSyslog, Rfc5424Example3_WithStructuredData) {
  const auto message = ParseSyslog(
      "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
      "eventSource=\"Application\" eventID=\"1011\"] \xEF\xBB\xBF"
      "An application event log entry...");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->text,
            "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"] An application event log "
            "entry...");
}

TEST(ParseSyslog, Rfc5424Example4_StructuredDataOnly) {
  const std::string data =
      "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 "
      "class=\"high\"]";
  const auto message = ParseSyslog("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 " + data);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->text, data);
}

TEST(ParseSyslog, AppNameSaysWhichServer) {
  const std::vector<std::pair<std::string, v1::LogServer>> names{{"mcu", v1::LOG_SERVER_MCU},
                                                                 {"MCU", v1::LOG_SERVER_MCU},
                                                                 {"Portal", v1::LOG_SERVER_PORTAL},
                                                                 {"file-share", v1::LOG_SERVER_FILE_SHARE},
                                                                 {"CONVERTER", v1::LOG_SERVER_CONVERTER},
                                                                 {"mcu2", v1::LOG_SERVER_UNSPECIFIED},
                                                                 {"-", v1::LOG_SERVER_UNSPECIFIED}};
  for (const auto& [name, server] : names) {
    const auto message = ParseSyslog(absl::StrCat("<14>1 - - ", name, " - - - text"));
    ASSERT_TRUE(message.has_value()) << name;
    EXPECT_EQ(message->server, server) << name;
    EXPECT_FALSE(message->time.has_value()) << "NILVALUE";
    EXPECT_EQ(message->text, "text");
  }
}

TEST(ParseSyslog, EveryPriorityHasItsSeverity) {
  for (int priority = 0; priority <= 191; ++priority) {
    const auto message = ParseSyslog(absl::StrCat("<", priority, ">1 - - mcu - - - x"));
    ASSERT_TRUE(message.has_value()) << priority;
    EXPECT_EQ(message->severity, static_cast<v1::LogSeverity>(priority % 8 + 1));
  }
}

TEST(ParseSyslog, WhatIsNotRfc5424IsRefused) {
  for (const std::string raw :
       {"", "text", "<", "<>1 - - mcu - - - x", "<192>1 - - mcu - - - x", "<014>1 - - mcu - - - x",
        "<1234>1 - - mcu - - - x", "<-1>1 - - mcu - - - x", "<14>2 - - mcu - - - x", "<14> - - mcu - - - x", "<14>1",
        "<14>1 ", "<14>1 -", "<14>1 - -", "<14>1 - - mcu", "<14>1 - - mcu -", "<14>1 - - mcu - -", "<14>1 - - mcu - - ",
        "<14>1 - - mcu - - -x", "<14>1 -  mcu - - - x", "<14>1 - - mcu - - [ x", "<14>1 - - mcu - - [] x",
        "<14>1 - - mcu - - [id x", "<14>1 - - mcu - - [id a=b] x", "<14>1 - - mcu - - [id a=\"b] x",
        "<14>1 - - mcu - - [id a=\"b\" x", "<14>1 - - mcu - - [id a=\"b\"]x", "<14>1 - - mcu - - [id a=\"b]c\"] x",
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
        // RFC 5424, section 6.2.3.1, example 5: nanoseconds.
        "<14>1 2003-08-24T05:14:15.000000003-07:00 - mcu - - - x", "<14>1 2003-10-11t22:14:15Z - mcu - - - x",
        "<14>1 2003-10-11T22:14:15z - mcu - - - x", "<14>1 2003-10-11T22:14:60Z - mcu - - - x",
        "<14>1 2003-13-11T22:14:15Z - mcu - - - x", "<14>1 2003-02-30T22:14:15Z - mcu - - - x",
        "<14>1 2003-10-11T22:14:15 - mcu - - - x", "<14>1 2003-10-11T22:14:15.Z - mcu - - - x",
        "<14>1 2003-10-11T22:14:15+0200 - mcu - - - x"}) {
    EXPECT_FALSE(ParseSyslog(raw).has_value()) << raw;
  }
  EXPECT_FALSE(ParseSyslog("<14>1 - " + std::string(256, 'h') + " mcu - - - x").has_value());
  EXPECT_FALSE(ParseSyslog("<14>1 - - " + std::string(49, 'a') + " - - - x").has_value());
  EXPECT_FALSE(ParseSyslog("<14>1 - - mcu " + std::string(129, 'p') + " - - x").has_value());
  EXPECT_FALSE(ParseSyslog("<14>1 - - mcu - " + std::string(33, 'm') + " - x").has_value());
}

TEST(ParseSyslog, EscapesWithinStructuredDataStay) {
  const std::string data = R"([id a="\"quoted\" \\ \]" b=""])";
  const auto message = ParseSyslog(Mcu(data + " x"));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->text, data + " x");
}

TEST(ParseSyslog, TextIsValidUtf8) {
  const std::vector<std::pair<std::string, std::string>> texts{
      {"plain", "plain"},
      {"gr\xC3\xBC\xC3\x9F"
       "e",
       "grüße"},
      {"latin \xFC!", "latin \xEF\xBF\xBD!"},
      {"overlong \xC0\xAF", "overlong \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"surrogate \xED\xA0\x80.", "surrogate \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD."},
      {"broken \xE2\x82", "broken \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"beyond \xF4\x90\x80\x80", "beyond \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"line end\r\n", "line end"}};
  for (const auto& [raw, text] : texts) {
    const auto message = ParseSyslog(Mcu("- " + raw));
    ASSERT_TRUE(message.has_value()) << text;
    EXPECT_EQ(message->text, text);
    EXPECT_FALSE(message->cut);
  }
}

TEST(ParseSyslog, ControlsSteerNoTerminal) {
  const auto message = ParseSyslog(Mcu("- a\tb\nc\x1b[2J\x07\x7f \r\xC2\x9B\xC2\xA0 d"));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->text, "a\tb\nc\u241b[2J\u2407\u2421 \u240d\uFFFD\u00A0 d");
}

TEST(IsRfc3164, ByItsBeginning) {
  for (const char* raw : {"<34>Oct 11 22:14:15 mymachine su: failed", "<13>Feb  5 17:32:18 10.0.0.99 Use"}) {
    EXPECT_TRUE(IsRfc3164(raw)) << raw;
  }
  for (const char* raw : {"", "<34>", "<34>1 - - mcu - - - x", "<192>Oct 11 22:14:15 h x", "Oct 11 22:14:15 h x",
                          "<34>Oct 11 22:14:15", "<34>oct 11 22:14:15 h"}) {
    EXPECT_FALSE(IsRfc3164(raw)) << raw;
  }
}

TEST(ParseSyslog, LongTextIsCutBetweenCharacters) {
  const auto whole = ParseSyslog(Mcu("- " + std::string(kMaxLogTextBytes, 'x')));
  ASSERT_TRUE(whole.has_value());
  EXPECT_FALSE(whole->cut);
  EXPECT_EQ(whole->text.size(), kMaxLogTextBytes);
  const auto cut = ParseSyslog(Mcu("- " + std::string(kMaxLogTextBytes - 1, 'x') + "\xC3\xBC"));
  ASSERT_TRUE(cut.has_value());
  EXPECT_TRUE(cut->cut);
  EXPECT_EQ(cut->text, std::string(kMaxLogTextBytes - 1, 'x'));
}

TEST(ParseSyslog, WithoutATextThereIsNone) {
  for (const std::string rest : {"-", "- ", "- \xEF\xBB\xBF", "- \n"}) {
    const auto message = ParseSyslog(Mcu(rest));
    ASSERT_TRUE(message.has_value()) << rest;
    EXPECT_EQ(message->text, "");
  }
}

}  // namespace
}  // namespace retention
