#include "server/anonymisation/query.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/anonymisation/cube_scan.h"
#include "server/anonymisation/estimator.h"
#include "server/anonymisation/query_plan.h"

namespace retention {
namespace {

const char* UnitOf(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_PEOPLE_DAYS:
      return "people-days";
    case v1::METRIC_PARTICIPATIONS:
      return "participations";
    case v1::METRIC_SHARE:
      return "share";
    case v1::METRIC_RECONNECTIONS_MEAN:
      return "reconnections";
    default:
      return "seconds";
  }
}

// Cohorts that [from, to] holds whole, were all released.
uint32_t CohortsInRange(CohortPeriod period, DueDay from, DueDay to) {
  const int64_t end = int64_t{to.number()} + 1;
  const auto starts_before = [period](int64_t day) -> int64_t {
    const DueDay due_day = DueDay::FromNumber(static_cast<uint32_t>(day));
    switch (period) {
      case CohortPeriod::kDay:
        return day;
      case CohortPeriod::kWeek:
        return CalendarIndex(CalendarUnit::kWeek, due_day);
      case CohortPeriod::kMonth:
        return CalendarIndex(CalendarUnit::kMonth, due_day);
    }
    return day;
  };
  // The first period that begins at `from` or later, and the one that `end` lies in.
  const int64_t first = starts_before(int64_t{from.number()} - 1) + 1;
  return static_cast<uint32_t>(std::max<int64_t>(0, starts_before(end) - first));
}

// The figures of one question: the grids it reads and the arithmetic between them.
class Answer {
 public:
  static absl::StatusOr<Answer> Read(const v1::QueryStatisticsRequest& request, const QueryPlan& plan,
                                     const CubeSource& source, const PublicLists& lists) {
    auto scan = CubeScan::Read(source, plan.from, plan.to, *plan.main.table);
    if (!scan.ok()) return scan.status();
    auto main = Grid::AddUp(*scan, plan.main, plan.calendar, request, lists);
    if (!main.ok()) return main.status();
    Answer answer(request, plan, *std::move(main));
    answer.cohorts_ = scan->cohorts().size();
    if (!plan.second) return answer;
    const bool share = request.metric() == v1::METRIC_SHARE;
    if (share && plan.second->table == plan.main.table) {
      answer.whole_ = answer.main_.TotalOfAll();
      return answer;
    }
    auto second_scan = CubeScan::Read(source, plan.from, plan.to, *plan.second->table);
    if (!second_scan.ok()) return second_scan.status();
    auto second = Grid::AddUp(*second_scan, *plan.second, share ? CalendarUnit::kAll : plan.calendar, request, lists);
    if (!second.ok()) return second.status();
    if (second_scan->cohorts().size() != scan->cohorts().size()) {
      return absl::DataLossError("a released cohort lacks a table");
    }
    answer.whole_ = second->TotalOfAll();
    answer.second_ = *std::move(second);
    return answer;
  }

  const Grid& grid() const { return main_; }
  size_t cohorts() const { return cohorts_; }
  Figure At(size_t unit, size_t group) const {
    const std::span<const CellSum> sums = main_.Sums(unit, group);
    switch (metric_) {
      case v1::METRIC_PEOPLE_DAYS:
        return EstimateCount(sums[0]);
      case v1::METRIC_PARTICIPATIONS:
        return EstimateWeightedCount(sums, Bounds(*measure_));
      case v1::METRIC_SHARE: {
        if (second_) return EstimateShareOfWhole(sums[0], whole_);
        CellSum rest = whole_;
        rest -= sums[0];
        return EstimateShareOfParts(sums[0], rest);
      }
      case v1::METRIC_DURATION_PERCENTILE:
        return EstimatePercentile(sums, Bounds(*measure_), percentile_);
      case v1::METRIC_TOTAL_TIME:
        return EstimateProduct(
            EstimateMean(sums, Bounds(*measure_), kZ95OfTwo),
            EstimateWeightedCount(second_->Sums(unit, group), Bounds(Axis::kMeetingsPerPerson), kZ95OfTwo));
      default:
        return EstimateMean(sums, Bounds(*measure_));
    }
  }
  // Noisy cells in that figure.
  uint32_t CellsAt(size_t unit, size_t group) const {
    uint32_t cells = Total(main_.Sums(unit, group)).cells;
    if (metric_ == v1::METRIC_TOTAL_TIME) cells += Total(second_->Sums(unit, group)).cells;
    return cells;
  }

