#include "server/anonymisation/estimates.h"

#include <cmath>

namespace retention {
namespace {

constexpr AxisSet BitOf(Axis axis) { return AxisSet{1} << static_cast<size_t>(axis); }

// Cells over up to two axes. The first is slowest; one that is missing has one value.
struct Grid2 {
  std::vector<Axis> axes;
  size_t rows = 1, columns = 1;
  std::vector<double> cells;

  double& at(size_t row, size_t column) { return cells[row * columns + column]; }
};

Grid2 GridOf(const TableSpec& table, const PublicLists& lists) {
  Grid2 grid{.axes = {table.axes().begin(), table.axes().end()}, .cells = {}};
  if (!grid.axes.empty()) grid.rows = AxisSize(grid.axes[0], lists);
  if (grid.axes.size() == 2) grid.columns = AxisSize(grid.axes[1], lists);
  return grid;
}

// The sums over the axes that are not in `kept`.
Grid2 Marginal(const Grid2& grid, AxisSet kept) {
  const bool by_row = !grid.axes.empty() && (kept & BitOf(grid.axes[0])) != 0;
  const bool by_column = grid.axes.size() == 2 && (kept & BitOf(grid.axes[1])) != 0;
  Grid2 marginal{.axes = {}, .cells = {}};
  if (by_row) {
    marginal.axes.push_back(grid.axes[0]);
    marginal.rows = grid.rows;
  }
  if (by_column) {
    marginal.axes.push_back(grid.axes[1]);
    (by_row ? marginal.columns : marginal.rows) = grid.columns;
  }
  marginal.cells.assign(marginal.rows * marginal.columns, 0);
  for (size_t row = 0; row < grid.rows; ++row) {
    for (size_t column = 0; column < grid.columns; ++column) {
      const size_t to_row = by_row ? row : by_column ? column : 0;
      const size_t to_column = by_row && by_column ? column : 0;
      marginal.at(to_row, to_column) += grid.cells[row * grid.columns + column];
    }
  }
  return marginal;
}

// Takes away the mean over each of its axes.
void TakeResidual(Grid2& grid) {
  if (!grid.axes.empty()) {
    for (size_t column = 0; column < grid.columns; ++column) {
      double sum = 0;
      for (size_t row = 0; row < grid.rows; ++row) sum += grid.at(row, column);
      for (size_t row = 0; row < grid.rows; ++row) grid.at(row, column) -= sum / static_cast<double>(grid.rows);
    }
  }
  if (grid.axes.size() == 2) {
    for (size_t row = 0; row < grid.rows; ++row) {
      double sum = 0;
      for (size_t column = 0; column < grid.columns; ++column) sum += grid.at(row, column);
      for (size_t column = 0; column < grid.columns; ++column) {
        grid.at(row, column) -= sum / static_cast<double>(grid.columns);
      }
    }
  }
}

std::vector<AxisSet> SubsetsOf(std::span<const Axis> axes) {
  std::vector<AxisSet> subsets = {0};
  for (const Axis axis : axes) {
    const size_t count = subsets.size();
    for (size_t i = 0; i < count; ++i) subsets.push_back(subsets[i] | BitOf(axis));
  }
  return subsets;
}

// Cells of `table` that are one cell of its marginal over `kept`.
double CellsPerCell(const TableSpec& table, AxisSet kept, const PublicLists& lists) {
  double cells = 1;
  for (const Axis axis : table.axes()) {
    if ((kept & BitOf(axis)) == 0) cells *= static_cast<double>(AxisSize(axis, lists));
  }
  return cells;
}

// 1 / variance of what a table says of the component of `set`, up to its projection.
double WeightOf(const DrawnTable& table, AxisSet set, const Profile& profile, const PublicLists& lists) {
  return 1 / (static_cast<double>(NoiseVarianceOf(table, profile)) * CellsPerCell(*table.spec, set, lists));
}

// Components of one measure, by the axes that they are over.
class Components {
 public:
  Components(const Profile& profile, const PublicLists& lists, Measure measure, std::span<const NoisyTable> noisy)
      : lists_(lists) {
    std::map<AxisSet, double> weights;
    const std::vector<DrawnTable> tables = TablesOf(profile, lists);
    for (size_t i = 0; i < tables.size(); ++i) {
      const TableSpec& spec = *tables[i].spec;
      if (spec.measure != measure) continue;
      Grid2 grid = GridOf(spec, lists);
      grid.cells.assign(noisy[i].cells.begin(), noisy[i].cells.end());
      for (const AxisSet set : SubsetsOf(spec.axes())) {
        Grid2 part = Marginal(grid, set);
        TakeResidual(part);
        const double weight = WeightOf(tables[i], set, profile, lists);
        for (double& cell : part.cells) cell *= weight;
        weights[set] += weight;
        const auto [found, is_new] = components_.try_emplace(set, part);
        if (is_new) continue;
        // The same pair of axes is in the same order in all tables that have both.
        for (size_t cell = 0; cell < part.cells.size(); ++cell) found->second.cells[cell] += part.cells[cell];
      }
    }
    for (auto& [set, component] : components_) {
      for (double& cell : component.cells) cell /= weights[set];
    }
  }

