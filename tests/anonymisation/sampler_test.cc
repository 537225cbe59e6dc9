#include "server/anonymisation/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "test_random.h"

namespace retention {
namespace {

// Upper bound of chi^2 with `degrees` of freedom that is passed with a chance of 1e-4 (Wilson, Hilferty).
double ChiSquareLimit(double degrees) {
  const double x = 2 / (9 * degrees);
  return degrees * std::pow(1 - x + 3.719 * std::sqrt(x), 3);
}

struct Sample {
  double chi_square, degrees, mean, variance;
};

// Chi^2 of `draws` draws against the distribution's definition; bins of at least 20 expected draws.
Sample Draws(int64_t variance, uint64_t seed, int draws) {
  Tape tape(seed);
  DiscreteGaussian gaussian(variance, tape);
  std::map<int64_t, int> counts;
  double sum = 0, squares = 0;
  for (int i = 0; i < draws; ++i) {
    const int64_t x = *gaussian.Draw();
    ++counts[x];
    sum += double(x);
    squares += double(x) * double(x);
  }
  const auto weight = [variance](int64_t x) { return std::exp(-double(x) * double(x) / (2 * double(variance))); };
  const int64_t span = 20 * (static_cast<int64_t>(std::sqrt(variance)) + 1);
  double total = 0;
  for (int64_t x = -span; x <= span; ++x) total += weight(x);
  Sample sample{.degrees = -1, .mean = sum / draws, .variance = squares / draws};
  double expected = 0, observed = 0, chi_square = 0;
  for (int64_t x = -span; x <= span; ++x) {
    expected += draws * weight(x) / total;
    if (const auto at = counts.find(x); at != counts.end()) observed += at->second;
    if (expected < 20) continue;
    chi_square += (observed - expected) * (observed - expected) / expected;
    ++sample.degrees;
    expected = observed = 0;
  }
  chi_square += (observed - expected) * (observed - expected) / std::max(expected, 1.0);
  sample.chi_square = chi_square;
  return sample;
}

class DiscreteGaussianTest : public testing::TestWithParam<int64_t> {};

TEST_P(DiscreteGaussianTest, AMillionDrawsFollowTheDefinition) {
  constexpr int kDraws = 1'000'000;
  const auto variance = static_cast<double>(GetParam());
  const Sample sample = Draws(GetParam(), 20260331, kDraws);
  EXPECT_LT(sample.chi_square, ChiSquareLimit(sample.degrees)) << sample.degrees;
  EXPECT_NEAR(sample.mean, 0, 4 * std::sqrt(variance / kDraws));
  EXPECT_NEAR(sample.variance, variance, 4 * variance * std::sqrt(2.0 / kDraws));
}

INSTANTIATE_TEST_SUITE_P(Variances, DiscreteGaussianTest, testing::Values(500, 200, 36'000'000));

TEST(DiscreteGaussian, ChiSquareSeesAWrongVariance) {
  // The test above would be void if it passed with noise 1 % too weak.
  Tape tape(1);
  DiscreteGaussian gaussian(490, tape);
  double squares = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const double x = double(*gaussian.Draw());
    squares += x * x;
  }
  EXPECT_GT(std::abs(squares / 1e6 - 500), 4 * 500 * std::sqrt(2.0 / 1e6));
}

TEST(DiscreteGaussian, TheGreatestVarianceOverflowsNothing) {
  Tape tape(11);
  DiscreteGaussian gaussian(DiscreteGaussian::kMaxVariance, tape);
  constexpr int kDraws = 20'000;
  double sum = 0, squares = 0;
  int64_t farthest = 0;
  for (int i = 0; i < kDraws; ++i) {
    const int64_t x = *gaussian.Draw();
    farthest = std::max(farthest, std::abs(x));
    sum += double(x);
    squares += double(x) * double(x);
  }
  const auto variance = double(DiscreteGaussian::kMaxVariance);
  EXPECT_NEAR(squares / kDraws, variance, 4 * variance * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(sum / kDraws, 0, 4 * std::sqrt(variance / kDraws));
  EXPECT_GT(double(farthest), 3 * std::sqrt(variance));
}

TEST(DiscreteGaussian, SameTapeSameDraws) {
  Tape one(7), other(7);
  DiscreteGaussian a(500, one), b(500, other);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(*a.Draw(), *b.Draw());
}

TEST(DiscreteGaussian, FailureOfTheSourceEndsEveryLaterDraw) {
  Tape tape(7);
  tape.FailAfter(3);
  DiscreteGaussian gaussian(500, tape);
  int good = 0;
  absl::Status status;
  while (status.ok() && good < 100'000) {
    status = gaussian.Draw().status();
    good += status.ok();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_GT(good, 0);
  EXPECT_EQ(gaussian.Draw().status().code(), absl::StatusCode::kUnavailable);
}

TEST(DiscreteGaussian, StuckSourceIsAnErrorNotAnEndlessLoop) {
  for (const uint8_t byte : {0x00, 0xff, 0xaa}) {
    Stuck stuck(byte);
    DiscreteGaussian gaussian(500, stuck);
    // 0xaa may well give draws; what counts is that it comes to an end.
    const absl::StatusCode code = gaussian.Draw().status().code();
    EXPECT_TRUE(code == absl::StatusCode::kInternal || byte == 0xaa) << code;
  }
}

TEST(RandomBits, BelowIsUniformBeyondOneWord) {
  Tape tape(4);
  RandomBits bits(tape);
  const auto third = static_cast<unsigned __int128>(1) << 90;
  std::vector<int> counts(3);
  constexpr int kDraws = 30'000;
  for (int i = 0; i < kDraws; ++i) {
    bits.BeginDraw();
    ++counts[static_cast<size_t>(bits.Below(3 * third) / third)];
  }
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  EXPECT_LT(chi_square, ChiSquareLimit(2));
}

TEST(RandomBits, BelowIsUniform) {
  Tape tape(3);
  RandomBits bits(tape);
  std::vector<int> counts(23);
  constexpr int kDraws = 230'000;
  for (int i = 0; i < kDraws; ++i) {
    bits.BeginDraw();
    ++counts[bits.Below(23)];
  }
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  EXPECT_LT(chi_square, ChiSquareLimit(22));
  EXPECT_EQ(bits.Below(1), 0u);
}

}  // namespace
}  // namespace retention
