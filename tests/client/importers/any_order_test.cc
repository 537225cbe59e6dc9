// What holds for every format: a file says the same in any order of its lines, with any of them repeated, and its parts
// say together what it says.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "tests/client/importers/imported_files.h"
#include "tests/client/importers/platform_logs.h"

namespace retention {
namespace {

constexpr int kLogs = 60;
constexpr int kOrders = 4;

class EveryFormat : public testing::TestWithParam<std::string> {
 protected:
  ImportedEvents Import(const Lines& lines, const ImportOptions& options = WithOwner()) const {
    return ImportText(FileOf(GetParam(), lines), GetParam(), options);
  }
  static std::set<std::string> Texts(const ImportedEvents& imported) {
    std::set<std::string> texts;
    for (const auto& event : imported.events) texts.insert(EventLine(event));
    return texts;
  }
};

TEST_P(EveryFormat, AnyOrderOfLinesAndRepeatsGivesTheSameEvents) {
  for (uint32_t seed = 0; seed < kLogs; ++seed) {
    Draw draw(seed);
    const Lines log = DrawLog(GetParam(), draw);
    const ImportedEvents whole = Import(log);
    ASSERT_TRUE(whole.left_out.empty()) << seed << ": " << LinesLeftOut(whole);
    ASSERT_EQ(EventIds(whole).size(), whole.events.size()) << seed;
    for (int order = 0; order < kOrders; ++order) {
      Lines lines = log;
      for (const std::string& line : log) {
        if (draw.Once(3)) lines.push_back(line);
      }
      draw.Shuffle(lines);
      ASSERT_EQ(AllText(Import(lines)), AllText(whole)) << "seed " << seed;
    }
  }
}

TEST_P(EveryFormat, TwoLinesAboutOnePersonAtOneInstantHaveIdsThatDoNotDependOnTheirOrder) {
  Life life = {.start = kLogsBegin, .end = kLogsBegin + 700};
  life.stays = {{.person = 0, .session = 1, .joined = kLogsBegin + 1, .left = kLogsBegin + 600},
                {.person = 0, .session = 2, .joined = kLogsBegin + 2, .left = kLogsBegin + 600}};
  std::vector<logs::Line> lines;
  if (GetParam() == "zoom-webhooks") logs::AddZoom(life, 0, lines);
  if (GetParam() == "webex-webhooks") logs::AddWebex(life, 0, lines);
  if (GetParam() == "jitsi-events") logs::AddJitsi(life, 0, lines);
  if (GetParam() == "bigbluebutton-webhooks") logs::AddBigBlueButton(life, 0, lines);
  if (GetParam() == "bigbluebutton-xml") logs::AddBigBlueButtonXml(life, lines);
  Lines log = logs::InOrder(std::move(lines));
  const ImportedEvents forward = Import(log);
  std::reverse(log.begin(), log.end());
  EXPECT_EQ(AllText(Import(log)), AllText(forward));
  // Each closes its own connection.
  EXPECT_EQ(Attendance({forward}).substr(Attendance({forward}).find(' ')), " 599 1; ");
}

TEST_P(EveryFormat, IdsAreTheSameUnderEveryPbx) {
  Draw draw(1);
  const Lines log = DrawLog(GetParam(), draw);
  ImportOptions other = WithOwner();
  other.pbx_id = "other";
  EXPECT_EQ(EventIds(Import(log, other)), EventIds(Import(log)));
}

// Whether a room's events name their sitting: those of people in it, and its start and end. Statistics hold that
// nobody's events move others only where those of people are all named, and the facts with them, or none is
// (docs/anonymisation.md).
void ExpectAllOrNoneNamed(const ImportedEvents& imported) {
  std::map<std::string, std::set<bool>> people, facts;
  for (const v1::Event& event : imported.events) {
    const bool is_named = !event.occurrence_id().empty();
    if (event.has_meeting_started() || event.has_meeting_ended()) facts[event.meeting_id()].insert(is_named);
    if (event.has_participant_joined() || event.has_join_failed() || event.has_participant_left() ||
        event.has_participant_reconnected() || event.has_media_quality_sampled()) {
      people[event.meeting_id()].insert(is_named);
    }
  }
  for (const auto& [room, are_named] : people) {
    EXPECT_EQ(are_named.size(), 1u) << room << ": some of its people's events name their sitting, others do not";
    if (are_named.contains(true)) EXPECT_FALSE(facts[room].contains(false)) << room << ": its end is not named";
  }
}

TEST_P(EveryFormat, PeoplesEventsOfARoomAllNameTheirSittingOrNoneDoes) {
  for (uint32_t seed = 0; seed < kLogs; ++seed) {
    Draw draw(seed);
    SCOPED_TRACE(seed);
    ExpectAllOrNoneNamed(Import(DrawLog(GetParam(), draw)));
  }
}

TEST(EveryFixture, PeoplesEventsOfARoomAllNameTheirSittingOrNoneDoes) {
  const std::multimap<std::string, std::string> files = {{"jitsi-events", "jitsi.ndjson"},
                                                         {"webex-webhooks", "webex.ndjson"},
                                                         {"zoom-webhooks", "zoom.ndjson"},
                                                         {"bigbluebutton-webhooks", "webhooks.ndjson"},
                                                         {"bigbluebutton-webhooks", "webhooks_arrays.ndjson"},
                                                         {"bigbluebutton-webhooks", "webhooks_from_the_middle.ndjson"},
                                                         {"bigbluebutton-webhooks", "webhooks_nameless_meeting.ndjson"},
                                                         {"bigbluebutton-webhooks", "webhooks_posted_again.ndjson"},
                                                         {"bigbluebutton-xml", "events_2011.xml"},
                                                         {"bigbluebutton-xml", "events_rejoined.xml"},
                                                         {"bigbluebutton-xml", "events_typed.xml"},
                                                         {"bigbluebutton-xml", "events_utc.xml"}};
  for (const auto& [format, file] : files) {
    SCOPED_TRACE(file);
    ImportOptions options = WithOwner();
    if (file == "events_2011.xml") options.meeting_id = "old-1";  // it names none
    ExpectAllOrNoneNamed(ImportFixture(file, format, options));
  }
}

INSTANTIATE_TEST_SUITE_P(Importers, EveryFormat,
                         testing::Values("bigbluebutton-webhooks", "bigbluebutton-xml", "jitsi-events",
                                         "webex-webhooks", "zoom-webhooks"),
                         [](const auto& format) {
                           std::string name = format.param;
                           std::erase(name, '-');
                           return name;
                         });

// Of logs: a recording is a file that is whole, or cut off.
using EveryLog = EveryFormat;

TEST_P(EveryLog, PartsWithAnyOverlapSayNoMoreThanTheWholeAndWithItNoLess) {
  for (uint32_t seed = 0; seed < kLogs; ++seed) {
    Draw draw(seed);
    const Lines log = DrawLog(GetParam(), draw);
    const std::set<std::string> whole = Texts(Import(log));
    const int cut = draw.Below(static_cast<int>(log.size()) + 1);
    const int overlap = draw.Below(cut + 1);
    const ImportedEvents head = Import(Lines(log.begin(), log.begin() + cut));
    const ImportedEvents tail = Import(Lines(log.begin() + cut - overlap, log.end()));
    std::set<std::string> parts = Texts(head);
    parts.merge(Texts(tail));
    for (const std::string& text : parts) ASSERT_TRUE(whole.contains(text)) << "seed " << seed << ": " << text;
    // Zoom has lines that do not say by themselves what they mean: updates of a plan that is in the other part; and
    // BigBlueButton those that name a session whose join is there. They are named.
    if (!head.left_out.empty() || !tail.left_out.empty()) parts.insert(whole.begin(), whole.end());
    ASSERT_EQ(parts, whole) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Importers, EveryLog,
                         testing::Values("bigbluebutton-webhooks", "jitsi-events", "webex-webhooks", "zoom-webhooks"),
                         [](const auto& format) {
                           std::string name = format.param;
                           std::erase(name, '-');
                           return name;
                         });

// A recording that is cut off anywhere says nothing that the whole one does not.
TEST(BigBlueButtonXmlCutOff, SaysNothingThatTheWholeFileDoesNot) {
  for (const char* file : {"events_typed.xml", "events_utc.xml", "events_rejoined.xml"}) {
    std::ifstream input(std::string(RETENTION_CLIENT_FIXTURES) + file);
    const std::string text{std::istreambuf_iterator<char>(input), {}};
    const auto lines = [&](const std::string& part) {
      std::istringstream stream(part);
      const auto imported = ImportBigBlueButtonXml(stream, WithOwner());
      std::set<std::string> lines;
      if (!imported.ok()) return lines;
      for (const auto& event : imported->events) lines.insert(EventLine(event));
      return lines;
    };
    const std::set<std::string> whole = lines(text);
    ASSERT_FALSE(whole.empty());
    for (size_t end = 0; end < text.size(); end += 7) {
      for (const std::string& line : lines(text.substr(0, end))) {
        ASSERT_TRUE(whole.contains(line)) << file << " up to byte " << end << ": " << line;
      }
    }
  }
}

TEST(BigBlueButtonXmlCutOff, TypedPollWhoseAnswersMayBeMissingIsNamedAndLeftOut) {
  const ImportedEvents imported = ImportText(
      "<recording meeting_id='m'>\n"
      "<event timestamp='1400000000000' eventname='PollStartedRecordEvent'><pollId>q</pollId><answers>[]</answers>"
      "</event>\n"
      "<event timestamp='1400000001000' eventname='UserRespondedToPollRecordEvent'><userId>a</userId>"
      "<pollId>q</pollId><answer>heim</answer></event>\n"
      "<event timestamp='1400000002000' eventname='UserRespondedToPollRec",
      "bigbluebutton-xml", WithOwner());
  EXPECT_EQ(Payloads(imported).find("poll"), std::string::npos);
  ASSERT_EQ(imported.left_out.size(), 3);
  EXPECT_EQ(imported.left_out[0].line, 2);
  EXPECT_EQ(imported.left_out[0].field, "pollId");
  EXPECT_EQ(imported.left_out[1].line, 3);
}

}  // namespace
}  // namespace retention
