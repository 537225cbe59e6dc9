// Arithmetic on noisy cells: what may be shown, the figure, its noise and its 95 % interval.
//
// Reading a cell. The stored value is v = max(0, c - (k - 1)) + N with c the true count and N of variance sigma^2.
// Where v is at or above the cell threshold, c was above the floor but for a chance below 1/1000, and c is estimated by
// v + (k - 1). Elsewhere c is estimated by v, and lies up to k - 1 higher: that much the interval adds at its upper end
// ("bias bound").
//
// Showing. A sum is shown when it is at least 3.09 standard deviations of its own noise: a sum over empty cells is
// shown with a chance below 1/1000. Ratios are shown when their denominator is.
//
// Ratios (means, shares). With x the value of a bucket and c its count, the mean m satisfies sum (x - m) c = 0. The
// same sum over noisy cells has the known variance sum (x - m)^2 sigma^2, so the interval is the set of all m at which
// it is within 1.96 standard deviations of 0 (Fieller 1954; exact where the delta method is not, when the denominator
// is small). It is taken once with the lower and once with the upper bounds of the buckets as x, and over every floor
// bias that is possible. The standard deviation that is reported is that of the delta method.
#ifndef RETENTION_SERVER_ANONYMISATION_ESTIMATOR_H_
#define RETENTION_SERVER_ANONYMISATION_ESTIMATOR_H_

#include <cstdint>
#include <span>

#include "server/anonymisation/tables.h"

namespace retention {

// Noisy cells added up.
struct CellSum {
  int64_t raw = 0;       // sum of v
  int64_t estimate = 0;  // sum of v, plus k - 1 for each cell at or above its threshold
  int64_t bias = 0;      // k - 1 for each other cell
  int64_t variance = 0;
  uint32_t cells = 0;

  void Add(int64_t value, const Profile& profile) {
    const bool shown = value >= profile.cell_threshold;
    raw += value;
    estimate += shown ? value + profile.floor - 1 : value;
    bias += shown ? 0 : profile.floor - 1;
    variance += profile.noise_variance;
    ++cells;
  }
  CellSum& operator+=(const CellSum& other);
  // REQUIRES: `other` is part of it.
  CellSum& operator-=(const CellSum& other);
};
CellSum Total(std::span<const CellSum> sums);

// Standard deviations on either side of an estimate.
inline constexpr double kZ95 = 1.959964;
// So that two figures are both right in 95 % of all cases (Bonferroni).
inline constexpr double kZ95OfTwo = 2.241403;

struct Figure {
  bool suppressed = true;  // and then all else is 0
  double estimate = 0;
  double noise_stddev = 0;
  double low = 0;
  double high = 0;
  double bias_bound = 0;
};

// Number of people.
Figure EstimateCount(const CellSum& sum);
// Sum of people in each bucket times what the bucket stands for. REQUIRES: as many bounds as buckets, here and below.
Figure EstimateWeightedCount(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, double z = kZ95);
// Mean of what the buckets stand for.
Figure EstimateMean(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, double z = kZ95);
// The middle of the bucket that holds the percentile (0 to 100); the interval spans the buckets that cannot be
// excluded.
Figure EstimatePercentile(std::span<const CellSum> buckets, std::span<const BucketBounds> bounds, double percentile);
// `part` out of the whole that `part` and `rest` make up, cells of one table.
Figure EstimateShareOfParts(const CellSum& part, const CellSum& rest);
// `part` out of `whole`, which was counted in another table and so with noise of its own.
Figure EstimateShareOfWhole(const CellSum& part, const CellSum& whole);
// Product of two figures with independent noise. REQUIRES: their intervals were made with kZ95OfTwo.
Figure EstimateProduct(const Figure& a, const Figure& b);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_ESTIMATOR_H_
