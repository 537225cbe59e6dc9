#include "server/anonymisation/cohort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <type_traits>

#include "cohort_test_access.h"
#include "server/anonymisation/cube_codec.h"
#include "test_cohort.h"

namespace retention {
namespace {

// Exact counts come out of nothing but the noise, and cubes into being by it or by decoding.
static_assert(!std::is_copy_constructible_v<RawCube>);
static_assert(!std::is_copy_constructible_v<CohortBuilder>);
static_assert(!std::is_default_constructible_v<NoisyCube>);
static_assert(!std::is_constructible_v<NoisyCube, CubeDescription, std::vector<NoisyTable>>);

std::string Bytes(const NoisyCube& cube) {
  const EncodedCube encoded = EncodeCube(cube);
  std::string all = encoded.head;
  for (const auto& [id, bytes] : encoded.tables) all += bytes;
  return all;
}

std::string Release(const Meetings& meetings, uint64_t seed, const Profile& profile = kLargeProfile) {
  Tape tape(seed);
  CohortBuilder builder = Filled(meetings, tape, profile);
  return Bytes(*std::move(builder).Finish(tape));
}

RawCube RawCounts(const Meetings& meetings, uint64_t seed) {
  Tape tape(seed);
  return CohortTestAccess::Count(Filled(meetings, tape));
}

const std::vector<int64_t>& Cells(const RawCube& raw, TableId id) {
  return CohortTestAccess::Tables(raw)[static_cast<size_t>(id) - 1].cells;
}

struct Distance {
  int64_t squared = 0;        // over all tables
  int64_t most_in_table = 0;  // sum of differences within one table
  int64_t most_in_cell = 0;
};
Distance Between(const RawCube& a, const RawCube& b) {
  Distance distance;
  for (size_t t = 0; t < CohortTestAccess::Tables(a).size(); ++t) {
    int64_t in_table = 0;
    for (size_t i = 0; i < CohortTestAccess::Tables(a)[t].cells.size(); ++i) {
      const int64_t difference =
          std::abs(CohortTestAccess::Tables(a)[t].cells[i] - CohortTestAccess::Tables(b)[t].cells[i]);
      distance.squared += difference * difference;
      in_table += difference;
      distance.most_in_cell = std::max(distance.most_in_cell, difference);
    }
    distance.most_in_table = std::max(distance.most_in_table, in_table);
  }
  return distance;
}

// Adds `rows` rows of one person, to meetings of others and to new ones.
Meetings WithPerson(Meetings meetings, uint64_t person, uint32_t rows, Tape& tape, bool as_many_people) {
  for (uint32_t i = 0; i < rows; ++i) {
    const uint64_t token = as_many_people ? person + i : person;
    const uint32_t at = tape.Below(static_cast<uint32_t>(meetings.size()) + 20);
    if (at >= meetings.size()) meetings.push_back({"new " + std::to_string(meetings.size()), {}});
    Meeting& meeting = meetings[std::min<size_t>(at, meetings.size() - 1)];
    meeting.rows.insert(meeting.rows.begin() + tape.Below(static_cast<uint32_t>(meeting.rows.size()) + 1),
                        RandomRow(token, tape));
  }
  return meetings;
}

TEST(BoundedContribution, OnePersonAddsAtMostOneTickToEachTable) {
  constexpr uint32_t kRows[] = {1, 2, 3, 10, 100, 1000};
  Tape data(1);
  for (uint64_t pair = 0; pair < 1500; ++pair) {
    const uint32_t rows = kRows[pair % 6];
    const Meetings meetings = RandomMeetings(60, 20, data);
    const Meetings neighbour = WithPerson(meetings, 1'000'000, rows, data, false);
    RawCube a = RawCounts(meetings, pair), b = RawCounts(neighbour, pair);
    const Distance distance = Between(a, b);
    ASSERT_EQ(distance.most_in_table, 1) << rows;
    ASSERT_LE(distance.squared, kLargeProfile.contribution_bound);
    CohortTestAccess::ApplyFloor(a);
    CohortTestAccess::ApplyFloor(b);
    ASSERT_LE(Between(a, b).squared, kLargeProfile.contribution_bound);
  }
}

TEST(BoundedContribution, TheDistanceSeesAPersonWithoutTheBound) {
  // The test above would be void if it passed with the bound off: every row a person of its own.
  Tape data(1);
  const Meetings meetings = RandomMeetings(60, 20, data);
  const Meetings neighbour = WithPerson(meetings, 1'000'000, 100, data, true);
  const Distance distance = Between(RawCounts(meetings, 5), RawCounts(neighbour, 5));
  EXPECT_GT(distance.squared, kLargeProfile.contribution_bound);
  EXPECT_GT(distance.most_in_table, 1);
}

TEST(BoundedContribution, EveryTableHoldsEveryPersonOnce) {
  Tape data(2);
  const RawCube raw = RawCounts(RandomMeetings(5000, 700, data), 2);
  for (const NoisyTable& table : CohortTestAccess::Tables(raw)) {
    int64_t people = 0;
    for (const int64_t cell : table.cells) people += cell;
    EXPECT_EQ(people, 5000);
  }
}

// `crowd` people in one place of every table, and `few` people in another that shares no cell with it.
Meetings CrowdAndFew(const Participation& crowd_row, uint32_t crowd, const Participation& few_row, uint32_t few) {
  Meetings meetings = {{"crowd", {}}, {"few 1", {}}, {"few 2", {}}};
  for (uint32_t i = 0; i < crowd; ++i) {
    Participation row = crowd_row;
    row.person = PersonToken(i);
    meetings[0].rows.push_back(row);
  }
  for (uint32_t i = 0; i < few; ++i) {
    Participation row = few_row;
    row.person = PersonToken(1'000'000 + i);
    meetings[1].rows.push_back(row);
    meetings[2].rows.push_back(row);  // two meetings each: another cell of meetings_per_person
  }
  return meetings;
}

struct Pair {
  Meetings one, other;
};
// Two data sets that differ in cells below k only.
Pair DifferBelowFloor(Tape& data, uint32_t most_few) {
  const Participation crowd = RandomRow(0, data);
  Participation few = RandomRow(0, data);
  few.hour = static_cast<uint8_t>((crowd.hour + 1 + data.Below(23)) % 24);
  few.region = static_cast<uint8_t>((crowd.region + 1 + data.Below(3)) % 4);
  few.client = static_cast<uint8_t>((crowd.client + 1 + data.Below(2)) % 3);
  while (Duration12Bucket(Duration24Bucket(few.duration_seconds)) ==
         Duration12Bucket(Duration24Bucket(crowd.duration_seconds))) {
    few.duration_seconds = data.Below(30'000);
  }
  while (ReconnectionsBucket(few.reconnections) == ReconnectionsBucket(crowd.reconnections)) {
    few.reconnections = data.Below(14);
  }
  const uint32_t one = data.Below(most_few + 1), people = 10 + data.Below(90);
  const uint32_t other = (one + 1 + data.Below(most_few)) % (most_few + 1);
  return {CrowdAndFew(crowd, people, few, one), CrowdAndFew(crowd, people, few, other)};
}

TEST(Floor, CellsBelowKGiveTheSameBytesAsEmptyOnes) {
  Tape data(3);
  for (uint64_t pair = 0; pair < 500; ++pair) {
    const Pair sets = DifferBelowFloor(data, static_cast<uint32_t>(kLargeProfile.floor) - 1);
    ASSERT_EQ(Release(sets.one, pair), Release(sets.other, pair)) << pair;
  }
}

TEST(Floor, TheSameBytesDifferWithoutTheFloor) {
  // The test above would be void if it passed with the floor off.
  Profile without = kLargeProfile;
  without.floor = 1;
  Tape data(3);
  for (uint64_t pair = 0; pair < 50; ++pair) {
    const Pair sets = DifferBelowFloor(data, static_cast<uint32_t>(kLargeProfile.floor) - 1);
    ASSERT_NE(Release(sets.one, pair, without), Release(sets.other, pair, without)) << pair;
  }
}

TEST(Floor, KPeopleAreTheFirstToBeSeen) {
  Tape data(4);
  const Participation crowd = RandomRow(0, data);
  Participation few = crowd;
  few.hour = (crowd.hour + 1) % 24;
  EXPECT_EQ(Release(CrowdAndFew(crowd, 50, few, 0), 4).size(), Release(CrowdAndFew(crowd, 50, few, 0), 4).size());
  Tape tape(4);
  RawCube raw = CohortTestAccess::Count(Filled(CrowdAndFew(crowd, 50, few, 10), tape));
  const size_t cell = size_t{few.hour} * 4 + few.region;
  EXPECT_EQ(Cells(raw, TableId::kHourByRegion)[cell], 10);
  CohortTestAccess::ApplyFloor(raw);
  EXPECT_EQ(Cells(raw, TableId::kHourByRegion)[cell], 1);
  EXPECT_EQ(Cells(raw, TableId::kHourByRegion)[size_t{crowd.hour} * 4 + crowd.region], 41);
  EXPECT_EQ(*std::min_element(Cells(raw, TableId::kHourByRegion).begin(), Cells(raw, TableId::kHourByRegion).end()), 0);
}

TEST(Cohort, OrderOfMeetingsAndRowsDoesNotMatter) {
  Tape data(5);
  for (uint64_t run = 0; run < 20; ++run) {
    Meetings meetings = RandomMeetings(2000, 300, data);
    const std::string before = Release(meetings, run);
    for (size_t i = meetings.size(); i > 1; --i) {
      std::swap(meetings[i - 1], meetings[data.Below(static_cast<uint32_t>(i))]);
    }
    for (Meeting& meeting : meetings) {
      for (size_t i = meeting.rows.size(); i > 1; --i) {
        std::swap(meeting.rows[i - 1], meeting.rows[data.Below(static_cast<uint32_t>(i))]);
      }
    }
    ASSERT_EQ(Release(meetings, run), before);
  }
}

TEST(Cohort, ChosenMeetingIsUniform) {
  // A person in four meetings, with three rows in the last: each meeting is chosen equally often over many keys.
  Meetings meetings(4);
  for (uint8_t m = 0; m < 4; ++m) {
    meetings[m].id = std::string("m") + char('0' + m);
    for (uint8_t copy = 0; copy < (m == 3 ? 3 : 1); ++copy) {
      meetings[m].rows.push_back({.person = PersonToken(1), .hour = static_cast<uint8_t>(m + copy)});
    }
  }
  constexpr int kRuns = 24'000;
  std::array<int, 6> chosen{};
  for (uint64_t seed = 0; seed < kRuns; ++seed) {
    const RawCube raw = RawCounts(meetings, seed);
    const auto& cells = Cells(raw, TableId::kHourByRegion);
    for (size_t hour = 0; hour < 6; ++hour) chosen[hour] += static_cast<int>(cells[hour * 4]);
    ASSERT_EQ(Cells(raw, TableId::kMeetingsPerPerson)[3], 1) << "counts four meetings";
  }
  for (size_t hour = 0; hour < 3; ++hour) EXPECT_NEAR(chosen[hour], kRuns / 4, 4 * 67);
  for (size_t hour = 3; hour < 6; ++hour) EXPECT_NEAR(chosen[hour], kRuns / 12, 4 * 43);
}

TEST(Cohort, PersonTwiceInAMeetingIsInItOnce) {
  Meetings meetings = {{"a", {}}, {"b", {}}};
  for (Meeting& meeting : meetings) {
    for (int i = 0; i < 40; ++i) meeting.rows.push_back({.person = PersonToken(9), .meeting_size = 40});
  }
  EXPECT_EQ(Cells(RawCounts(meetings, 1), TableId::kMeetingsPerPerson)[1], 1);
}

TEST(Cohort, ManyMeetingsAreTopCoded) {
  Meetings meetings;
  for (int i = 0; i < 100; ++i) meetings.push_back({std::to_string(i), {{.person = PersonToken(9)}}});
  EXPECT_EQ(Cells(RawCounts(meetings, 1), TableId::kMeetingsPerPerson)[6], 1);
}

TEST(Cohort, IndexesOutOfRangeAreOther) {
  const Meetings meetings = {{"a", {{.person = PersonToken(1), .hour = 200, .region = 200, .client = 200}}}};
  const RawCube raw = RawCounts(meetings, 1);
  EXPECT_EQ(Cells(raw, TableId::kHourByRegion).back(), 1);
  EXPECT_EQ(Cells(raw, TableId::kClientByRegion).back(), 1);
}

TEST(Cohort, EveryCellGetsNoiseEvenOfAnEmptyCohort) {
  Tape tape(6);
  const absl::StatusOr<NoisyCube> cube = Filled({}, tape).Finish(tape);
  ASSERT_TRUE(cube.ok());
  size_t cells = 0, zeros = 0;
  bool negative = false;
  for (const NoisyTable& table : cube->tables()) {
    for (const int64_t cell : table.cells) {
      ++cells;
      zeros += cell == 0;
      negative |= cell < 0;
    }
  }
  // Chance of a zero: 1 / (sigma sqrt(2 pi)) = 0.018.
  EXPECT_LT(zeros, cells / 10);
  EXPECT_TRUE(negative);
  EXPECT_EQ(cube->description().rho_ppm, 20'000u);
  EXPECT_EQ(cube->description().first_day, TestDay());
}

TEST(Cohort, FailingRandomnessGivesNothing) {
  Tape tape(7);
  tape.FailAfter(0);
  EXPECT_EQ(CohortBuilder::Create(TestDay(), 1, TestLists(), tape).status().code(), absl::StatusCode::kUnavailable);
  tape.FailAfter(1);
  EXPECT_EQ(CohortBuilder::Create(TestDay(), 1, TestLists(), tape).status().code(), absl::StatusCode::kUnavailable);
  for (const int fills : {0, 1, 3}) {
    Tape noise(8);
    CohortBuilder builder = Filled({}, noise);
    noise.FailAfter(fills);
    EXPECT_EQ(std::move(builder).Finish(noise).status().code(), absl::StatusCode::kUnavailable) << fills;
  }
}

TEST(Cohort, WhoCameLateIsACellLikeAnyOther) {
  const auto draw = [](size_t people, uint64_t seed) {
    Tape tape(seed);
    return *DrawLatePeople(people, tape);
  };
  int64_t squares = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    const int64_t none = draw(0, seed);
    squares += none * none;
    ASSERT_EQ(draw(9, seed), none) << "fewer than ten are nobody";
    ASSERT_EQ(draw(10, seed), none + 1);
    ASSERT_EQ(draw(500, seed), none + 491);
  }
  EXPECT_NEAR(static_cast<double>(squares) / 2000, 500, 80);
  Tape failing(1);
  failing.FailAfter(0);
  EXPECT_FALSE(DrawLatePeople(0, failing).ok());
}

TEST(Cohort, ManyPeopleAreAllKept) {
  Tape data(9);
  Meetings meetings = {{"m", {}}};
  for (uint64_t i = 0; i < 100'000; ++i) meetings[0].rows.push_back(RandomRow(i, data));
  Tape tape(9);
  CohortBuilder builder = Filled(meetings, tape);
  const RawCube raw = CohortTestAccess::Count(std::move(builder));
  EXPECT_EQ(Cells(raw, TableId::kMeetingsPerPerson)[0], 100'000);
}

}  // namespace
}  // namespace retention
