// What of a figure is shown, and how exact it is, given that it is shown.
//
// A figure is shown if X, the estimate of the people behind it, is at least T = 10 + 3.09 sd(X). Figures that are shown
// are a choice: of few people those are shown of which the noise was high, and the plain interval of 1.96 sd covers
// none of them. The intervals here are those of the noise given that X >= T. For a figure with parameter m let K(m) be
// the estimate of a contrast whose true value is 0 if m is right, with variance v and covariance c to X. R = X - (c/v)
// K is independent of K; given R and the display, K is normal, cut at (T - R) v/c: from below if c > 0, from above if
// c < 0, not at all if c = 0. The m that are not rejected at either end are the interval.
#ifndef RETENTION_SERVER_ANONYMISATION_DISPLAY_H_
#define RETENTION_SERVER_ANONYMISATION_DISPLAY_H_

#include "absl/functional/function_ref.h"

namespace retention {

// Fewer people than this are not to be seen in a figure.
inline constexpr double kLeastPeople = 10;
// That many there are with 99.9 % certainty.
inline constexpr double kDisplayDeviations = 3.09;

double DisplayThreshold(double people_stddev);
// How certain it is that kLeastPeople are behind an estimate.
double DisplayCertainty(double people, double people_stddev);

struct Contrast {
  double value;                   // the estimate of what is 0 if the parameter is right
  double variance;                // of it
  double covariance_with_people;  // with X
};
// How likely a contrast is as low as it is, or lower, and as high, or higher, if its true value is 0, given that X is
// shown. REQUIRES: people >= threshold.
struct Tails {
  double low, high;
};
Tails TailsGivenDisplay(const Contrast& contrast, double people, double threshold);

struct ShownInterval {
  double low, high;
};
// The 95 % interval of a parameter whose contrast falls as the parameter grows. `near`, `deviation`: an estimate of it,
// and about how exact that is.
ShownInterval IntervalGivenDisplay(double near, double deviation, double people, double threshold,
                                   absl::FunctionRef<Contrast(double parameter)> contrast);

// An interval of what is at least 0, and at most `most`. Noise alone can put an estimate beyond a bound, and the
// interval with it: then it reaches 1.96 deviations in from the bound, and is never that alone. A superset of what of
// it is within.
ShownInterval WithinBounds(ShownInterval interval, double estimate, double deviation, double most);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_DISPLAY_H_
