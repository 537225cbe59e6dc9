#include "server/anonymisation/cohort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "server/anonymisation/estimates.h"
#include "test_cohort.h"

namespace retention {
namespace {

using Exact = CohortTestAccess::Exact;

Exact Count(const Visits& visits, const Profile& profile = kLargeProfile, const PublicLists& lists = TestLists()) {
  Tape keys(1);
  return CohortTestAccess::Count(Filled(visits, keys, profile, lists));
}

int64_t Total(const std::vector<int64_t>& cells) { return std::accumulate(cells.begin(), cells.end(), int64_t{0}); }

// What one person changes in each table, as squared L2.
std::map<TableId, int64_t> SquaredDifference(const Exact& with, const Exact& without) {
  std::map<TableId, int64_t> squared;
  for (const auto& [table, cells] : with) {
    for (size_t i = 0; i < cells.size(); ++i) {
      const int64_t difference = cells[i] - without.at(table)[i];
      squared[table] += difference * difference;
    }
  }
  return squared;
}

// People who try to weigh as much as they can, in every way that was thought of, and at random.
std::vector<Visits> AdversarialPeople(uint64_t person, Tape& tape) {
  std::vector<Visits> people;
  for (const uint32_t count : {1u, 2u, 3u, 7u, 19u, 20u, 21u, 59u, 60u, 61u, 200u, 1000u}) {
    Visits same, ended, failed;
    const Visit first = RandomVisit(person, tape, 1000);
    for (uint32_t i = 0; i < count; ++i) {
      Visit visit = first;
      visit.participation.failure_cause = 0;
      visit.participation.duration_seconds = i % 2 == 0 ? 604'799 : 359;
      visit.participation.reconnections = 255;
      visit.participation.quality = {.rtt_ms = 1, .loss_ppm = 1, .jitter_ms = 1};
      visit.meeting = "own " + std::to_string(i);
      same.push_back(visit);
      visit.participation.failure_cause = 1;
      failed.push_back(visit);
      ended.push_back(RandomVisit(person, tape, 1000));
    }
    people.push_back(same);
    people.push_back(failed);
    people.push_back(ended);
    same.insert(same.end(), failed.begin(), failed.end());
    people.push_back(same);
  }
  for (int i = 0; i < 300; ++i) {
    Visits random;
    for (uint32_t visits = 1 + tape.Below(80); visits-- > 0;)
      random.push_back(RandomVisit(person, tape, 1 + tape.Below(50)));
    people.push_back(random);
  }
  return people;
}

// The most that was found, of each table.
std::map<TableId, int64_t> MostFound(const Profile& profile, const PublicLists& lists) {
  Tape tape(5);
  const Visits others = RandomVisits(60, tape);
  const Exact without = Count(others, profile, lists);
  std::map<TableId, int64_t> most;
  for (const Visits& own : AdversarialPeople(1'000'000, tape)) {
    Visits all = others;
    all.insert(all.end(), own.begin(), own.end());
    for (const auto& [table, squared] : SquaredDifference(Count(all, profile, lists), without)) {
      most[table] = std::max(most[table], squared);
    }
  }
  return most;
}

TEST(Contribution, WhatASearchOverAdversarialPeopleFindsIsWhatIsStated) {
  const PublicLists lists(PolicyWithControllers());
  for (const Profile* profile : {&kLargeProfile, &kDailyProfile, &kSmallProfile}) {
    const auto most = MostFound(*profile, lists);
    for (const DrawnTable& table : TablesOf(*profile, lists)) {
      const int64_t stated = ContributionOf(table.spec->measure, *profile);
      EXPECT_EQ(most.at(table.spec->id), stated * stated) << table.spec->name;
    }
  }
}

TEST(Contribution, TheSearchSeesCapsThatDoNotHold) {
  // The test above would be void if it passed where a person counts for more than is stated.
  Profile weak = kLargeProfile;
  weak.cap_participations *= 2;
  weak.cap_time_units *= 2;
  const auto most = MostFound(weak, TestLists());
  for (const TableId table : {TableId::kParticipations, TableId::kTime}) {
    const int64_t stated = ContributionOf(SpecOf(table).measure, kLargeProfile);
    EXPECT_GT(most.at(table), stated * stated);
  }
}

TEST(Cohort, SixtiethsOfAPersonAreSixtyInAll_WhateverTheyDo) {
  Tape tape(2);
  for (uint32_t visits = 1; visits <= 130; ++visits) {
    Visits own;
    for (uint32_t i = 0; i < visits; ++i) {
      own.push_back(RandomVisit(7, tape, 10));
      own.back().participation.failure_cause = 0;
    }
    const Exact exact = Count(own);
    for (const auto& [table, cells] : exact) {
      if (SpecOf(table).measure != Measure::kPeople) continue;
      EXPECT_EQ(Total(cells), kSixtieths) << SpecOf(table).name;
    }
  }
}

TEST(Cohort, TablesOfAMeasureAreMarginalsOfOneAnother) {
  Tape tape(3);
  const Exact exact = Count(RandomVisits(500, tape, 50, 40));
  for (const auto& [table, cells] : exact) {
    const TableSpec& spec = SpecOf(table);
    const std::map<Measure, TableId> wholes = {{Measure::kPeople, TableId::kPeople},
                                               {Measure::kTime, TableId::kTime},
                                               {Measure::kParticipations, TableId::kParticipations}};
    const auto whole = wholes.find(spec.measure);
    if (whole == wholes.end()) continue;
    EXPECT_EQ(Total(cells), exact.at(whole->second)[0]) << spec.name;
  }
}

TEST(Cohort, NoOrderOfRowsChangesAnything) {
  Tape tape(4);
  Visits visits = RandomVisits(300, tape, 40, 30);
  const Exact in_order = Count(visits);
  for (int i = 0; i < 3; ++i) {
    for (size_t at = visits.size(); at > 1; --at)
      std::swap(visits[at - 1], visits[tape.Below(static_cast<uint32_t>(at))]);
    EXPECT_EQ(Count(visits), in_order);
  }
}

TEST(Cohort, NothingOfAnybodyElseMovesAPersonsCells) {
  // G6: what a person adds is the same beside any others; of meetings, no more than their own marks.
  Tape tape(6);
  const Visits own = {RandomVisit(1'000, tape, 5), RandomVisit(1'000, tape, 5), RandomVisit(1'000, tape, 5)};
  const Exact alone = Count(own), nobody = Count({});
  for (int i = 0; i < 20; ++i) {
    const Visits others = RandomVisits(1 + tape.Below(40), tape, 5);
    Visits all = others;
    all.insert(all.end(), own.begin(), own.end());
    const Exact with = Count(all), without = Count(others);
    for (const auto& [table, cells] : alone) {
      if (table == TableId::kMeetings) {
        EXPECT_LE(with.at(table)[0] - without.at(table)[0], kMarksPerPerson);
        EXPECT_GE(with.at(table)[0] - without.at(table)[0], 0);
        continue;
      }
      for (size_t cell = 0; cell < cells.size(); ++cell) {
        EXPECT_EQ(with.at(table)[cell] - without.at(table)[cell], cells[cell] - nobody.at(table)[cell]);
      }
    }
  }
}

TEST(Cohort, SumsAreWhatPeopleDidUpToTheirCaps) {
  const auto at = [](uint64_t person, uint32_t seconds, uint32_t reconnections) {
    Visit visit{.participation = {.person = PersonToken(person)}, .meeting = "m"};
    visit.participation.duration_seconds = seconds;
    visit.participation.reconnections = reconnections;
    return visit;
  };
  Visits visits = {at(1, 3600, 2), at(1, 1800, 0), at(2, 7200, 1)};
  Exact exact = Count(visits);
  EXPECT_EQ(exact.at(TableId::kParticipations)[0], 3 * kSixtieths);
  EXPECT_EQ(exact.at(TableId::kTime)[0], (5400 + 7200) / kTimeUnitSeconds);
  EXPECT_EQ(exact.at(TableId::kReconnectionsSum)[0], 3 * kSixtieths);
  EXPECT_EQ(exact.at(TableId::kCaps)[0], 2 * kSixtieths);
  for (int i = 0; i < 100; ++i) visits.push_back(at(3, 36'000, 9));
  exact = Count(visits);
  EXPECT_EQ(exact.at(TableId::kParticipations)[0], (3 + kLargeProfile.cap_participations) * kSixtieths);
  EXPECT_EQ(exact.at(TableId::kTime)[0], (5400 + 7200) / kTimeUnitSeconds + kLargeProfile.cap_time_units);
  EXPECT_EQ(exact.at(TableId::kCaps)[7], kSixtieths) << "at all caps";
}

TEST(Cohort, TimeIsOnAverageWhatPeopleSpent_HoweverShort) {
  constexpr int kPeople = 20'000;
  for (const uint32_t seconds : {1u, 60u, 179u, 181u, 359u, 361u, 540u, 3'599u}) {
    Visits visits;
    for (int i = 0; i < kPeople; ++i) {
      visits.push_back({.participation = {.person = PersonToken(i)}, .meeting = "m"});
      visits.back().participation.duration_seconds = seconds;
    }
    const auto units = static_cast<double>(Count(visits).at(TableId::kTime)[0]);
    const double rest = static_cast<double>(seconds % kTimeUnitSeconds) / kTimeUnitSeconds;
    EXPECT_NEAR(units / kPeople, static_cast<double>(seconds) / kTimeUnitSeconds,
                4 * std::sqrt(rest * (1 - rest) / kPeople))
        << seconds << " seconds each";
  }
}

TEST(Cohort, MeetingsAreThoseThatSomebodyMarked) {
  Visits visits;
  const auto add = [&](uint64_t person, const std::string& meeting) {
    visits.push_back({.participation = {.person = PersonToken(person)}, .meeting = meeting});
  };
  add(1, "a"), add(1, "b"), add(2, "b"), add(2, "b"), add(3, "c");
  EXPECT_EQ(Count(visits).at(TableId::kMeetings)[0], 3);
  for (int i = 0; i < 50; ++i) add(4, "only of 4: " + std::to_string(i));
  EXPECT_EQ(Count(visits).at(TableId::kMeetings)[0], 5) << "two marks a person";
}

TEST(Cohort, TheCubeIsTheCountsAndNoiseAsDescribed) {
  Tape tape(8);
  const Visits visits = RandomVisits(200, tape);
  const Exact exact = Count(visits);
  Tape noise(9);
  double chi_square = 0, cells = 0;
  const PublicLists lists = TestLists();
  for (int i = 0; i < 20; ++i) {
    const NoisyCube cube = *Filled(visits, noise).Finish(noise);
    EXPECT_EQ(cube.description().schema_version, kLargeProfile.schema_version);
    const std::vector<DrawnTable> drawn = TablesOf(kLargeProfile, lists);
    for (size_t table = 0; table < drawn.size(); ++table) {
      if (drawn[table].spec->measure == Measure::kMeetings) continue;  // marks are another choice each time
      const auto variance = static_cast<double>(NoiseVarianceOf(drawn[table], kLargeProfile));
      const auto& noisy = cube.tables()[table];
      for (size_t cell = 0; cell < noisy.cells.size(); ++cell) {
        const auto error = static_cast<double>(noisy.cells[cell] - exact.at(noisy.id)[cell]);
        chi_square += error * error / variance;
        ++cells;
      }
    }
  }
  EXPECT_NEAR(chi_square / cells, 1, 4 * std::sqrt(2 / cells));
}

TEST(Cohort, AFailureOfTheSourceGivesTheReleaseUp) {
  Tape tape(10);
  const Visits visits = RandomVisits(20, tape);
  Tape failing(11);
  CohortBuilder builder = Filled(visits, failing);
  failing.FailAfter(1);
  EXPECT_EQ(std::move(builder).Finish(failing).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace retention
