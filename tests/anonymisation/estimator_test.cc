#include "server/anonymisation/estimator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "server/anonymisation/sampler.h"
#include "test_random.h"

namespace retention {
namespace {

constexpr int64_t kBias = kLargeProfile.floor - 1;

// Noisy sums over `days` cohorts, of which each has `counts[b]` people in bucket b.
class Noisy {
 public:
  explicit Noisy(uint64_t seed) : tape_(seed), noise_(kLargeProfile.noise_variance, tape_) {}
  std::vector<CellSum> Sums(const std::vector<int64_t>& counts, int days) {
    std::vector<CellSum> sums(counts.size());
    for (int day = 0; day < days; ++day) {
      for (size_t b = 0; b < counts.size(); ++b) {
        sums[b].Add(std::max<int64_t>(0, counts[b] - kBias) + *noise_.Draw(), kLargeProfile);
      }
    }
    return sums;
  }

 private:
  Tape tape_;
  DiscreteGaussian noise_;
};

// Share of `runs` in which the interval holds `truth`; fails if a figure is suppressed.
double Coverage(int runs, double truth, const std::function<Figure()>& estimate) {
  int held = 0;
  for (int i = 0; i < runs; ++i) {
    const Figure figure = estimate();
    EXPECT_FALSE(figure.suppressed);
    EXPECT_LE(figure.low, figure.estimate);
    EXPECT_GE(figure.high, figure.estimate);
    held += figure.low <= truth && truth <= figure.high;
  }
  return double(held) / runs;
}

TEST(CellSum, AddsWhatTheFloorTookToShownCellsOnly) {
  CellSum sum;
  sum.Add(70, kLargeProfile);
  sum.Add(69, kLargeProfile);
  sum.Add(-30, kLargeProfile);
  EXPECT_EQ(sum.raw, 109);
  EXPECT_EQ(sum.estimate, 118);
  EXPECT_EQ(sum.bias, 18);
  EXPECT_EQ(sum.variance, 1500);
  EXPECT_EQ(sum.cells, 3u);
}

TEST(EstimateCount, OneCellIsShownFromItsThreshold) {
  for (const int64_t value : {69, 70}) {
    CellSum sum;
    sum.Add(value, kLargeProfile);
    const Figure figure = EstimateCount(sum);
    EXPECT_EQ(figure.suppressed, value < 70);
    if (value < 70) {
      EXPECT_EQ(figure.estimate + figure.noise_stddev + figure.low + figure.high + figure.bias_bound, 0);
      continue;
    }
    EXPECT_DOUBLE_EQ(figure.estimate, 79);
    EXPECT_DOUBLE_EQ(figure.noise_stddev, std::sqrt(500.0));
    EXPECT_NEAR(figure.low, 79 - 1.96 * std::sqrt(500.0), 0.01);
    EXPECT_NEAR(figure.high, 79 + 1.96 * std::sqrt(500.0), 0.01);
    EXPECT_EQ(figure.bias_bound, 0);
  }
}

TEST(EstimateCount, SumIsShownFrom309StandardDeviationsAndCarriesItsBias) {
  const auto four = [](int64_t value) {
    CellSum sum;
    for (int i = 0; i < 4; ++i) sum.Add(value, kLargeProfile);
    return EstimateCount(sum);
  };
  // 3.09 sigma sqrt(4) = 138.2
  EXPECT_TRUE(four(34).suppressed);
  const Figure figure = four(35);
  ASSERT_FALSE(figure.suppressed);
  EXPECT_DOUBLE_EQ(figure.estimate, 140);
  EXPECT_DOUBLE_EQ(figure.bias_bound, 36);
  EXPECT_NEAR(figure.high, 140 + 1.96 * std::sqrt(2000.0) + 36, 0.01);
}

TEST(EstimateCount, NothingAddedUpIsSuppressed) { EXPECT_TRUE(EstimateCount({}).suppressed); }

TEST(EstimateCount, EmptyCellsAreShownOnceInAThousand) {
  Noisy noisy(1);
  int shown = 0;
  for (int i = 0; i < 100'000; ++i) shown += !EstimateCount(noisy.Sums({0}, 1)[0]).suppressed;
  EXPECT_LT(shown, 140);
}

TEST(EstimateCount, IntervalOfLargeCellsHoldsTheTruthIn95Percent) {
  Noisy noisy(2);
  const double coverage = Coverage(20'000, 1000, [&] { return EstimateCount(noisy.Sums({1000}, 1)[0]); });
  EXPECT_GT(coverage, 0.944);
  EXPECT_LT(coverage, 0.956);
}

TEST(EstimateCount, IntervalHoldsTheTruthAmongManySmallCells) {
  Noisy noisy(3);
  const std::vector<int64_t> counts = {600, 0, 4, 8, 9, 10, 11, 20, 5, 5, 5, 60};
  double truth = 0;
  for (const int64_t count : counts) truth += double(count);
  EXPECT_GT(Coverage(3000, truth, [&] { return EstimateCount(Total(noisy.Sums(counts, 1))); }), 0.95);
}

TEST(EstimateWeightedCount, CountsTheTopBucketWithItsLowerBound) {
  std::vector<CellSum> buckets(7);
  for (CellSum& bucket : buckets) bucket.Add(1000 - kBias, kLargeProfile);
  const Figure figure = EstimateWeightedCount(buckets, BoundsOf(Axis::kMeetingsPerPerson));
  EXPECT_DOUBLE_EQ(figure.estimate, 1000 * (1 + 2 + 3 + 4 + 5.5 + 8 + 10));
  EXPECT_LT(figure.low, 1000 * (1 + 2 + 3 + 4 + 5 + 7 + 10));
  EXPECT_GT(figure.high, 1000 * (1 + 2 + 3 + 4 + 6 + 9 + 10));
}

TEST(EstimateMean, IntervalHoldsEveryMeanThatTheBucketsAllow) {
  const auto bounds = BoundsOf(Axis::kDuration12);
  const std::vector<int64_t> counts = {40, 60, 80, 100, 200, 400, 300, 100, 50, 30, 8, 3};
  double people = 0, lowest = 0, highest = 0;
  for (size_t b = 0; b < counts.size(); ++b) {
    people += double(counts[b]);
    lowest += double(counts[b]) * bounds[b].low;
    highest += double(counts[b]) * bounds[b].high;
  }
  Noisy noisy(4);
  const auto estimate = [&] { return EstimateMean(noisy.Sums(counts, 1), bounds); };
  EXPECT_GT(Coverage(3000, lowest / people, estimate), 0.95);
  EXPECT_GT(Coverage(3000, highest / people, estimate), 0.95);
}

TEST(EstimateMean, NoiseAloneIsCoveredIn95PercentEvenWhenPeopleAreFew) {
  // Buckets without width, and cells without floor: what remains is the noise of numerator and denominator.
  const std::vector<BucketBounds> bounds = {{0, 0}, {100, 100}, {1000, 1000}};
  Profile profile = kLargeProfile;
  profile.floor = 1;
  const std::vector<int64_t> counts = {250, 80, 20};
  const double truth = (80 * 100 + 20 * 1000) / 350.0;
  Tape tape(5);
  DiscreteGaussian noise(500, tape);
  const double coverage = Coverage(20'000, truth, [&] {
    std::vector<CellSum> sums(3);
    for (size_t b = 0; b < 3; ++b) sums[b].Add(counts[b] + *noise.Draw(), profile);
    return EstimateMean(sums, bounds);
  });
  EXPECT_GT(coverage, 0.94);
}

TEST(EstimateMean, BiasBoundIsTheWorstFill) {
  // 1,000 people in bucket 0 and up to 9 unseen ones in bucket 1: the mean may be 9 * 100 / 1009 instead of 0.
  const std::vector<BucketBounds> bounds = {{0, 0}, {100, 100}};
  std::vector<CellSum> sums(2);
  sums[0].Add(991, kLargeProfile);
  sums[1].Add(0, kLargeProfile);
  EXPECT_NEAR(EstimateMean(sums, bounds).bias_bound, 900.0 / 1009, 1e-9);
}

TEST(EstimatePercentile, BucketIntervalHoldsTheTruthAndIsTightOnManyPeople) {
  const auto bounds = BoundsOf(Axis::kDuration24);
  std::vector<int64_t> counts(24, 2000);
  counts[14] = 8000;
  Noisy noisy(6);
  int exact = 0;
  for (int run = 0; run < 500; ++run) {
    const Figure figure = EstimatePercentile(noisy.Sums(counts, 1), bounds, 57);
    // 57 % of 54,000 = 30,780: within bucket 14 (28,000 to 36,000).
    exact += figure.low == bounds[14].low && figure.high == bounds[14].high;
    ASSERT_DOUBLE_EQ(figure.estimate, bounds[14].middle());
  }
  EXPECT_GT(exact, 490);
}

TEST(EstimatePercentile, NoisyEdgesWidenTheInterval) {
  const auto bounds = BoundsOf(Axis::kDuration24);
  const std::vector<int64_t> counts(24, 100);
  Noisy noisy(7);
  // The truth lies in bucket 11, whose end is the median exactly.
  EXPECT_GT(Coverage(3000, bounds[11].middle(), [&] { return EstimatePercentile(noisy.Sums(counts, 1), bounds, 50); }),
            0.95);
}

TEST(EstimateShare, IntervalHoldsTheTruth) {
  Noisy noisy(8);
  const double of_parts = Coverage(10'000, 0.25, [&] {
    const auto sums = noisy.Sums({400, 1200}, 1);
    return EstimateShareOfParts(sums[0], sums[1]);
  });
  const double of_whole = Coverage(10'000, 0.8, [&] {
    const auto sums = noisy.Sums({1280, 1600}, 1);
    return EstimateShareOfWhole(sums[0], sums[1]);
  });
  for (const double coverage : {of_parts, of_whole}) {
    EXPECT_GT(coverage, 0.942);
    EXPECT_LT(coverage, 0.958);
  }
}

TEST(EstimateShare, StaysBetweenZeroAndOne) {
  Noisy noisy(9);
  for (int i = 0; i < 1000; ++i) {
    const auto sums = noisy.Sums({120, 120}, 1);
    const Figure figure = EstimateShareOfWhole(sums[0], sums[1]);
    if (figure.suppressed) continue;
    EXPECT_LE(figure.estimate, 1);
    EXPECT_LE(figure.high, 1);
    EXPECT_GE(figure.low, 0);
  }
}

TEST(EstimateProduct, HoldsTheTruthAndIsSuppressedWithEither) {
  EXPECT_TRUE(EstimateProduct({}, {.suppressed = false, .estimate = 1}).suppressed);
  EXPECT_TRUE(EstimateProduct({.suppressed = false, .estimate = 1}, {}).suppressed);
  const std::vector<BucketBounds> exact = {{10, 10}, {20, 20}};
  const std::vector<BucketBounds> weights = {{1, 1}, {2, 2}};
  Noisy noisy(10);
  EXPECT_GT(Coverage(10'000, 15.0 * 3000,
                     [&] {
                       return EstimateProduct(EstimateMean(noisy.Sums({1000, 1000}, 1), exact, kZ95OfTwo),
                                              EstimateWeightedCount(noisy.Sums({1000, 1000}, 1), weights, kZ95OfTwo));
                     }),
            0.95);
}

}  // namespace
}  // namespace retention
