// G6 and G1 over the real store: what one person does changes what is counted by their own contribution alone, in the
// cohorts of their own participations, and by no more than rho.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/privacy/attacked_platform.h"

namespace retention::privacy {
namespace {

// What the person adds where they are alone, by cohort and table.
void ExpectOwnContributionAlone(const Scene& scene) {
  World with(scene, true), without(scene, false);
  Scene own = scene;
  // The ends of meetings are nobody's: facts, which stay.
  std::erase_if(own.others, [](const v1::Event& event) { return !event.has_meeting_ended(); });
  World alone(own, true), nobody(own, false);
  const PublicLists lists = with.lists();
  for (const CohortDays& cohort : with.Cohorts()) {
    const Exact a = with.Count(cohort), b = without.Count(cohort), c = alone.Count(cohort), d = nobody.Count(cohort);
    EXPECT_LE(RhoSpent(a, b, cohort, lists), ProfileOf(cohort.profile).rho_ppm / 1e6);
    for (const auto& [table, cells] : a) {
      for (size_t i = 0; i < cells.size(); ++i) {
        const int64_t moved = cells[i] - b.at(table)[i], own_part = c.at(table)[i] - d.at(table)[i];
        if (table == TableId::kMeetings) {
          // One that somebody else marks too is counted without them.
          EXPECT_GE(moved, 0);
          EXPECT_LE(moved, own_part);
        } else {
          EXPECT_EQ(moved, own_part) << SpecOf(table).name << " cell " << i << " of " << cohort.first.number();
        }
      }
    }
  }
}

v1::Event Sample(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant,
                 uint32_t rtt_ms) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_media_quality_sampled()->set_participant_id(std::string(participant));
  event.mutable_media_quality_sampled()->set_rtt_ms(rtt_ms);
  return event;
}

// Others who are counted in the same way in any order and under any keys: two stays at most, below all caps, in whole
// units of time.
void AddOthers(Tape& tape, std::vector<v1::Event>& others) {
  for (int person = 1; person <= 6; ++person) {
    for (uint32_t stay = 0, stays = 1 + tape.Below(2); stay < stays; ++stay) {
      const std::string meeting = absl::StrCat("m", (person + tape.Below(2)) % 3);
      const double begin = tape.Below(40) * 2.5;
      Append(Stay(person, meeting, begin, 6 * static_cast<int>(1 + tape.Below(14)), static_cast<int>(stay)), others);
      if (tape.Below(3) == 0) others.pop_back();  // never left
    }
  }
  for (int end = 0; end < 4; ++end) {
    const absl::Duration after = absl::Minutes(6 * static_cast<int>(tape.Below(1'000)));
    others.push_back(Ended(absl::StrCat("m", tape.Below(3)), absl::StrCat("end", end), HourOf(0) + after));
  }
}

// Anything that one participant can cause, at any time that makes whole units: the rest of one is a lot, which is
// another in each world. Under one name: who has k counts as k people.
void AddTarget(Tape& tape, std::vector<v1::Event>& target) {
  for (uint32_t i = 0, count = 1 + tape.Below(12); i < count; ++i) {
    const std::string meeting = absl::StrCat("m", tape.Below(3)), id = absl::StrCat("t", i);
    const absl::Time time = HourOf(-10) + absl::Minutes(6 * static_cast<int>(tape.Below(120 * 10)));
    switch (tape.Below(6)) {
      case 0:
        target.push_back(Left(meeting, id, time, "target"));
        break;
      case 1:
        target.push_back(Reconnected(meeting, id, time, "target"));
        break;
      case 2:
        target.push_back(Sample(meeting, id, time, "target", 50 * tape.Below(9)));
        break;
      case 3: {
        v1::Event event = NewEvent(meeting, id, time);
        event.mutable_join_failed()->set_participant_id("target");
        event.mutable_join_failed()->set_client_kind("ios");
        event.mutable_join_failed()->set_cause(v1::JOIN_FAILURE_CAUSE_MEDIA);
        target.push_back(event);
        break;
      }
      default:
        target.push_back(Joined(meeting, id, time, "target", "Target", "target@example.org", "192.0.2.7"));
    }
    target.back().set_user_id("target");
  }
}

TEST(OwnEvents, WhateverOnePersonDoes_NobodyElseIsCountedOtherwise) {
  for (const auto profile :
       {v1::STATISTICS_PROFILE_LARGE, v1::STATISTICS_PROFILE_DAILY, v1::STATISTICS_PROFILE_SMALL}) {
    for (uint64_t seed = 1; seed <= 40 && !::testing::Test::HasFailure(); ++seed) {
      SCOPED_TRACE(absl::StrCat("profile ", profile, ", seed ", seed));
      Tape tape(1'000 * static_cast<uint64_t>(profile) + seed);
      Scene scene{.others = {}, .target = {}, .policy = Under(profile), .order = seed};
      AddOthers(tape, scene.others);
      AddTarget(tape, scene.target);
      ExpectOwnContributionAlone(scene);
    }
  }
}

// The border of the promise (docs/anonymisation.md): a platform that names a sitting in some events of a room and not
// in others. An attack that succeeds, as is known: an end without a name is of the only sitting that is there, and of
// none where one person's join names another.
TEST(OwnEvents, Known_WhereSomeEventsOfARoomNameTheirSittingOnePersonMovesOthers) {
  Scene scene;
  constexpr int kOthers = 20;
  for (int person = 1; person <= kOthers; ++person) Append(Stay(person, "m", 9, 54), scene.others);
  scene.target = Stay(1'000, "m", 9.1, 36);
  const auto moved = [&scene] {
    World with(scene, true), without(scene, false);
    const CohortDays cohort = with.CohortOf(9);
    const Exact a = with.Count(cohort), b = without.Count(cohort);
    int64_t moved = 0;
    for (size_t i = 0; i < a.at(TableId::kDuration).size(); ++i) {
      moved += std::abs(a.at(TableId::kDuration)[i] - b.at(TableId::kDuration)[i]);
    }
    return moved;
  };
  for (v1::Event& event : scene.others) event.set_occurrence_id("x");
  for (v1::Event& event : scene.target) event.set_occurrence_id("y");
  scene.others.push_back(Ended("m", "end", HourOf(9.5)));
  EXPECT_EQ(moved(), kSixtieths * (2 * kOthers + 1)) << "all others go from half an hour to their whole stay";
  scene.others.back().set_occurrence_id("x");
  EXPECT_EQ(moved(), kSixtieths) << "where all are named, the target alone";
}

// A seat that took a meeting over a border of sizes once gave its sitter away, by what all the others ticked.
TEST(OwnEvents, ASeatOverABorderOfSizesMovesItsSitterAlone) {
  for (const int seats : {0, 1, 2, 3, 4, 5, 9, 10, 19, 20, 24, 25, 49, 50, 99, 100}) {
    SCOPED_TRACE(seats);
    Scene scene;
    for (int person = 1; person <= seats; ++person) Append(Stay(person, "m", 9, 30), scene.others);
    scene.target = Stay(1'000, "m", 9, 30);
    ExpectOwnContributionAlone(scene);
  }
}

// One who was there the evening before once took all the others along into the cohort of that day.
TEST(OwnEvents, WhoCameBeforeMidnightTakesNobodyAlong) {
  Scene scene;
  for (int person = 1; person <= 90; ++person) Append(Stay(person, "m", 24.5, 30), scene.others);
  scene.target = Stay(1'000, "m", 23.5, 120);
  ExpectOwnContributionAlone(scene);
}

// One whose stay joins two sittings of others, and one whose last sign of life is later than theirs.
TEST(OwnEvents, WhoStaysBetweenTwoSittingsJoinsNobodyElses) {
  Scene scene;
  for (int person = 1; person <= 20; ++person) {
    Append(Stay(person, "m", 9, 30, 0), scene.others);
    Append(Stay(person, "m", 15, 30, 1), scene.others);
    if (person % 2 == 0) scene.others.pop_back();
  }
  scene.target = Stay(1'000, "m", 9, 480);
  scene.target.push_back(Sample("m", "late", HourOf(20), "p1000", 30));
  ExpectOwnContributionAlone(scene);
}

// A try that failed is filed with what the room held last, though that was days before: it once was in no cohort then.
TEST(OwnEvents, WhoCouldNotJoinIsCounted_WhoeverWasInTheRoomDaysBefore) {
  for (const int days_before : {0, 2, 6, 9, 20, 40}) {
    Scene scene;
    if (days_before > 0) scene.others = Stay(1, "m", 57 - 24 * days_before, 30);
    scene.target = {NewEvent("m", "try", HourOf(57))};
    scene.target[0].mutable_join_failed()->set_participant_id("target");
    scene.target[0].mutable_join_failed()->set_cause(v1::JOIN_FAILURE_CAUSE_MEDIA);
    World with(scene, true);
    const Exact exact = with.Count(with.CohortOf(57));
    int64_t failures = 0;
    for (const int64_t cell : exact.at(TableId::kFailuresByClient)) failures += cell;
    EXPECT_EQ(failures, kSixtieths) << days_before;
    ExpectOwnContributionAlone(scene);
  }
}

// One who comes under the addresses of two others is, for each join, one of them: nobody is merged by it.
TEST(OwnEvents, WhoComesUnderTwoAddressesMergesNobody) {
  Scene scene;
  for (int person = 1; person <= 20; ++person) Append(Stay(person, "m", 9, 30), scene.others);
  scene.target = {Joined("m", "a", HourOf(12), "target", "", "person1@example.org"),
                  Joined("m", "b", HourOf(14), "target", "", "person2@example.org")};
  World with(scene, true), without(scene, false);
  const CohortDays cohort = with.CohortOf(12);
  EXPECT_EQ(with.Count(cohort).at(TableId::kPeople), without.Count(cohort).at(TableId::kPeople));
}

}  // namespace
}  // namespace retention::privacy
