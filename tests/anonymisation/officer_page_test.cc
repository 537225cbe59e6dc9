// The tables of the page for the data-protection officer, out of the constants. RETENTION_REWRITE_OFFICER=1 writes
// them down.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "server/anonymisation/budgets.h"
#include "server/anonymisation/guarantee.h"

namespace retention {
namespace {

struct Language {
  const char* file;
  bool decimal_comma;
  const char* promise_head;
  const char* weight_head;
  const char* profiles[3];
  const char* day;
  const char* days;
  const char* none;
};
constexpr Language kLanguages[] = {
    {.file = "officer.en.md",
     .decimal_comma = false,
     .promise_head = "there every day, for | cohorts | epsilon | a guess is right at most in (coin: 50 %)",
     .weight_head = "per cohort at most | participations | hours | reconnections | meetings",
     .profiles = {"LARGE (week)", "DAILY (day)", "SMALL (month)"},
     .day = "day",
     .days = "days",
     .none = "not counted"},
    {.file = "officer.de.md",
     .decimal_comma = true,
     .promise_head = "jeden Tag da, so lange | Kohorten | Epsilon | richtig geraten höchstens in (Münze: 50 %)",
     .weight_head = "je Kohorte höchstens | Teilnahmen | Stunden | Wiederverbindungen | Meetings",
     .profiles = {"LARGE (Woche)", "DAILY (Tag)", "SMALL (Monat)"},
     .day = "Tag",
     .days = "Tage",
     .none = "nicht gezählt"},
};
const Profile* const kOfficerProfiles[] = {&kLargeProfile, &kDailyProfile, &kSmallProfile};

std::string Number(const Language& language, const std::string& english) {
  return language.decimal_comma ? absl::StrReplaceAll(english, {{".", ","}}) : english;
}

std::string Promise(const Language& language) {
  std::string table = absl::StrCat("  | | ", language.promise_head, " |\n  | --- | --- | --- | --- | --- |\n");
  for (size_t i = 0; i < 3; ++i) {
    for (const uint32_t days : {1U, 30U, 250U, 365U}) {
      const uint32_t cohorts = CohortsTouched(days, *kOfficerProfiles[i]);
      const double rho = cohorts * (kOfficerProfiles[i]->rho_ppm / 1e6);
      absl::StrAppend(&table, "  | ", days == 1 ? language.profiles[i] : "", " | ", days, " ",
                      days == 1 ? language.day : language.days, " | ", cohorts, " | ",
                      Number(language, absl::StrFormat("%.1f", EpsilonOf(rho, kGuaranteeDelta))), " | ",
                      absl::StrFormat("%.0f", 100 * GuessRightAtMost(rho)), " % |\n");
    }
  }
  return table;
}

std::string Weight(const Language& language) {
  std::string table = absl::StrCat("  | ", language.weight_head, " |\n  | --- | --- | --- | --- | --- |\n");
  for (size_t i = 0; i < 3; ++i) {
    const Profile& profile = *kOfficerProfiles[i];
    const auto most = [&](Measure measure) {
      return static_cast<double>(ContributionOf(measure, profile)) * UnitOf(measure);
    };
    const bool counts_meetings = std::any_of(profile.tables.begin(), profile.tables.end(),
                                             [](const TableBudget& table) { return table.id == TableId::kMeetings; });
    absl::StrAppend(&table, "  | ", language.profiles[i], " | ", most(Measure::kParticipations), " | ",
                    most(Measure::kTime) / 3'600, " | ", most(Measure::kReconnections), " | ",
                    counts_meetings ? absl::StrCat(most(Measure::kMeetings)) : language.none, " |\n");
  }
  return table;
}

// `page` with what lies between its marks written anew.
std::string Rewritten(std::string page, const std::string& mark, const std::string& text) {
  const std::string begin = absl::StrCat("<!-- ", mark, " -->\n"), end = "<!-- end -->";
  const size_t from = page.find(begin);
  EXPECT_NE(from, std::string::npos) << mark;
  if (from == std::string::npos) return page;
  const size_t to = page.find(end, from);
  EXPECT_NE(to, std::string::npos) << mark;
  return page.replace(from + begin.size(), to - from - begin.size(), text);
}

TEST(OfficerPage, ItsTablesAreWhatTheServerPromises) {
  for (const Language& language : kLanguages) {
    const std::string path = absl::StrCat(RETENTION_DOCS "/", language.file);
    std::stringstream page;
    page << std::ifstream(path).rdbuf();
    ASSERT_FALSE(page.str().empty()) << path;
    const std::string expected =
        Rewritten(Rewritten(page.str(), "promise", Promise(language)), "weight", Weight(language));
    if (std::getenv("RETENTION_REWRITE_OFFICER") != nullptr) std::ofstream(path) << expected;
    EXPECT_EQ(page.str(), expected) << "RETENTION_REWRITE_OFFICER=1 writes them down";
  }
}

// What its text says in numbers.
TEST(OfficerPage, ItsSentencesAreTrue) {
  EXPECT_EQ(kGuaranteeDelta, 1e-7);
  EXPECT_EQ(DescribeGuarantee(kLargeProfile, absl::Hours(48)).least_people(), 10u);
}

}  // namespace
}  // namespace retention