  // The estimate of the marginal over `axes`, of which there is a table that has them.
  Grid2 EstimateOf(std::vector<Axis> axes) const {
    Grid2 whole{.axes = std::move(axes), .cells = {}};
    if (!whole.axes.empty()) whole.rows = AxisSize(whole.axes[0], lists_);
    if (whole.axes.size() == 2) whole.columns = AxisSize(whole.axes[1], lists_);
    whole.cells.assign(whole.rows * whole.columns, 0);
    for (const AxisSet set : SubsetsOf(whole.axes)) {
      const Grid2& component = components_.at(set);
      const bool by_row = !whole.axes.empty() && (set & BitOf(whole.axes[0])) != 0;
      const bool by_column = whole.axes.size() == 2 && (set & BitOf(whole.axes[1])) != 0;
      const double spread =
          (by_row ? 1.0 : static_cast<double>(whole.rows)) * (by_column ? 1.0 : static_cast<double>(whole.columns));
      for (size_t row = 0; row < whole.rows; ++row) {
        for (size_t column = 0; column < whole.columns; ++column) {
          const size_t from_row = by_row ? row : by_column ? column : 0;
          const size_t from_column = by_row && by_column ? column : 0;
          whole.at(row, column) += component.cells[from_row * component.columns + from_column] / spread;
        }
      }
    }
    return whole;
  }

 private:
  const PublicLists& lists_;
  std::map<AxisSet, Grid2> components_;
};

// Estimates in whole numbers that add up: of everything first, then over each axis, then over pairs, each made to add
// up to those before it. What that moves is a few parts of 2^16 of one.
class ExactSums {
 public:
  ExactSums(const Components& components, double scale) : components_(components), scale_(scale) {}

  std::vector<int64_t> Of(const std::vector<Axis>& axes) {
    if (axes.size() == 2) return Pair(axes);
    const AxisSet set = SetOf(axes);
    if (const auto known = known_.find(set); known != known_.end()) return known->second;
    std::vector<int64_t> cells = Rounded(axes);
    if (!axes.empty()) {
      int64_t rest = Of({}).front();
      for (const int64_t cell : cells) rest -= cell;
      cells.back() += rest;
    }
    return known_[set] = cells;
  }

 private:
  std::vector<int64_t> Rounded(const std::vector<Axis>& axes) const {
    std::vector<int64_t> cells;
    for (const double cell : components_.EstimateOf(axes).cells) {
      cells.push_back(static_cast<int64_t>(std::llround(cell * scale_)));
    }
    return cells;
  }
  std::vector<int64_t> Pair(const std::vector<Axis>& axes) {
    const std::vector<int64_t> rows = Of({axes[0]}), columns = Of({axes[1]});
    std::vector<int64_t> cells = Rounded(axes);
    const auto at = [&](size_t row, size_t column) -> int64_t& { return cells[row * columns.size() + column]; };
    for (size_t row = 0; row < rows.size(); ++row) {
      int64_t rest = rows[row];
      for (size_t column = 0; column < columns.size(); ++column) rest -= at(row, column);
      at(row, columns.size() - 1) += rest;
    }
    // Rows add up now, so what columns lack is 0 in all: put into one row, it leaves that row's sum as it is.
    for (size_t column = 0; column < columns.size(); ++column) {
      int64_t rest = columns[column];
      for (size_t row = 0; row < rows.size(); ++row) rest -= at(row, column);
      at(rows.size() - 1, column) += rest;
    }
    return cells;
  }

  const Components& components_;
  const double scale_;
  std::map<AxisSet, std::vector<int64_t>> known_;
};

}  // namespace

void EstimateAll(const Profile& profile, const PublicLists& lists, std::vector<NoisyTable>& tables) {
  for (size_t measure = 0; measure < kMeasures; ++measure) {
    const Components components(profile, lists, static_cast<Measure>(measure), tables);
    ExactSums sums(components, UnitOf(static_cast<Measure>(measure)) * kEstimateScale);
    for (NoisyTable& table : tables) {
      const TableSpec& spec = SpecOf(table.id);
      if (static_cast<size_t>(spec.measure) != measure) continue;
      table.estimates = sums.Of({spec.axes().begin(), spec.axes().end()});
    }
  }
}

WeightedCells::WeightedCells(const TableSpec& table, const PublicLists& lists, std::span<const double> weights)
    : measure_(table.measure) {
  Grid2 grid = GridOf(table, lists);
  grid.cells.assign(weights.begin(), weights.end());
  for (const AxisSet set : SubsetsOf(table.axes())) {
    Grid2 part = Marginal(grid, set);
    const double spread = CellsPerCell(table, set, lists);
    for (double& cell : part.cells) cell /= spread;
    TakeResidual(part);
    parts_.emplace(set, std::move(part.cells));
  }
}

Precision::Precision(const Profile& profile, const PublicLists& lists) {
  for (const DrawnTable& table : TablesOf(profile, lists)) {
    for (const AxisSet set : SubsetsOf(table.spec->axes())) {
      components_[static_cast<size_t>(table.spec->measure)][set] += WeightOf(table, set, profile, lists);
    }
  }
  for (auto& components : components_) {
    for (auto& [set, value] : components) value = 1 / value;
  }
}

double Precision::Covariance(const WeightedCells& a, const WeightedCells& b) const {
  if (a.measure_ != b.measure_) return 0;
  const auto& components = components_[static_cast<size_t>(a.measure_)];
  double sum = 0;
  for (const auto& [set, part] : a.parts_) {
    const auto other = b.parts_.find(set);
    if (other == b.parts_.end()) continue;
    double product = 0;
    for (size_t i = 0; i < part.size(); ++i) product += part[i] * other->second[i];
    sum += components.at(set) * product;
  }
  const double unit = UnitOf(a.measure_);
  return sum * unit * unit;
}

}  // namespace retention
