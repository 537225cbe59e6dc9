#include "server/ops/dns_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace retention {
namespace {

constexpr absl::Duration kRounds = absl::Minutes(10);

absl::TimeZone Berlin() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("Europe/Berlin", &zone));
  return zone;
}

absl::Time Midnight(absl::CivilDay day) { return absl::FromCivil(day, Berlin()); }

std::vector<ProbeSubject> Subjects(uint64_t count, absl::CivilDay last_probed) {
  std::vector<ProbeSubject> subjects;
  for (uint64_t i = 0; i < count; ++i) {
    subjects.push_back({PbxId::From({reinterpret_cast<const char*>(&i), sizeof(i)}), last_probed});
  }
  return subjects;
}

// Holds all rounds of a day; returns how many names each round had that had any.
std::vector<size_t> ProbeThrough(absl::CivilDay day, const DnsSchedule& schedule, std::vector<ProbeSubject>& subjects,
                                 std::map<size_t, int>* probes = nullptr) {
  std::vector<size_t> rounds;
  for (absl::Time now = Midnight(day); now < Midnight(day + 1); now += kRounds) {
    const auto due = schedule.Due(now, subjects);
    for (const size_t index : due) {
      subjects[index].last_probed = day;
      if (probes != nullptr) ++(*probes)[index];
    }
    if (!due.empty()) rounds.push_back(due.size());
  }
  return rounds;
}

const absl::CivilDay kFirstDay(2026, 3, 2);

TEST(DnsSchedule, EachPbxIsProbedOnceADayAndTheLoadIsEven) {
  const DnsSchedule schedule({.zone = Berlin()});
  auto subjects = Subjects(100'000, kFirstDay - 1);
  std::map<size_t, int> probes;
  const auto rounds = ProbeThrough(kFirstDay, schedule, subjects, &probes);
  EXPECT_EQ(probes.size(), 100'000u);
  for (const auto& [index, count] : probes) ASSERT_EQ(count, 1);
  EXPECT_EQ(rounds.size(), 139u);
  // The first round has one minute's, the others ten.
  EXPECT_LT(*std::max_element(rounds.begin(), rounds.end()), 900u);
  EXPECT_GT(*std::min_element(rounds.begin() + 1, rounds.end()), 500u);
}

TEST(DnsSchedule, TheMinuteOfAPbxNeverChanges) {
  EXPECT_EQ(DnsSchedule::MinuteOf(PbxId{}), 1379);
  EXPECT_EQ(DnsSchedule::MinuteOf(PbxId::From("12345678")), 1041);
}

TEST(DnsSchedule, DaylightSavingDaysProbeEachOnceToo) {
  const DnsSchedule schedule({.zone = Berlin()});
  for (const absl::CivilDay day : {absl::CivilDay(2026, 3, 29), absl::CivilDay(2026, 10, 25)}) {
    auto subjects = Subjects(5'000, day - 1);
    std::map<size_t, int> probes;
    ProbeThrough(day, schedule, subjects, &probes);
    EXPECT_EQ(probes.size(), 5'000u);
    for (const auto& [index, count] : probes) ASSERT_EQ(count, 1);
  }
}

TEST(DnsSchedule, ASmallInstallationIsProbedInOneRound) {
  const DnsSchedule schedule({.zone = Berlin()});
  for (const uint64_t size : {1, 5, 20, 39}) {
    auto subjects = Subjects(size, kFirstDay - 1);
    EXPECT_EQ(ProbeThrough(kFirstDay, schedule, subjects), std::vector<size_t>{size});
  }
}

TEST(DnsSchedule, NoRoundIsTooSmallToSayAnything) {
  const DnsSchedule schedule({.zone = Berlin()});
  for (uint64_t size = 40; size < 2'000; size += 61) {
    auto subjects = Subjects(size, kFirstDay - 1);
    for (const size_t round : ProbeThrough(kFirstDay, schedule, subjects)) EXPECT_GE(round, 20u) << size;
  }
}

TEST(DnsSchedule, AfterDowntimeRoundsAreBoundedAndTheLongestNotProbedComeFirst) {
  const DnsSchedule schedule({.zone = Berlin(), .round_min = 20, .round_max = 100});
  auto subjects = Subjects(1'010, kFirstDay - 5);
  for (size_t i = 500; i < 550; ++i) subjects[i].last_probed = kFirstDay - 9;
  const auto first = schedule.Due(Midnight(kFirstDay), subjects);
  ASSERT_EQ(first.size(), 100u);
  for (size_t i = 0; i < 50; ++i) EXPECT_TRUE(first[i] >= 500 && first[i] < 550) << i;
  const auto rounds = ProbeThrough(kFirstDay, schedule, subjects);
  // Ten after another, the last of which takes what would have been too few for an eleventh.
  EXPECT_EQ(rounds, (std::vector<size_t>{100, 100, 100, 100, 100, 100, 100, 100, 100, 110}));
}

TEST(DnsSchedule, OneThatIsNewIsDueAtOnce) {
  const DnsSchedule schedule({.zone = Berlin()});
  auto subjects = Subjects(100, kFirstDay);
  subjects[7].last_probed = absl::CivilDay(1970, 1, 1);
  EXPECT_EQ(schedule.Due(Midnight(kFirstDay), subjects), std::vector<size_t>{7});
}

TEST(DnsSchedule, AClockThatWentBackProbesNobodyTwice) {
  const DnsSchedule schedule({.zone = Berlin()});
  EXPECT_TRUE(schedule.Due(Midnight(kFirstDay), Subjects(100, kFirstDay + 1)).empty());
}

}  // namespace
}  // namespace retention
