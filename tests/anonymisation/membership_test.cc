// Was this person there? By somebody who knows everything else, and who looks at every cell that is published.
#include <gtest/gtest.h>

#include <cmath>

#include "server/anonymisation/guarantee.h"
#include "test_cohort.h"

namespace retention {
namespace {

// How often the likelihood ratio over all tables of a cohort is right, with even odds before. Nobody can do better with
// what is drawn, whatever averages, complements or differences they make.
double RightGuesses(const Profile& drawn, int draws, const Visits& others, const Visits& target) {
  const PublicLists lists = TestLists();
  Visits with = others;
  with.insert(with.end(), target.begin(), target.end());
  const auto count = [&](const Visits& visits) {
    Tape keys(1);
    return CohortTestAccess::Count(Filled(visits, keys, drawn));
  };
  const auto exact_with = count(with), exact_without = count(others);
  Tape tape(20260331);
  int right = 0;
  for (int draw = 0; draw < draws; ++draw) {
    const bool is_there = tape.Below(2) == 1;
    const NoisyCube cube = *Filled(is_there ? with : others, tape, drawn).Finish(tape);
    double log_ratio = 0;
    const std::vector<DrawnTable> tables = TablesOf(drawn, lists);
    for (size_t t = 0; t < tables.size(); ++t) {
      const TableId table = tables[t].spec->id;
      const auto variance = static_cast<double>(NoiseVarianceOf(tables[t], drawn));
      for (size_t i = 0; i < cube.tables()[t].cells.size(); ++i) {
        const auto seen = static_cast<double>(cube.tables()[t].cells[i]);
        const auto a = static_cast<double>(exact_with.at(table)[i]),
                   b = static_cast<double>(exact_without.at(table)[i]);
        log_ratio += ((seen - b) * (seen - b) - (seen - a) * (seen - a)) / (2 * variance);
      }
    }
    right += (log_ratio > 0) == is_there;
  }
  return static_cast<double>(right) / draws;
}

constexpr int kDraws = 1'500;

struct Scene {
  Visits others, target;
};

// Somebody who weighs as much as they can: everything in one cell, at every cap, in two meetings that are theirs alone.
Scene AsMuchAsOneCan() {
  Tape tape(4);
  Scene scene;
  for (uint64_t person = 1; person <= 40; ++person) scene.others.push_back(RandomVisit(person, tape, 10));
  for (int i = 0; i < 60; ++i) {
    Visit visit{.participation = {.person = PersonToken(1'000), .hour = 3, .region = 1},
                .meeting = std::to_string(i % 2)};
    visit.participation.duration_seconds = 36'000;
    visit.participation.reconnections = 20;
    visit.participation.quality = {.rtt_ms = 600, .loss_ppm = 200'000, .jitter_ms = 150};
    if (i % 6 == 5) visit.participation.failure_cause = 2;
    scene.target.push_back(visit);
  }
  return scene;
}

TEST(Membership, NoGuessIsRightMoreOftenThanIsPromised) {
  const Scene scene = AsMuchAsOneCan();
  const double right = RightGuesses(kLargeProfile, kDraws, scene.others, scene.target);
  const double error = std::sqrt(0.25 / kDraws);
  EXPECT_LE(right, GuessRightAtMost(kLargeProfile.rho_ppm / 1e6) + 3 * error);
  EXPECT_GE(right, 0.5 - 3 * error);
}

TEST(Membership, TheAttackSucceedsWhereNoiseIsTooWeak) {
  // The test above would be void if it passed with a quarter of the deviation that is promised.
  Profile weak = kLargeProfile;
  weak.rho_ppm *= 16;
  const Scene scene = AsMuchAsOneCan();
  EXPECT_GT(RightGuesses(weak, kDraws, scene.others, scene.target),
            GuessRightAtMost(kLargeProfile.rho_ppm / 1e6) + 3 * std::sqrt(0.25 / kDraws));
}

TEST(Membership, TheAttackSucceedsWhereOnePersonCountsForMoreThanIsStated) {
  // Noise of the stated caps, but people who are not held to them: as if each participation were somebody else's.
  Scene scene = AsMuchAsOneCan();
  uint64_t next = 5'000;
  for (Visit& visit : scene.target) visit.participation.person = PersonToken(next++);
  EXPECT_GT(RightGuesses(kLargeProfile, kDraws / 3, scene.others, scene.target), 0.9);
}

}  // namespace
}  // namespace retention
