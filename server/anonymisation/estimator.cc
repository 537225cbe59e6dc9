#include "server/anonymisation/estimator.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace retention {
namespace {

// One-sided chance of 1/1000 under the normal distribution.
constexpr double kShownAt = 3.09;

bool Shown(double raw, double variance) { return variance > 0 && raw >= kShownAt * std::sqrt(variance); }

// The terms of a ratio's equation: N - m T, with the noise variance v2 - 2 m v1 + m^2 v0.
struct RatioTerms {
  double n = 0, t = 0, v0 = 0, v1 = 0, v2 = 0;
  void Add(double x, double count, double variance) {
    n += x * count;
    t += count;
    v0 += variance;
    v1 += x * variance;
    v2 += x * x * variance;
  }
};

// The end of { m : |N - m T| <= z sd } on the side of `direction` (-1 or +1). REQUIRES: T > z sqrt(v0), which a shown
// denominator guarantees.
double FiellerEnd(const RatioTerms& terms, double z, int direction) {
  const double a = terms.t * terms.t - z * z * terms.v0;
  const double b = terms.n * terms.t - z * z * terms.v1;
  const double c = terms.n * terms.n - z * z * terms.v2;
  return (b + direction * std::sqrt(std::max(0.0, b * b - a * c))) / a;
}

enum class Stands { kLow, kMiddle, kHigh };

double Value(const BucketBounds& bounds, Stands stands) {
  return stands == Stands::kLow ? bounds.low : stands == Stands::kHigh ? bounds.high : bounds.middle();
}

// The outermost m over all floor biases: bucket i may hold up to bias_i more than estimated. At the lower end exactly
// the buckets below m are full, at the upper end those above; each round decides that with the last m and can only move
// further out, so it ends within as many rounds as there are buckets (Dinkelbach 1967).
double MeanEnd(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, Stands stands, double z,
               int direction) {
  RatioTerms base;
  for (size_t i = 0; i < buckets.size(); ++i) {
    base.Add(Value(bounds[i], stands), double(buckets[i].estimate), double(buckets[i].variance));
  }
  double end = FiellerEnd(base, z, direction);
  for (size_t round = 0; round <= buckets.size(); ++round) {
    RatioTerms terms = base;
    for (size_t i = 0; i < buckets.size(); ++i) {
      const double x = Value(bounds[i], stands);
      if ((x - end) * direction > 0) terms.Add(x, double(buckets[i].bias), 0);
    }
    const double next = FiellerEnd(terms, z, direction);
    if ((next - end) * direction <= 0) break;
    end = next;
  }
  return end;
}

Figure Bounded(Figure figure, double least, double most) {
  figure.estimate = std::clamp(figure.estimate, least, most);
  figure.low = std::clamp(figure.low, least, figure.estimate);
  figure.high = std::clamp(figure.high, figure.estimate, most);
  return figure;
}

}  // namespace

CellSum& CellSum::operator+=(const CellSum& other) {
  raw += other.raw;
  estimate += other.estimate;
  bias += other.bias;
  variance += other.variance;
  cells += other.cells;
  return *this;
}

CellSum& CellSum::operator-=(const CellSum& other) {
  raw -= other.raw;
  estimate -= other.estimate;
  bias -= other.bias;
  variance -= other.variance;
  cells -= other.cells;
  return *this;
}

CellSum Total(std::span<const CellSum> sums) {
  CellSum total;
  for (const CellSum& sum : sums) total += sum;
  return total;
}

Figure EstimateCount(const CellSum& sum) {
  constexpr BucketBounds kOne{1, 1};
  return EstimateWeightedCount({&sum, 1}, {&kOne, 1});
}

Figure EstimateWeightedCount(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, double z) {
  double raw = 0, estimate = 0, variance = 0, bias = 0;
  double low = 0, low_variance = 0, high = 0, high_variance = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const CellSum& sum = buckets[i];
    const double weight = bounds[i].middle();
    raw += weight * double(sum.raw);
    estimate += weight * double(sum.estimate);
    variance += weight * weight * double(sum.variance);
    low += bounds[i].low * double(sum.estimate);
    low_variance += bounds[i].low * bounds[i].low * double(sum.variance);
    high += bounds[i].high * double(sum.estimate + sum.bias);
    high_variance += bounds[i].high * bounds[i].high * double(sum.variance);
    bias += bounds[i].high * double(sum.bias);
  }
  if (!Shown(raw, variance)) return {};
  Figure figure{.suppressed = false,
                .estimate = estimate,
                .noise_stddev = std::sqrt(variance),
                .low = low - z * std::sqrt(low_variance),
                .high = high + z * std::sqrt(high_variance),
                .bias_bound = bias};
  return Bounded(figure, 0, HUGE_VAL);
}

