#include "client/commands/output_table.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <sstream>

#include "client/human_units.h"

namespace retention {
namespace {

OutputTable Sample() {
  OutputTable table({{"NAME", "name"}, {"TIME", "time_seconds", true}, {"", "only_csv"}, {"ONLY PEOPLE", ""}});
  table.AddRow({"Jörg", TableCell("1 h 03 min", "3780"), "x", "y"});
  table.AddRow({"A \"quoted\", name", TableCell("5 s", "5"), "x", ""});
  return table;
}

// A table of these names as CSV, with a number beside each.
std::string CsvOf(std::initializer_list<const char*> names) {
  OutputTable table({{"NAME", "name"}, {"N", "n"}});
  for (const char* name : names) table.AddRow({name, "1"});
  std::ostringstream out;
  table.PrintCsv(out);
  return out.str();
}

TEST(OutputTable, PrintAligned_Golden) {
  std::ostringstream out;
  Sample().PrintAligned(out);
  EXPECT_EQ(out.str(),
            "NAME                    TIME  ONLY PEOPLE\n"
            "Jörg              1 h 03 min  y\n"
            "A \"quoted\", name         5 s\n");
}

TEST(OutputTable, PrintAligned_WideAndCombiningCharactersStandInTheirColumns) {
  OutputTable table({{"NAME", "name"}, {"N", "n", true}});
  for (const char* name : {"\u738b\u5c0f\u660e", "Jo\u0308rg", "\U0001F600", "Emma F."}) table.AddRow({name, "1"});
  std::ostringstream out;
  table.PrintAligned(out);
  EXPECT_EQ(out.str(),
            "NAME     N\n"
            "\u738b\u5c0f\u660e   1\n"
            "Jo\u0308rg     1\n"
            "\U0001F600       1\n"
            "Emma F.  1\n");
}

TEST(OutputTable, NoSpreadsheetRunsAName) {
  EXPECT_EQ(CsvOf({"=cmd|' /c calc'!A1", "-5", "+49.30", "-x", "@SUM(1)", "=1", "\uff1dSUM(1)", "Ada"}),
            "name,n\n\"'=cmd|' /c calc'!A1\",1\n-5,1\n+49.30,1\n\"'-x\",1\n\"'@SUM(1)\",1\n\"'=1\",1\n"
            "\"'\uff1dSUM(1)\",1\nAda,1\n");
}

// A name ends no line of a file, and steers no terminal on which one is shown.
TEST(OutputTable, PrintCsv_ControlCharactersAreWritten) {
  EXPECT_EQ(CsvOf({"\033[2Jx", "a\r\nb", "\t=1", "\u009bx", "abc\u202efdp.exe", "x\u2066y\u2029", "Ada 😀 ß €"}),
            "name,n\n\\u001b[2Jx,1\na\\u000d\\u000ab,1\n\\u0009=1,1\n\\u009bx,1\nabc\\u202efdp.exe,1\n"
            "x\\u2066y\\u2029,1\nAda 😀 ß €,1\n");
}

// Excel splits at semicolons where decimals have a comma, and there takes quotes behind a comma for text.
TEST(OutputTable, PrintCsv_SemicolonIsQuotedAndBeginsNoFormula) {
  EXPECT_EQ(CsvOf({"x;=cmd|'/C calc'!A0;y", ";=1", "a; \"+SUM(1)", "a;-5", "Ada; Bea", "=1;@x"}),
            "name,n\n\"x;'=cmd|'/C calc'!A0;y\",1\n\";'=1\",1\n\"a;' \"\"+SUM(1)\",1\n\"a;-5\",1\n\"Ada; Bea\",1\n"
            "\"'=1;'@x\",1\n");
}

TEST(OutputTable, PrintCsv_Golden) {
  std::ostringstream out;
  Sample().PrintCsv(out);
  EXPECT_EQ(out.str(), "name,time_seconds,only_csv\nJörg,3780,x\n\"A \"\"quoted\"\", name\",5,x\n");
}

TEST(OutputTable, PrintAligned_ControlCharactersCannotSteerTheTerminal) {
  OutputTable table({{"A", "a"}, {"B", "b"}});
  table.AddRow({"x\033[2Jy\n", "\u009b\u202e"});
  std::ostringstream out;
  table.PrintAligned(out);
  EXPECT_EQ(out.str(), "A                  B\nx\\u001b[2Jy\\u000a  \\u009b\\u202e\n");
}

TEST(HumanUnits, ParseTime_TakesRfc3339AndDays) {
  EXPECT_EQ(Rfc3339(ToTimestamp(*ParseTime("2026-03-31T09:00:00+02:00"))), "2026-03-31T07:00:00Z");
  EXPECT_EQ(Rfc3339(ToTimestamp(*ParseTime("2026-03-31"))), "2026-03-31T00:00:00Z");
  for (const char* bad : {"", "yesterday", "2026-02-30", "2026-03-31T09:00:00"})
    EXPECT_FALSE(ParseTime(bad).ok()) << bad;
  EXPECT_FALSE(ParseDate("2026-02-30").ok());
  EXPECT_EQ(ReadableDate(*ParseDate("2024-02-29")), "2024-02-29");
}

TEST(HumanUnits, TimestampsBeforeTheEpochKeepPositiveNanos) {
  const auto timestamp = ToTimestamp(absl::FromUnixMillis(-1));
  EXPECT_EQ(timestamp.seconds(), -1);
  EXPECT_EQ(timestamp.nanos(), 999'000'000);
  EXPECT_EQ(FromTimestamp(timestamp), absl::FromUnixMillis(-1));
}

TEST(HumanUnits, FiguresReadWell) {
  EXPECT_EQ(ReadableLength(absl::Seconds(45)), "45 s");
  EXPECT_EQ(ReadableLength(absl::Seconds(725)), "12 min 05 s");
  EXPECT_EQ(ReadableLength(absl::Minutes(63)), "1 h 03 min");
  EXPECT_EQ(ReadableLength(absl::Hours(76)), "3 d 04 h");
  EXPECT_EQ(ReadableLength(absl::Milliseconds(59'600)), "1 min 00 s");
  EXPECT_EQ(ReadableLength(absl::Seconds(-45)), "-45 s");
  EXPECT_EQ(ReadableCount(0), "0");
  EXPECT_EQ(ReadableCount(999), "999");
  EXPECT_EQ(ReadableCount(-1000), "-1,000");
  EXPECT_EQ(ReadableCount(1234567), "1,234,567");
  EXPECT_EQ(ReadableNumber(-0.001, 2), "0.00");
  EXPECT_EQ(ReadableNumber(1234.6, 0), "1,235");
}

}  // namespace
}  // namespace retention
