// The estimates of released cubes, added up by calendar unit and group.
#ifndef RETENTION_SERVER_ANONYMISATION_CELL_SUMS_H_
#define RETENTION_SERVER_ANONYMISATION_CELL_SUMS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/anonymisation/cube_source.h"
#include "server/anonymisation/estimates.h"
#include "server/anonymisation/question.h"

namespace retention {

// A cohort that there was, or is, or will be.
struct ExpectedCohort {
  DueDay first_day;
  uint32_t day_count;
  bool is_partial = false;  // it had begun when the store was made
};
// All whose middle lies in a span of days, in order.
using CohortsIn = absl::FunctionRef<std::vector<ExpectedCohort>(DueDay from, DueDay to)>;

// How a table is read for a question: where each of its cells belongs.
struct TableUse {
  static constexpr uint32_t kNowhere = UINT32_MAX;
  struct Place {
    uint32_t group = kNowhere;  // filtered out
    uint8_t bucket = 0;         // of what is measured
    uint8_t weekday = 0;
  };
  const TableSpec* table = nullptr;
  std::vector<Place> places;
};

// What cubes were drawn under, and how a question is answered from them.
struct Layout {
  Layout(const Profile& profile_of, PublicLists lists_of)
      : profile(profile_of), lists(std::move(lists_of)), precision(profile, lists) {}

  const Profile& profile;
  const PublicLists lists;
  const Precision precision;
  bool by_weekday = false;  // days of the calendar are weekdays of the cohort
  TableUse main, people;
  std::optional<TableUse> under;
};

// A dimension that is grouped by, with all its values.
struct GroupDomain {
  v1::Dimension dimension;
  std::vector<std::string> values;
};

class CellSums {
 public:
  // As QueryStatistics fails. `now`: the layout of today, for where there is no cube.
  static absl::StatusOr<CellSums> Of(const Question& question, const CubeSource& source, const Profile& profile,
                                     const PublicLists& lists, CohortsIn cohorts_in);

  // What is known of the cohorts of a calendar unit.
  struct Unit {
    std::string name;
    std::vector<uint32_t> cohorts;  // by layout
    uint32_t in_range = 0, partial = 0, damaged = 0;
    std::vector<uint32_t> late_counted;   // by layout
    double people_in_time = 0, late = 0;  // of those whose late ones are counted
    uint32_t all() const;
  };
  const std::vector<Unit>& units() const { return units_; }
  // Of all of them: a cohort of which each day is a unit counts once.
  const Unit& total() const { return total_; }
  const std::vector<GroupDomain>& domains() const { return domains_; }
  const std::vector<std::unique_ptr<Layout>>& layouts() const { return layouts_; }
  size_t groups() const { return groups_; }
  // Names of the tables that are read.
  std::string tables() const;

  // Of a row, in the units that callers see.
  std::span<const int64_t> Main(size_t unit, size_t group) const {
    return {main_.data() + (unit * groups_ + group) * buckets_, buckets_};
  }
  int64_t Under(size_t unit, size_t group) const { return under_[unit * groups_ + group]; }
  int64_t People(size_t unit, size_t group) const { return people_[unit * groups_ + group]; }
  size_t buckets() const { return buckets_; }

 private:
  CellSums() = default;
  absl::Status Arrange(const Question& question);
  absl::Status CheckValues(const Question& question) const;
  absl::StatusOr<TableUse> UseOf(const Question& question, const Layout& layout, Measure measure) const;
  void FindUnits(const Question& question, const std::vector<FoundCube>& cubes, CohortsIn cohorts_in);
  absl::Status AddCube(const Question& question, const FoundCube& cube, size_t layout, const CubeSource& source);

  std::vector<std::unique_ptr<Layout>> layouts_;
  std::vector<GroupDomain> domains_;
  std::vector<Unit> units_;
  Unit total_;
  std::map<int64_t, size_t> unit_of_index_;
  size_t groups_ = 1, buckets_ = 1;
  std::vector<int64_t> main_, under_, people_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CELL_SUMS_H_
