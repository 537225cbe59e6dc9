// Was this person there? Asked of the API by somebody who knows everything else, of platforms on which it is easy.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/anonymisation/guarantee.h"
#include "server/base/request_parts.h"
#include "tests/privacy/attacked_platform.h"

namespace retention::privacy {
namespace {

constexpr int kDraws = 400;
// An attack that cannot see an eighth of the noise would show nothing.
constexpr double kWeakness = 8;

double ThreeErrors(int draws) { return 3 * std::sqrt(0.25 / draws); }

// The attack does not succeed, and would on a weaker build.
void ExpectHidden(const Scene& scene, double hour) {
  World with(scene, true), without(scene, false);
  const CohortDays cohort = with.CohortOf(hour);
  const double promised = GuessRightAtMost(ProfileOf(cohort.profile).rho_ppm / 1e6);
  EXPECT_LE(RightGuesses(with, without, cohort, kDraws), promised + ThreeErrors(kDraws));
  EXPECT_GT(RightGuesses(with, without, cohort, kDraws / 2, kWeakness), promised + ThreeErrors(kDraws / 2)) << "void";
}

// Somebody at every cap of a week, in one hour's cell, in meetings that are theirs alone.
Scene AsMuchAsOneCan() {
  Scene scene{.others = {}, .target = {}, .policy = Under(v1::STATISTICS_PROFILE_LARGE)};
  for (int person = 1; person <= 10; ++person) Append(Stay(person, "m", 9, 30), scene.others);
  for (int i = 0; i < 30; ++i) Append(Stay(1'000, absl::StrCat("own", i), 9, 40, i), scene.target);
  return scene;
}

TEST(MembershipOverTheApi, OfWhoeverWeighsAsMuchAsOneCan) { ExpectHidden(AsMuchAsOneCan(), 9); }

TEST(MembershipOverTheApi, OfASeatThatMakesAMeetingOfTwo) {
  Scene scene;
  Append(Stay(1, "m", 9, 30), scene.others);
  for (int i = 0; i < 8; ++i) Append(Stay(1'000, "m", 9 + 1.75 * i, 45, i), scene.target);
  ExpectHidden(scene, 9);
}

TEST(MembershipOverTheApi, OnAPlatformOfThreePeople) {
  Scene scene{.others = {}, .target = {}, .policy = Under(v1::STATISTICS_PROFILE_SMALL)};
  for (int person = 1; person <= 3; ++person) Append(Stay(person, "m", 9, 30), scene.others);
  for (int i = 0; i < 60; ++i) Append(Stay(1'000, absl::StrCat("r", i), 9, 30, i), scene.target);
  ExpectHidden(scene, 9);
}

// The only person of a controller whose figures are published, on a list that grew by it.
TEST(MembershipOverTheApi, OfTheOnlyPersonOfAPublishedController) {
  Scene scene;
  scene.policy = [](v1::Policy& policy) {
    policy.mutable_statistics()->set_profile(v1::STATISTICS_PROFILE_LARGE);
    policy.mutable_statistics()->add_published_controllers("acme");
  };
  scene.pbxs = {{"pbx", "controller"}, {"lone", "acme"}};
  for (int person = 1; person <= 10; ++person) Append(Stay(person, "m", 9, 30), scene.others);
  for (int i = 0; i < 30; ++i) Append(Stay(1'000, absl::StrCat("own", i), 9, 40, i, "lone"), scene.target);
  ExpectHidden(scene, 9);
  World with(scene, true), without(scene, false);
  const CohortDays week = with.CohortOf(9);
  const Exact exact = with.Count(week);
  EXPECT_EQ(exact.at(TableId::kController)[0], kSixtieths) << "acme";
  EXPECT_GT(RhoSpent(exact, without.Count(week), week, with.lists()), 0.01) << "nearly all of it";
}

// Over weeks, and over lists of which one has a controller more: all that differs between them adds up to no more than
// the budgets of the weeks.
TEST(MembershipOverTheApi, DifferencesOfWeeksAndListsAreWorthNoMoreThanTheirBudgets) {
  double rho = 0;
  size_t cohorts = 0;
  for (const bool listed : {false, true}) {
    Scene scene;
    scene.policy = [&](v1::Policy& policy) {
      policy.mutable_statistics()->set_profile(v1::STATISTICS_PROFILE_LARGE);
      if (listed) policy.mutable_statistics()->add_published_controllers("acme");
    };
    scene.pbxs = {{"pbx", "controller"}, {"lone", "acme"}};
    for (int person = 1; person <= 10; ++person) Append(Stay(person, "m", 9, 30), scene.others);
    for (int day = 0; day < 9; ++day) {
      for (int i = 0; i < 4; ++i)
        Append(Stay(1'000, absl::StrCat("own", i), 24 * day + 9, 90, 10 * day + i, "lone"), scene.target);
    }
    World with(scene, true), without(scene, false);
    for (const CohortDays& week : with.Cohorts()) {
      const double spent = RhoSpent(with.Count(week), without.Count(week), week, with.lists());
      rho += spent;
      cohorts += spent > 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(cohorts, 4u);
  EXPECT_LE(rho, 4 * kLargeProfile.rho_ppm / 1e6);
}

v1::QueryStatisticsRequest Asked(v1::Metric metric, std::vector<v1::Dimension> group_by, const std::string& filter) {
  v1::QueryStatisticsRequest request;
  request.set_metric(metric);
  for (const v1::Dimension dimension : group_by) request.add_group_by(dimension);
  request.set_filter(filter);
  SetDate(DueDay(absl::CivilDay(2026, 3, 2)), *request.mutable_first_day());
  SetDate(DueDay(absl::CivilDay(2026, 3, 8)), *request.mutable_last_day());
  return request;
}

// The rows whose last group is `value`; all rows if it is empty. What is not shown is not known.
double SumOf(const v1::QueryStatisticsResponse& answer, const std::string& value = "") {
  double sum = 0;
  for (const v1::StatisticsRow& row : answer.rows()) {
    if (!value.empty() && row.group(row.group_size() - 1) != value) continue;
    sum += row.estimate();
  }
  return sum;
}

// One figure, asked for in every way: by itself, by groups, by complements, by units of the calendar, by shares.
// `people` are those of one client in one region.
std::vector<double> Phrasings(const Published& published, const ProfileHistory& profiles) {
  const auto ask = [&](v1::Metric metric, std::vector<v1::Dimension> by, const std::string& filter) {
    return published.Ask(Asked(metric, std::move(by), filter), profiles);
  };
  const std::string client = "client = \"web-chrome\"", region = "region = fra";
  const double all_of_region = SumOf(ask(v1::METRIC_PEOPLE, {}, region));
  return {
      SumOf(ask(v1::METRIC_PEOPLE, {}, client + " AND " + region)),
      SumOf(ask(v1::METRIC_PEOPLE, {v1::DIMENSION_CLIENT}, region), "web-chrome"),
      SumOf(ask(v1::METRIC_PEOPLE, {v1::DIMENSION_REGION}, client), "fra"),
      SumOf(ask(v1::METRIC_PEOPLE, {v1::DIMENSION_WEEK}, client + " AND " + region)),
      SumOf(ask(v1::METRIC_PEOPLE, {v1::DIMENSION_YEAR}, client + " AND " + region)),
      all_of_region - SumOf(ask(v1::METRIC_PEOPLE, {}, "client != \"web-chrome\" AND " + region)),
      all_of_region * SumOf(ask(v1::METRIC_SHARE, {v1::DIMENSION_CLIENT}, region), "web-chrome"),
  };
}

TEST(MembershipOverTheApi, EveryPhrasingIsOneFigure_SoThatNoAverageAndNoDifferenceTellsMore) {
  Scene scene{.others = {}, .target = {}, .policy = Under(v1::STATISTICS_PROFILE_LARGE)};
  for (int person = 1; person <= 1'000; ++person) {
    Append(Stay(person, absl::StrCat("m", person % 20), 9, 30), scene.others);
    // Others of the region have another client, so that complements can be asked for.
    if (person % 2 == 0) scene.others[scene.others.size() - 2].mutable_participant_joined()->set_client_kind("ios");
  }
  scene.target = Stay(1'000, "m1", 9, 30);
  World with(scene, true), without(scene, false);
  const CohortDays week = with.CohortOf(9);
  const ProfileHistory profiles(v1::STATISTICS_PROFILE_LARGE);
  Tape tape(11);
  constexpr int kAsked = 150;
  constexpr double kOthers = 500, kBetween = kOthers + 0.5;
  int right = 0, right_of_weak = 0;
  for (int draw = 0; draw < kAsked; ++draw) {
    const bool is_there = tape.Below(2) == 1;
    World& world = is_there ? with : without;
    const Published published(world.Draw(week, tape), world.policy());
    const std::vector<double> figures = Phrasings(published, profiles);
    double mean = 0;
    for (const double figure : figures) {
      EXPECT_NEAR(figure, figures[0], 0.01) << ::testing::PrintToString(figures);
      mean += figure / static_cast<double>(figures.size());
    }
    const double truth = kOthers + (is_there ? 1 : 0);
    // As if the noise were so much smaller that one person shows.
    const double weak = truth + (mean - truth) / 200;
    right += (mean > kBetween) == is_there;
    right_of_weak += (weak > kBetween) == is_there;
    if (::testing::Test::HasFailure()) return;
  }
  const double promised = GuessRightAtMost(kLargeProfile.rho_ppm / 1e6);
  EXPECT_LE(static_cast<double>(right) / kAsked, promised + ThreeErrors(kAsked));
  EXPECT_GT(static_cast<double>(right_of_weak) / kAsked, 0.9) << "void";
}

// Averages over draws would: hence one draw (one_draw_test, cohort_copies_test).
TEST(MembershipOverTheApi, ManyDrawsOfACohortWouldGiveSomebodyAway) {
  const Scene scene = AsMuchAsOneCan();
  World with(scene, true), without(scene, false);
  EXPECT_GT(RightGuesses(with, without, with.CohortOf(9), 40, 1, 60),
            GuessRightAtMost(kLargeProfile.rho_ppm / 1e6) + 0.1);
}

}  // namespace
}  // namespace retention::privacy