 private:
  Answer(const v1::QueryStatisticsRequest& request, const QueryPlan& plan, Grid main)
      : metric_(request.metric()),
        percentile_(request.percentile()),
        measure_(plan.main.measure),
        main_(std::move(main)) {}
  static std::span<const BucketBounds> Bounds(Axis axis) { return BoundsOf(axis); }

  v1::Metric metric_;
  double percentile_;
  std::optional<Axis> measure_;
  Grid main_;
  std::optional<Grid> second_;
  CellSum whole_;
  size_t cohorts_ = 0;
};

void SetFigure(const Figure& figure, uint32_t cells, v1::StatisticsRow& row) {
  row.set_suppressed(figure.suppressed);
  if (figure.suppressed) return;
  row.set_estimate(figure.estimate);
  row.set_noise_stddev(figure.noise_stddev);
  row.set_interval_low(figure.low);
  row.set_interval_high(figure.high);
  row.set_bias_bound(figure.bias_bound);
  row.set_cells(cells);
}

void SetCoverage(const Grid::Lateness& lateness, v1::Coverage& coverage) {
  const Figure share = EstimateShareOfParts(lateness.in_time, lateness.late);
  coverage.set_cohorts(lateness.cohorts);
  coverage.set_suppressed(share.suppressed);
  if (share.suppressed) return;
  coverage.set_estimate(share.estimate);
  coverage.set_interval_low(share.low);
  coverage.set_interval_high(share.high);
}

// One row per group, nested in the order of group_by.
void AddRows(const Answer& answer, const QueryPlan& plan, v1::QueryStatisticsResponse& response) {
  const Grid& grid = answer.grid();
  // What rows are nested by: the grid's domains, with the units of the calendar at their place in group_by.
  std::vector<const std::vector<std::string>*> levels;
  for (const Grid::Domain& domain : grid.domains()) levels.push_back(&domain.values);
  const size_t unit_level = plan.calendar == CalendarUnit::kAll ? 0 : plan.calendar_position;
  levels.insert(levels.begin() + static_cast<std::ptrdiff_t>(unit_level), &grid.units());

  const size_t rows = grid.units().size() * grid.groups();
  response.mutable_rows()->Reserve(static_cast<int>(rows));
  std::vector<size_t> at(levels.size(), 0);
  for (size_t i = 0; i < rows; ++i) {
    size_t group = 0;
    v1::StatisticsRow& row = *response.add_rows();
    for (size_t level = 0; level < levels.size(); ++level) {
      if (level != unit_level) group = group * levels[level]->size() + at[level];
      if (level != unit_level || plan.calendar != CalendarUnit::kAll) row.add_group((*levels[level])[at[level]]);
    }
    SetFigure(answer.At(at[unit_level], group), answer.CellsAt(at[unit_level], group), row);
    for (size_t level = levels.size(); level-- > 0;) {
      if (++at[level] < levels[level]->size()) break;
      at[level] = 0;
    }
  }
}

}  // namespace

absl::StatusOr<v1::QueryStatisticsResponse> AnswerQuery(const v1::QueryStatisticsRequest& request,
                                                        const CubeSource& source, const v1::StatisticsPolicy& policy,
                                                        const Profile& profile) {
  const PublicLists lists(policy);
  const absl::StatusOr<QueryPlan> plan = PlanQuery(request, lists, profile);
  if (!plan.ok()) return plan.status();
  const absl::StatusOr<Answer> answer = Answer::Read(request, *plan, source, lists);
  if (!answer.ok()) return answer.status();

  v1::QueryStatisticsResponse response;
  AddRows(*answer, *plan, response);
  std::string tables(plan->main.table->name);
  if (plan->second && plan->second->table != plan->main.table) {
    absl::StrAppend(&tables, ",", std::string(plan->second->table->name));
  }
  response.set_table(std::move(tables));
  response.set_cohorts_covered(static_cast<uint32_t>(answer->cohorts()));
  response.set_cohorts_in_range(CohortsInRange(profile.period, plan->from, plan->to));
  response.set_unit(UnitOf(request.metric()));
  SetCoverage(answer->grid().lateness(), *response.mutable_coverage());
  return response;
}

}  // namespace retention
