// Figures out of sums of estimates: what is shown, and its interval.
#ifndef RETENTION_SERVER_ANONYMISATION_FIGURES_H_
#define RETENTION_SERVER_ANONYMISATION_FIGURES_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/cell_sums.h"
#include "server/anonymisation/display.h"
#include "server/anonymisation/question.h"

namespace retention {

// Fills in rows, one after the other. Not thread-safe.
class Figures {
 public:
  // REQUIRES: both outlive it.
  Figures(const Question& question, const CellSums& sums) : question_(question), sums_(sums) {}

  void Put(size_t unit, size_t group, v1::StatisticsRow& row);

 private:
  // Variances and covariances of one group in one cohort of a layout.
  struct Exactness {
    double main = 0, under = 0, people = 0, main_with_people = 0;
    // Of a share: of the whole, and with it.
    double whole = 0, main_with_whole = 0, whole_with_people = 0;
  };
  // Of K(b), the people up to bucket b less the quantile of all, of each bucket.
  struct BucketContrast {
    double variance = 0, with_people = 0;
  };
  Exactness Of(size_t layout, size_t group);
  const std::vector<BucketContrast>& BucketsOf(size_t layout, size_t group);
  // Over the cohorts of a unit.
  Exactness Sum(size_t unit, size_t group);

  double Main(size_t unit, size_t group) const;
  double Whole(size_t unit, size_t group) const;
  // Groups that differ from this one in the last dimension alone.
  std::pair<size_t, size_t> Siblings(size_t group) const;
  void PutPercentile(size_t unit, size_t group, double people, double threshold, v1::StatisticsRow& row);

  const Question& question_;
  const CellSums& sums_;
  std::map<std::pair<size_t, size_t>, Exactness> exactness_;
  std::map<std::pair<size_t, size_t>, std::vector<BucketContrast>> buckets_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_FIGURES_H_
