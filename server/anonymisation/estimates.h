// The best linear estimate of every figure that the tables of a cohort tell of, by least squares in residual
// components.
//
// Tables of one measure are noisy marginals of one contingency table. Over a set B of axes the *component* of B is the
// marginal over B without what is explained by fewer axes (its mean over each axis of B is 0). Components of different
// sets are independent of each other, and so is their noise, since every table has the same noise in each cell. So the
// best estimate of the component of B is the mean of what the tables that contain B say of it, weighted by
// 1 / (sigma^2 x product of the sizes of the table's other axes), and a marginal over A is the sum of its components,
// each spread evenly over the axes of A that are not its own. No matrix, and every answer is the same whichever table
// it is read from. (The reconstruction of ResidualPlanner: Xiao et al. 2023.)
#ifndef RETENTION_SERVER_ANONYMISATION_ESTIMATES_H_
#define RETENTION_SERVER_ANONYMISATION_ESTIMATES_H_

#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "server/anonymisation/cube.h"
#include "server/anonymisation/tables.h"

namespace retention {

// Fills in the estimates of `tables`, which are all that are drawn under the profile and lists. They add up exactly: a
// marginal of one table is the same marginal of any other of its measure, to the last bit.
void EstimateAll(const Profile& profile, const PublicLists& lists, std::vector<NoisyTable>& tables);

// A set of axes, as bits.
using AxisSet = uint32_t;
inline AxisSet SetOf(std::span<const Axis> axes) {
  AxisSet set = 0;
  for (const Axis axis : axes) set |= AxisSet{1} << static_cast<size_t>(axis);
  return set;
}

// A sum of cells of one table with weights, made ready for variances.
class WeightedCells {
 public:
  // `weights` are laid out as the cells of `table`.
  WeightedCells(const TableSpec& table, const PublicLists& lists, std::span<const double> weights);
  Measure measure() const { return measure_; }

 private:
  friend class Precision;
  // Of each subset of the table's axes: the part of the weights that its component is added up with.
  std::map<AxisSet, std::vector<double>> parts_;
  Measure measure_;
};

// How exact the estimates of one cohort are; a public constant of its profile and lists.
class Precision {
 public:
  Precision(const Profile& profile, const PublicLists& lists);

  // Of two weighted sums of estimates, in the units that callers see, squared. 0 for those of different measures.
  double Covariance(const WeightedCells& a, const WeightedCells& b) const;
  double Variance(const WeightedCells& of) const { return Covariance(of, of); }

 private:
  // Variances of components, in units of the measure squared.
  std::array<std::map<AxisSet, double>, kMeasures> components_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_ESTIMATES_H_
