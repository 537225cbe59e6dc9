#include "server/anonymisation/display.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <utility>

namespace retention {
namespace {

constexpr double kDeviation = 15;

double CoveredOf(double truth, bool plain, std::mt19937_64& random) {
  std::normal_distribution<double> noise(0, kDeviation);
  const double threshold = DisplayThreshold(kDeviation);
  int shown = 0, covered = 0;
  for (int i = 0; i < 4'000'000 && shown < 4'000; ++i) {
    const double seen = truth + noise(random);
    if (seen < threshold) continue;
    ++shown;
    const auto contrast = [&](double m) -> Contrast {
      return {
          .value = seen - m, .variance = kDeviation * kDeviation, .covariance_with_people = kDeviation * kDeviation};
    };
    const ShownInterval interval = plain ? ShownInterval{seen - 1.96 * kDeviation, seen + 1.96 * kDeviation}
                                         : IntervalGivenDisplay(seen, kDeviation, seen, threshold, contrast);
    covered += interval.low <= truth && truth <= interval.high;
  }
  return shown < 500 ? 0.95 : double(covered) / shown;
}

TEST(Display, ShownCountsAreCoveredAtEverySize) {
  std::mt19937_64 random(1);
  for (const double truth : {10.0, 20.0, 40.0, 57.0, 80.0, 200.0, 1000.0}) {
    EXPECT_NEAR(CoveredOf(truth, /*plain=*/false, random), 0.95, 0.015) << truth;
  }
}

TEST(Display, PlainIntervalsDoNotCoverShownCountsOfFew) {
  // The test above would be void if it passed with 1.96 deviations.
  std::mt19937_64 random(1);
  EXPECT_LT(CoveredOf(20, /*plain=*/true, random), 0.1);
  EXPECT_LT(CoveredOf(40, /*plain=*/true, random), 0.9);
}

// A share of a whole whose noise it shares: N is part of M.
double SharesCovered(double truth, double share, bool plain) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> of_part(0, kDeviation), of_rest(0, 2 * kDeviation);
  const double threshold = DisplayThreshold(kDeviation);
  const double part_variance = kDeviation * kDeviation, whole_variance = 5 * part_variance;
  int shown = 0, covered = 0;
  for (int i = 0; i < 4'000'000 && shown < 4'000; ++i) {
    const double noise = of_part(random), part = truth + noise, whole = truth / share + noise + of_rest(random);
    if (part < threshold || whole <= 0) continue;
    ++shown;
    const auto contrast = [&](double m) -> Contrast {
      return {.value = part - m * whole,
              .variance = part_variance * (1 - 2 * m) + m * m * whole_variance,
              .covariance_with_people = part_variance * (1 - m)};
    };
    const double deviation = std::sqrt(contrast(part / whole).variance) / whole;
    const ShownInterval interval = plain
                                       ? ShownInterval{part / whole - 1.96 * deviation, part / whole + 1.96 * deviation}
                                       : IntervalGivenDisplay(part / whole, deviation, part, threshold, contrast);
    covered += interval.low <= share && share <= interval.high;
  }
  return double(covered) / shown;
}

TEST(Display, ShownSharesAreCoveredAtEverySize) {
  for (const double share : {0.02, 0.3}) {
    for (const double truth : {20.0, 40.0, 60.0, 100.0, 300.0}) {
      EXPECT_NEAR(SharesCovered(truth, share, /*plain=*/false), 0.95, 0.02) << truth << " " << share;
    }
  }
  EXPECT_LT(SharesCovered(20, 0.02, /*plain=*/true), 0.9) << "void if plain intervals pass";
}

TEST(Display, WhatDoesNotHangOnPeopleHasThePlainInterval) {
  const auto contrast = [](double m) -> Contrast {
    return {.value = 500 - m, .variance = 100, .covariance_with_people = 0};
  };
  const ShownInterval interval = IntervalGivenDisplay(500, 10, 60, 56, contrast);
  EXPECT_NEAR(interval.low, 500 - 19.6, 0.01);
  EXPECT_NEAR(interval.high, 500 + 19.6, 0.01);
}

TEST(Display, EndsOfIntervalsAreWhereTheTailsAre_OfWhateverHangsOnPeople) {
  constexpr double kThreshold = 56, kVariance = 225;
  for (const double people : {56.5, 60.0, 80.0, 300.0}) {
    for (const double covariance : {-200.0, -20.0, 0.0, 5.0, 100.0, 225.0}) {
      for (const double estimate : {-30.0, 0.0, 58.0, 1e6}) {
        const auto contrast = [&](double m) -> Contrast {
          return {.value = estimate - m, .variance = kVariance, .covariance_with_people = covariance};
        };
        const ShownInterval interval = IntervalGivenDisplay(estimate, 15, people, kThreshold, contrast);
        EXPECT_LE(interval.low, interval.high);
        if (interval.low > estimate - 500) {
          EXPECT_NEAR(TailsGivenDisplay(contrast(interval.low), people, kThreshold).high, 0.025, 1e-8);
        }
        if (interval.high < estimate + 500) {
          EXPECT_NEAR(TailsGivenDisplay(contrast(interval.high), people, kThreshold).low, 0.025, 1e-8);
        }
      }
    }
  }
}

// Noise can put what a share or a sum cannot be; of that nobody is as sure as [0, 0] says.
TEST(Display, AnIntervalOfWhatNoisePutBeyondABoundReachesInFromThere) {
  const auto within = [](double low, double high, double estimate, double most) {
    const ShownInterval interval = WithinBounds({low, high}, estimate, 100, most);
    return std::pair(interval.low, interval.high);
  };
  EXPECT_EQ(within(-504, -112, -308, INFINITY), std::pair(0.0, 196.0));
  EXPECT_EQ(within(-150, 242, -50, INFINITY), std::pair(0.0, 242.0)) << "it reached as far before";
  EXPECT_EQ(within(-60, -10, 5, INFINITY), std::pair(0.0, 196.0))
      << "intervals of few people can end below the estimate";
  EXPECT_EQ(within(104, 496, 300, INFINITY), std::pair(104.0, 496.0));
  EXPECT_EQ(within(700, 1100, 900, 500), std::pair(304.0, 500.0));
}

TEST(Display, TenPeopleAreInAShownFigureWith999PerMille) {
  for (const double deviation : {5.0, 15.0, 60.0}) {
    EXPECT_NEAR(DisplayCertainty(DisplayThreshold(deviation), deviation), 0.999, 1e-5);
  }
}

}  // namespace
}  // namespace retention
