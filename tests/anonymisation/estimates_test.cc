#include "server/anonymisation/estimates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "test_cohort.h"

namespace retention {
namespace {

// Weighted least squares with a matrix, which shares nothing with the estimates: all tables of one measure over the
// cells of the product of its axes, reduced to what the tables can tell. Solves for `figure`, a row of weights over the
// tables' cells, the unbiased combination of least variance: min w' S w with A' w = A' figure.
struct Oracle {
  std::vector<std::vector<double>> rows;  // of the incidence matrix, one per table cell
  std::vector<double> variances, seen;
};

// Solves a symmetric positive semidefinite system by elimination with full pivoting.
std::vector<double> Solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const size_t n = b.size();
  std::vector<double> x(n, 0);
  std::vector<bool> used(n, false);
  std::vector<std::pair<size_t, size_t>> pivots;
  for (size_t step = 0; step < n; ++step) {
    size_t best = n;
    for (size_t i = 0; i < n; ++i) {
      if (!used[i] && (best == n || std::abs(a[i][i]) > std::abs(a[best][best]))) best = i;
    }
    if (std::abs(a[best][best]) < 1e-9) break;
    used[best] = true;
    pivots.emplace_back(best, best);
    for (size_t i = 0; i < n; ++i) {
      if (i == best) continue;
      const double factor = a[i][best] / a[best][best];
      if (factor == 0) continue;
      for (size_t j = 0; j < n; ++j) a[i][j] -= factor * a[best][j];
      b[i] -= factor * b[best];
    }
  }
  for (const auto& [i, j] : pivots) x[i] = b[i] / a[i][i];
  return x;
}

// Cells of the product of hour-less axes are few enough: region 4, client 3, reconnections 6.
constexpr Axis kOracleAxes[] = {Axis::kRegion, Axis::kClient, Axis::kReconnections};
constexpr TableBudget kOracleTables[] = {{TableId::kPeople, 100},
                                         {TableId::kRegion, 50},
                                         {TableId::kClient, 150},
                                         {TableId::kClientByRegion, 300},
                                         {TableId::kReconnectionsByRegion, 200},
                                         {TableId::kReconnectionsByClient, 200}};

Profile OracleProfile() {
  Profile profile = kLargeProfile;
  profile.tables = kOracleTables;
  return profile;
}

TEST(Estimates, AreThoseOfWeightedLeastSquaresWithAMatrix) {
  const Profile profile = OracleProfile();
  const PublicLists lists = TestLists();
  const std::vector<DrawnTable> drawn = TablesOf(profile, lists);
  Tape tape(1);
  std::vector<NoisyTable> tables;
  for (const DrawnTable& table : drawn) {
    NoisyTable& noisy = tables.emplace_back(NoisyTable{.id = table.spec->id, .cells = {}, .estimates = {}});
    for (size_t i = 0; i < CellCount(*table.spec, lists); ++i) noisy.cells.push_back(tape.Below(1'000'000));
  }
  EstimateAll(profile, lists, tables);

  std::vector<size_t> sizes;
  for (const Axis axis : kOracleAxes) sizes.push_back(AxisSize(axis, lists));
  const size_t cells = sizes[0] * sizes[1] * sizes[2];
  const auto index_on = [&](size_t cell, Axis axis) {
    const size_t at[] = {cell / (sizes[1] * sizes[2]), cell / sizes[2] % sizes[1], cell % sizes[2]};
    for (size_t i = 0; i < 3; ++i) {
      if (kOracleAxes[i] == axis) return at[i];
    }
    return size_t{0};
  };
  // Normal equations: (A' V^-1 A) x = A' V^-1 y. Of x only what the tables tell is unique, and only that is compared.
  std::vector<std::vector<double>> normal(cells, std::vector<double>(cells));
  std::vector<double> right(cells);
  const auto table_cell = [&](const TableSpec& spec, size_t cell) {
    size_t at = 0;
    for (const Axis axis : spec.axes()) at = at * AxisSize(axis, lists) + index_on(cell, axis);
    return at;
  };
  for (size_t t = 0; t < drawn.size(); ++t) {
    const double weight = 1e6 / static_cast<double>(NoiseVarianceOf(drawn[t], profile));
    for (size_t a = 0; a < cells; ++a) {
      const size_t at = table_cell(*drawn[t].spec, a);
      right[a] += weight * static_cast<double>(tables[t].cells[at]);
      for (size_t b = 0; b < cells; ++b) {
        if (table_cell(*drawn[t].spec, b) == at) normal[a][b] += weight;
      }
    }
  }
  const std::vector<double> solution = Solve(normal, right);
  for (size_t t = 0; t < drawn.size(); ++t) {
    std::vector<double> expected(tables[t].cells.size());
    for (size_t cell = 0; cell < cells; ++cell) expected[table_cell(*drawn[t].spec, cell)] += solution[cell];
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(tables[t].estimates[i]) / kEstimateScale, expected[i] / kSixtieths, 0.01)
          << drawn[t].spec->name << " " << i;
    }
  }
}

