// One table of the cubes in a range, read once and then added up by groups.
#ifndef RETENTION_SERVER_ANONYMISATION_CUBE_SCAN_H_
#define RETENTION_SERVER_ANONYMISATION_CUBE_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/anonymisation/cube_source.h"
#include "server/anonymisation/estimator.h"
#include "server/anonymisation/query_plan.h"
#include "server/anonymisation/tables.h"

namespace retention {

// The encoded tables of the cohorts that lie within the range. All values that occur on any axis are known before the
// first cell is added up, so that a change of the public lists within the range is no special case.
class CubeScan {
 public:
  static absl::StatusOr<CubeScan> Read(const CubeSource& source, DueDay from, DueDay to, const TableSpec& table);

  struct Cohort {
    DueDay first_day;
    uint32_t layout;  // index into layouts()
    size_t offset, size;
    std::optional<int64_t> late_people;  // the noisy cell, once they are counted
  };
  // What cubes were drawn under.
  struct Layout {
    const Profile* profile;
    PublicLists lists;
  };
  const TableSpec& table() const { return *table_; }
  const std::vector<Cohort>& cohorts() const { return cohorts_; }
  const std::vector<Layout>& layouts() const { return layouts_; }
  std::string_view bytes(const Cohort& cohort) const { return {bytes_.data() + cohort.offset, cohort.size}; }

 private:
  explicit CubeScan(const TableSpec& table) : table_(&table) {}

  const TableSpec* table_;
  std::vector<Cohort> cohorts_;
  std::vector<Layout> layouts_;
  std::string bytes_;
};

// Cells added up by calendar unit, group and measured bucket.
class Grid {
 public:
  // A dimension that is grouped by, with the values that pass the filters, in order.
  struct Domain {
    v1::Dimension dimension;
    std::vector<std::string> values;
  };

  // INVALID_ARGUMENT if a filter names a value that neither `lists` nor any cube knows, or if there would be too many
  // rows.
  static absl::StatusOr<Grid> AddUp(const CubeScan& scan, const TableUse& use, CalendarUnit calendar,
                                    const v1::QueryStatisticsRequest& request, const PublicLists& lists);

  // Units that hold a cohort, in order; one nameless unit for CalendarUnit::kAll, even without cohorts.
  const std::vector<std::string>& units() const { return units_; }
  const std::vector<Domain>& domains() const { return domains_; }
  // Buckets per group: 1 where people are counted.
  size_t buckets() const { return buckets_; }
  size_t groups() const { return groups_; }
  // The buckets of a group. Groups are numbered with the first domain slowest.
  std::span<const CellSum> Sums(size_t unit, size_t group) const {
    return {sums_.data() + (unit * groups_ + group) * buckets_, buckets_};
  }
  CellSum TotalOfAll() const { return Total(sums_); }
  // Of the cohorts to which those who came late are counted, over all groups and filters.
  struct Lateness {
    uint32_t cohorts = 0;
    CellSum in_time;  // people who were counted
    CellSum late;
  };
  const Lateness& lateness() const { return lateness_; }

 private:
  Grid() = default;
  std::vector<std::string> units_;
  std::vector<Domain> domains_;
  size_t groups_ = 1;
  size_t buckets_ = 1;
  std::vector<CellSum> sums_;
  Lateness lateness_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CUBE_SCAN_H_
