#include "server/anonymisation/display.h"

#include <algorithm>
#include <cmath>

namespace retention {
namespace {

constexpr double kTail = 0.025;
constexpr double kPlainDeviations = 1.96;
// Beyond so many deviations nothing is sought: of a figure at the edge of display the interval ends at 6.
constexpr double kReach = 40;
// So exactly, in deviations, is an end of an interval found; in so many steps, if it takes them.
constexpr double kExactness = 1e-10;
// Or so near to its probability.
constexpr double kTailExactness = 1e-12;
constexpr int kSteps = 100;

// log of the standard normal's upper tail. Beyond 30 deviations by its expansion, which is exact to 1e-9 there.
double LogUpper(double z) {
  if (z < 30) return std::log(0.5 * std::erfc(z / std::sqrt(2.0)));
  const double square = 1 / (z * z);
  return -0.5 * z * z - std::log(z * std::sqrt(2 * 3.14159265358979323846)) + std::log1p(-square + 3 * square * square);
}

// Where `rising` comes from below 0 to above it: between `near` and kReach deviations from it, or there. By false
// position: each end of an interval takes some ten steps, and a page of figures has thousands of ends.
template <typename Rising>
double RootNear(double near, double deviation, Rising rising) {
  double a = near, at_a = rising(a), b = near, at_b = at_a;
  for (double step = 2 * deviation; (at_a < 0) == (at_b < 0); step *= 2) {
    a = b;
    at_a = at_b;
    b = at_a < 0 ? near + step : near - step;
    if (!(step < kReach * deviation)) return at_a < 0 ? near + kReach * deviation : near - kReach * deviation;
    at_b = rising(b);
  }
  for (int i = 0; i < kSteps && std::abs(b - a) > kExactness * deviation; ++i) {
    // Now and then halved: on flat ends the chord hardly moves.
    const double middle = i % 3 == 2 ? (a + b) / 2 : b - at_b * (b - a) / (at_b - at_a);
    const double at_middle = rising(middle);
    if ((at_middle < 0) == (at_b < 0)) {
      at_a /= 2;  // The end that stays counts for less (Illinois), so that it does not stay for ever.
    } else {
      a = b;
      at_a = at_b;
    }
    b = middle;
    at_b = at_middle;
    if (std::abs(at_b) < kTailExactness) break;
  }
  return b;
}

double ProbabilityOf(double log) { return std::clamp(std::exp(log), 0.0, 1.0); }

}  // namespace

double DisplayThreshold(double people_stddev) { return kLeastPeople + kDisplayDeviations * people_stddev; }

double DisplayCertainty(double people, double people_stddev) {
  return 0.5 * std::erfc((kLeastPeople - people) / people_stddev / std::sqrt(2.0));
}

Tails TailsGivenDisplay(const Contrast& contrast, double people, double threshold) {
  const double deviation = std::sqrt(contrast.variance);
  const double z = contrast.value / deviation;
  const double c = contrast.covariance_with_people;
  const double rest = people - c / contrast.variance * contrast.value;
  // A cut that far out cuts nothing.
  if (std::abs(c) < 1e-12 * contrast.variance) return {ProbabilityOf(LogUpper(-z)), ProbabilityOf(LogUpper(z))};
  const double cut = (threshold - rest) * contrast.variance / c / deviation;
  // The one tail over all that is left; the other is the rest.
  const double tail = c > 0 ? ProbabilityOf(LogUpper(z) - LogUpper(cut)) : ProbabilityOf(LogUpper(-z) - LogUpper(-cut));
  return c > 0 ? Tails{.low = 1 - tail, .high = tail} : Tails{.low = tail, .high = 1 - tail};
}

ShownInterval IntervalGivenDisplay(double near, double deviation, double people, double threshold,
                                   absl::FunctionRef<Contrast(double parameter)> contrast) {
  // The higher the parameter, the lower the contrast, and the likelier one as high as seen.
  const double low = RootNear(near, deviation,
                              [&](double m) { return TailsGivenDisplay(contrast(m), people, threshold).high - kTail; });
  const double high = RootNear(near, deviation,
                               [&](double m) { return kTail - TailsGivenDisplay(contrast(m), people, threshold).low; });
  return {std::min(low, high), std::max(low, high)};
}

ShownInterval WithinBounds(ShownInterval interval, double estimate, double deviation, double most) {
  const double reach = kPlainDeviations * deviation;
  if (estimate <= 0 || interval.high <= 0) interval.high = std::max(interval.high, reach);
  if (estimate >= most || interval.low >= most) interval.low = std::min(interval.low, most - reach);
  return {std::clamp(interval.low, 0.0, most), std::clamp(interval.high, 0.0, most)};
}

}  // namespace retention