// Sums of a table's estimates over all axes but `kept`.
std::vector<int64_t> SumsOver(const NoisyTable& table, Axis kept, const PublicLists& lists) {
  const auto axes = SpecOf(table.id).axes();
  const size_t inner = axes.size() == 2 ? AxisSize(axes[1], lists) : 1;
  std::vector<int64_t> sums(AxisSize(kept, lists));
  for (size_t i = 0; i < table.estimates.size(); ++i) {
    sums[axes[0] == kept ? i / inner : i % inner] += table.estimates[i];
  }
  return sums;
}

TEST(Estimates, AddUpExactlyAcrossTables_WhateverTheNoise) {
  Tape tape(2);
  const PublicLists lists(PolicyWithControllers());
  for (const Profile* profile : {&kLargeProfile, &kDailyProfile, &kSmallProfile}) {
    const NoisyCube cube = *Filled(RandomVisits(100, tape), tape, *profile, lists).Finish(tape);
    std::map<std::pair<Measure, Axis>, std::vector<int64_t>> by_axis;
    std::map<Measure, int64_t> totals;
    for (const NoisyTable& table : cube.tables()) {
      const TableSpec& spec = SpecOf(table.id);
      const int64_t total = std::accumulate(table.estimates.begin(), table.estimates.end(), int64_t{0});
      EXPECT_EQ(totals.emplace(spec.measure, total).first->second, total) << spec.name;
      for (const Axis axis : spec.axes()) {
        const auto sums = SumsOver(table, axis, lists);
        EXPECT_EQ(by_axis.emplace(std::pair(spec.measure, axis), sums).first->second, sums) << spec.name;
      }
    }
  }
}

TEST(Estimates, TheirErrorIsWhatIsStated) {
  const PublicLists lists = TestLists();
  const Precision precision(kDailyProfile, lists);
  Tape tape(3);
  const Visits visits = RandomVisits(100, tape);
  const auto exact = [&] {
    Tape keys(1);
    return CohortTestAccess::Count(Filled(visits, keys, kDailyProfile));
  }();
  constexpr int kDraws = 400;
  std::map<TableId, double> squares;
  double product = 0;  // of the errors of one client and of it in one region
  for (int draw = 0; draw < kDraws; ++draw) {
    const NoisyCube cube = *Filled(visits, tape, kDailyProfile).Finish(tape);
    std::map<TableId, double> errors;
    for (const NoisyTable& table : cube.tables()) {
      const double truth =
          static_cast<double>(exact.at(table.id)[1 % table.cells.size()]) * UnitOf(SpecOf(table.id).measure);
      errors[table.id] = static_cast<double>(table.estimates[1 % table.cells.size()]) / kEstimateScale - truth;
      squares[table.id] += errors[table.id] * errors[table.id];
    }
    product += errors[TableId::kRegion] * errors[TableId::kClientByRegion];
  }
  const auto one_cell = [&](TableId table) {
    std::vector<double> weights(CellCount(SpecOf(table), lists));
    weights[1 % weights.size()] = 1;
    return WeightedCells(SpecOf(table), lists, weights);
  };
  for (const auto& [table, sum] : squares) {
    if (table == TableId::kMeetings) continue;  // marks are another choice each time
    const double variance = precision.Variance(one_cell(table));
    EXPECT_NEAR(sum / kDraws / variance, 1, 4.5 * std::sqrt(2.0 / kDraws)) << SpecOf(table).name;
  }
  const WeightedCells region = one_cell(TableId::kRegion), both = one_cell(TableId::kClientByRegion);
  const double covariance = precision.Covariance(region, both);
  const double scale = std::sqrt(precision.Variance(region) * precision.Variance(both));
  EXPECT_NEAR(product / kDraws / scale, covariance / scale, 4.5 / std::sqrt(kDraws));
}

TEST(Estimates, AreFarBetterThanWhatWasDrawn) {
  const PublicLists lists = TestLists();
  const Precision precision(kDailyProfile, lists);
  const double one[] = {1};
  const double estimate = std::sqrt(precision.Variance(WeightedCells(SpecOf(TableId::kPeople), lists, one)));
  double drawn = 0;
  for (const DrawnTable& table : TablesOf(kDailyProfile, lists)) {
    if (table.spec->id == TableId::kPeople) drawn = std::sqrt(double(NoiseVarianceOf(table, kDailyProfile))) / 60;
  }
  EXPECT_LT(estimate, 0.9 * drawn);
}

}  // namespace
}  // namespace retention
