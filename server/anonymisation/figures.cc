#include "server/anonymisation/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "server/anonymisation/cube.h"

namespace retention {
namespace {

constexpr double kPercentileTail = 0.025;

// 1 for the cells of these groups, and of the first weekday where days are those: each day is as exact as another.
template <typename Weight>
WeightedCells CellsOf(const Layout& layout, const TableUse& use, std::pair<size_t, size_t> groups, Weight weight) {
  std::vector<double> weights(use.places.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const TableUse::Place& place = use.places[i];
    if (place.group == TableUse::kNowhere || place.group < groups.first || place.group >= groups.second) continue;
    if (layout.by_weekday && place.weekday != 0) continue;
    weights[i] = weight(place);
  }
  return WeightedCells(*use.table, layout.lists, weights);
}

double One(const TableUse::Place&) { return 1; }

}  // namespace

std::pair<size_t, size_t> Figures::Siblings(size_t group) const {
  if (sums_.domains().empty()) return {group, group + 1};
  const size_t count = sums_.domains().back().values.size();
  const size_t first = group / count * count;
  return {first, first + count};
}

Figures::Exactness Figures::Of(size_t layout_index, size_t group) {
  const auto [at, is_new] = exactness_.try_emplace({layout_index, group});
  Exactness& of = at->second;
  if (!is_new) return of;
  const Layout& layout = *sums_.layouts()[layout_index];
  const std::pair own(group, group + 1);
  const WeightedCells main = CellsOf(layout, layout.main, own, One), people = CellsOf(layout, layout.people, own, One);
  of.main = layout.precision.Variance(main);
  of.people = layout.precision.Variance(people);
  of.main_with_people = layout.precision.Covariance(main, people);
  if (layout.under.has_value()) of.under = layout.precision.Variance(CellsOf(layout, *layout.under, own, One));
  if (question_.metric == v1::METRIC_SHARE) {
    const WeightedCells whole = CellsOf(layout, layout.main, Siblings(group), One);
    of.whole = layout.precision.Variance(whole);
    of.main_with_whole = layout.precision.Covariance(main, whole);
    of.whole_with_people = layout.precision.Covariance(whole, people);
  }
  return of;
}

const std::vector<Figures::BucketContrast>& Figures::BucketsOf(size_t layout_index, size_t group) {
  const auto [at, is_new] = buckets_.try_emplace({layout_index, group});
  if (!is_new) return at->second;
  const Layout& layout = *sums_.layouts()[layout_index];
  const std::pair own(group, group + 1);
  const WeightedCells people = CellsOf(layout, layout.people, own, One);
  for (size_t bucket = 0; bucket < sums_.buckets(); ++bucket) {
    const WeightedCells contrast = CellsOf(layout, layout.main, own, [&](const TableUse::Place& place) {
      return (place.bucket <= bucket ? 1 : 0) - question_.quantile;
    });
    at->second.push_back({.variance = layout.precision.Variance(contrast),
                          .with_people = layout.precision.Covariance(contrast, people)});
  }
  return at->second;
}

Figures::Exactness Figures::Sum(size_t unit, size_t group) {
  Exactness sum;
  for (size_t layout = 0; layout < sums_.layouts().size(); ++layout) {
    const double cohorts = sums_.units()[unit].cohorts[layout];
    if (cohorts == 0) continue;
    const Exactness of = Of(layout, group);
    sum.main += cohorts * of.main;
    sum.under += cohorts * of.under;
    sum.people += cohorts * of.people;
    sum.main_with_people += cohorts * of.main_with_people;
    sum.whole += cohorts * of.whole;
    sum.main_with_whole += cohorts * of.main_with_whole;
    sum.whole_with_people += cohorts * of.whole_with_people;
  }
  return sum;
}

double Figures::Main(size_t unit, size_t group) const {
  const auto cells = sums_.Main(unit, group);
  return static_cast<double>(std::accumulate(cells.begin(), cells.end(), int64_t{0})) / kEstimateScale;
}

double Figures::Whole(size_t unit, size_t group) const {
  const auto [begin, end] = Siblings(group);
  double whole = 0;
  for (size_t each = begin; each < end; ++each) whole += Main(unit, each);
  return whole;
}

void Figures::Put(size_t unit, size_t group, v1::StatisticsRow& row) {
  const Exactness of = Sum(unit, group);
  const double people = static_cast<double>(sums_.People(unit, group)) / kEstimateScale;
  const double threshold = DisplayThreshold(std::sqrt(of.people));
  row.set_threshold(threshold);
  // Without a cohort there is no noise, and nobody.
  if (of.people <= 0 || people < threshold) return;
  const double main = Main(unit, group);
  const double under = static_cast<double>(sums_.Under(unit, group)) / kEstimateScale;
  const double whole = Whole(unit, group);
  const bool is_mean = PartsOf(question_).under.has_value();
  const bool is_share = question_.metric == v1::METRIC_SHARE;
  // So much noise that there is nothing to divide by.
  if ((is_mean && under <= 0) || (is_share && whole <= 0)) return;
  row.set_people(people);
  row.set_certainty(DisplayCertainty(people, std::sqrt(of.people)));
  if (question_.measured.has_value()) return PutPercentile(unit, group, people, threshold, row);

  const auto contrast = [&](double m) -> Contrast {
    if (is_mean) {
      return {.value = main - m * under, .variance = of.main + m * m * of.under, .covariance_with_people = 0};
    }
    if (is_share) {
      return {.value = main - m * whole,
              .variance = of.main - 2 * m * of.main_with_whole + m * m * of.whole,
              .covariance_with_people = of.main_with_people - m * of.whole_with_people};
    }
    return {.value = main - m, .variance = of.main, .covariance_with_people = of.main_with_people};
  };
  const double divisor = is_mean ? under : is_share ? whole : 1;
  const double estimate = main / divisor;
  const double deviation = std::sqrt(std::max(contrast(estimate).variance, 0.0)) / divisor;
  const ShownInterval interval = WithinBounds(IntervalGivenDisplay(estimate, deviation, people, threshold, contrast),
                                              estimate, deviation, is_share ? 1 : INFINITY);
  row.set_estimate(estimate);
  row.set_noise_stddev(deviation);
  row.set_interval_low(interval.low);
  row.set_interval_high(interval.high);
}

void Figures::PutPercentile(size_t unit, size_t group, double people, double threshold, v1::StatisticsRow& row) {
  const auto cells = sums_.Main(unit, group);
  const auto bounds = BoundsOf(*question_.measured, cells.size());
  std::vector<Contrast> contrasts(cells.size());
  double below = 0;
  for (size_t bucket = 0; bucket < cells.size(); ++bucket) {
    below += static_cast<double>(cells[bucket]) / kEstimateScale;
    contrasts[bucket].value = below - question_.quantile * people;
  }
  for (size_t layout = 0; layout < sums_.layouts().size(); ++layout) {
    const double cohorts = sums_.units()[unit].cohorts[layout];
    if (cohorts == 0) continue;
    const std::vector<BucketContrast>& of = BucketsOf(layout, group);
    for (size_t bucket = 0; bucket < cells.size(); ++bucket) {
      contrasts[bucket].variance += cohorts * of[bucket].variance;
      contrasts[bucket].covariance_with_people += cohorts * of[bucket].with_people;
    }
  }
  // It is in the first bucket up to which there are enough; may be in any that is not told by the noise to be below it
  // (too few up to there) or above it (enough before).
  const size_t last = cells.size() - 1;
  size_t found = 0, lowest = 0, highest = last;
  while (found < last && contrasts[found].value < 0) ++found;
  while (lowest < found && TailsGivenDisplay(contrasts[lowest], people, threshold).low < kPercentileTail) ++lowest;
  while (highest > found && TailsGivenDisplay(contrasts[highest - 1], people, threshold).high < kPercentileTail)
    --highest;
  row.set_estimate(bounds[found].middle());
  row.set_interval_low(bounds[lowest].low);
  row.set_interval_high(bounds[highest].high);
}

}  // namespace retention
