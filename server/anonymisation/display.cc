#include "server/anonymisation/display.h"

#include <algorithm>
#include <cmath>

namespace retention {
namespace {

constexpr double kTail = 0.025;
// Beyond so many deviations nothing is sought: of a figure at the edge of display the interval ends at 6.
constexpr double kReach = 40;
constexpr int kBisections = 60;

// log of the standard normal's upper tail. Beyond 30 deviations by its expansion, which is exact to 1e-9 there.
double LogUpper(double z) {
  if (z < 30) return std::log(0.5 * std::erfc(z / std::sqrt(2.0)));
  const double square = 1 / (z * z);
  return -0.5 * z * z - std::log(z * std::sqrt(2 * 3.14159265358979323846)) + std::log1p(-square + 3 * square * square);
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
  const auto bisect = [&](auto is_below) {
    double low = near - kReach * deviation, high = near + kReach * deviation;
    for (int i = 0; i < kBisections; ++i) {
      const double middle = (low + high) / 2;
      (is_below(middle) ? low : high) = middle;
    }
    return (low + high) / 2;
  };
  // The higher the parameter, the lower the contrast, and the likelier one as high as seen.
  const double low = bisect([&](double m) { return TailsGivenDisplay(contrast(m), people, threshold).high < kTail; });
  const double high = bisect([&](double m) { return TailsGivenDisplay(contrast(m), people, threshold).low >= kTail; });
  return {std::min(low, high), std::max(low, high)};
}

}  // namespace retention