Figure EstimateMean(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, double z) {
  const CellSum total = Total(buckets);
  if (!Shown(double(total.raw), double(total.variance))) return {};
  double weighted = 0;
  for (size_t i = 0; i < buckets.size(); ++i) weighted += bounds[i].middle() * double(buckets[i].estimate);
  const double mean = weighted / double(total.estimate);
  double variance = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const double distance = bounds[i].middle() - mean;
    variance += distance * distance * double(buckets[i].variance);
  }
  const Figure figure{.suppressed = false,
                      .estimate = mean,
                      .noise_stddev = std::sqrt(variance) / double(total.estimate),
                      .low = MeanEnd(buckets, bounds, Stands::kLow, z, -1),
                      .high = MeanEnd(buckets, bounds, Stands::kHigh, z, +1),
                      .bias_bound = std::max(mean - MeanEnd(buckets, bounds, Stands::kMiddle, 0, -1),
                                             MeanEnd(buckets, bounds, Stands::kMiddle, 0, +1) - mean)};
  return Bounded(figure, bounds.front().low, bounds.back().high);
}

Figure EstimatePercentile(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, double percentile) {
  const CellSum total = Total(buckets);
  if (!Shown(double(total.raw), double(total.variance))) return {};
  const double q = percentile / 100;
  // D(b) = sum over i of (1[i <= b] - q) c_i is below 0 where the percentile lies above bucket b. It is tested with
  // noise (`z`) and with the floor's bias at its worst.
  size_t found = buckets.size() - 1, first = found, last = found;  // with noise: first and last that cannot be excluded
  size_t least = found, most = found;                              // the same with the floor's bias alone
  bool is_found = false, has_first = false, has_last = false, has_least = false, has_most = false;
  double stddev = 0;
  CellSum below;
  for (size_t i = 0; i < buckets.size(); ++i) {
    below += buckets[i];
    const CellSum& b = below;
    const double d = (1 - q) * double(b.estimate) - q * double(total.estimate - b.estimate);
    const double noise =
        std::sqrt((1 - q) * (1 - q) * double(b.variance) + q * q * double(total.variance - b.variance));
    const double up = (1 - q) * double(b.bias), down = q * double(total.bias - b.bias);
    if (!is_found && d >= 0) {
      is_found = true;
      found = i;
      const double density = double(std::max<int64_t>(buckets[i].estimate, 1)) / (bounds[i].high - bounds[i].low);
      stddev = std::min(noise / density, bounds.back().high - bounds.front().low);
    }
    const auto set_once = [i](bool& is_set, size_t& where, bool condition) {
      if (!is_set && condition) {
        is_set = true;
        where = i;
      }
    };
    set_once(has_first, first, d + up + kZ95 * noise >= 0);
    set_once(has_last, last, d - down - kZ95 * noise >= 0);
    set_once(has_least, least, d + up >= 0);
    set_once(has_most, most, d - down >= 0);
  }
  const double middle = bounds[found].middle();
  return {.suppressed = false,
          .estimate = middle,
          .noise_stddev = stddev,
          .low = bounds[std::min(first, found)].low,
          .high = bounds[std::max(last, found)].high,
          .bias_bound = std::max(middle - bounds[std::min(least, found)].middle(),
                                 bounds[std::max(most, found)].middle() - middle)};
}

Figure EstimateShareOfParts(const CellSum& part, const CellSum& rest) {
  // The mean of 1 over `part` and 0 over `rest`.
  constexpr std::array<BucketBounds, 2> kBounds = {{{0, 0}, {1, 1}}};
  if (!Shown(double(part.raw), double(part.variance))) return {};
  const std::array<CellSum, 2> buckets = {rest, part};
  return EstimateMean(buckets, kBounds);
}

Figure EstimateShareOfWhole(const CellSum& part, const CellSum& whole) {
  if (!Shown(double(part.raw), double(part.variance)) || !Shown(double(whole.raw), double(whole.variance))) return {};
  const double a = double(part.estimate), w = double(whole.estimate), share = a / w;
  RatioTerms terms{.n = a, .t = w, .v0 = double(whole.variance), .v2 = double(part.variance)};
  RatioTerms lowest = terms, highest = terms;
  lowest.t += double(whole.bias);
  highest.n += double(part.bias);
  const Figure figure{.suppressed = false,
                      .estimate = share,
                      .noise_stddev = std::sqrt(double(part.variance) + share * share * double(whole.variance)) / w,
                      .low = FiellerEnd(lowest, kZ95, -1),
                      .high = FiellerEnd(highest, kZ95, +1),
                      .bias_bound = std::max(share - a / lowest.t, highest.n / w - share)};
  return Bounded(figure, 0, 1);
}

Figure EstimateProduct(const Figure& a, const Figure& b) {
  if (a.suppressed || b.suppressed) return {};
  return {.suppressed = false,
          .estimate = a.estimate * b.estimate,
          .noise_stddev = std::hypot(a.noise_stddev * b.estimate, b.noise_stddev * a.estimate),
          .low = a.low * b.low,
          .high = a.high * b.high,
          .bias_bound = (a.estimate + a.bias_bound) * (b.estimate + b.bias_bound) - a.estimate * b.estimate};
}

}  // namespace retention
