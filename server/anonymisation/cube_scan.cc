#include "server/anonymisation/cube_scan.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/anonymisation/cube_codec.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr int64_t kLeftOut = -1;

// The values of `axis` under the lists of now, then those that only older cubes know, then "other".
std::vector<std::string> AllValues(Axis axis, const PublicLists& now, const std::vector<CubeScan::Layout>& layouts) {
  std::vector<std::string> values = AxisValues(axis, now);
  if (axis != Axis::kRegion && axis != Axis::kClient) return values;
  std::string other = std::move(values.back());
  values.pop_back();
  for (const CubeScan::Layout& layout : layouts) {
    const std::vector<std::string> then = AxisValues(axis, layout.lists);
    for (size_t i = 0; i + 1 < then.size(); ++i) {
      if (!absl::c_linear_search(values, then[i])) values.push_back(then[i]);
    }
  }
  values.push_back(std::move(other));
  return values;
}

const v1::DimensionFilter* FilterOf(const v1::QueryStatisticsRequest& request, v1::Dimension dimension) {
  for (const v1::DimensionFilter& filter : request.filters()) {
    if (filter.dimension() == dimension) return &filter;
  }
  return nullptr;
}

bool Passes(const v1::DimensionFilter* filter, const std::string& value) {
  return filter == nullptr ||
         std::find(filter->values().begin(), filter->values().end(), value) != filter->values().end();
}

absl::Status CheckValues(const v1::QueryStatisticsRequest& request, v1::Dimension dimension,
                         const std::vector<std::string>& values) {
  for (int i = 0; i < request.filters_size(); ++i) {
    if (request.filters(i).dimension() != dimension) continue;
    for (int j = 0; j < request.filters(i).values_size(); ++j) {
      if (!absl::c_linear_search(values, request.filters(i).values(j))) {
        return InvalidField(FilterValueField(i, j), "not in the domain of the dimension");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CubeScan> CubeScan::Read(const CubeSource& source, DueDay from, DueDay to, const TableSpec& table) {
  CubeScan scan(table);
  stored::v1::CubeHead head;  // reused: its strings keep their memory
  stored::v1::CubeHead last;  // that of the layout found last
  uint32_t layout = 0;
  const auto visit = [&](std::string_view head_bytes, std::string_view table_bytes) -> absl::Status {
    if (!head.ParseFromArray(head_bytes.data(), static_cast<int>(head_bytes.size()))) {
      return absl::DataLossError("malformed head of a cube");
    }
    const DueDay first_day = DueDay::FromNumber(head.first_day());
    if (first_day < from || uint64_t{head.first_day()} + head.day_count() > uint64_t{to.number()} + 1) {
      return absl::OkStatus();
    }
    const auto same = [](const PublicLists::Names& a, const PublicLists::Names& b) {
      return std::equal(a.begin(), a.end(), b.begin(), b.end());
    };
    if (scan.layouts_.empty() || head.schema_version() != last.schema_version() ||
        !same(head.media_sites(), last.media_sites()) || !same(head.client_kinds(), last.client_kinds())) {
      absl::StatusOr<CubeDescription> description = DecodeHead(head_bytes);
      if (!description.ok()) return description.status();
      const Layout found{ProfileOfSchema(description->schema_version), std::move(description->lists)};
      const auto at = std::find_if(scan.layouts_.begin(), scan.layouts_.end(), [&found](const Layout& known) {
        return known.profile == found.profile && known.lists == found.lists;
      });
      layout = static_cast<uint32_t>(at - scan.layouts_.begin());
      if (at == scan.layouts_.end()) scan.layouts_.push_back(found);
      last = head;
    }
    scan.cohorts_.push_back({first_day, layout, scan.bytes_.size(), table_bytes.size(),
                             head.has_late_people() ? std::optional(head.late_people()) : std::nullopt});
    scan.bytes_.append(table_bytes);
    return absl::OkStatus();
  };
  const absl::Status read = source.ForEach(from, to, table.id, visit);
  if (!read.ok()) return read;
  return scan;
}

absl::StatusOr<Grid> Grid::AddUp(const CubeScan& scan, const TableUse& use, CalendarUnit calendar,
                                 const v1::QueryStatisticsRequest& request, const PublicLists& lists) {
  Grid grid;
  const std::span<const Axis> axes = scan.table().axes();
  for (const Axis axis : axes) {
    const absl::Status known = CheckValues(request, DimensionOf(axis), AllValues(axis, lists, scan.layouts()));
    if (!known.ok()) return known;
  }
  if (use.measure) grid.buckets_ = AxisSize(*use.measure, lists);
  for (const v1::Dimension dimension : use.groups) {
    const Axis axis =
        *std::find_if(axes.begin(), axes.end(), [dimension](Axis a) { return DimensionOf(a) == dimension; });
    Domain& domain = grid.domains_.emplace_back(Domain{dimension, AllValues(axis, lists, scan.layouts())});
    std::erase_if(domain.values,
                  [&](const std::string& value) { return !Passes(FilterOf(request, dimension), value); });
    grid.groups_ *= domain.values.size();
  }

  // The unit of every cohort; cohorts come in the order of their first days.
  std::vector<size_t> unit_of;
  int64_t last_unit = -1;
  if (calendar == CalendarUnit::kAll) grid.units_.emplace_back();
  for (const CubeScan::Cohort& cohort : scan.cohorts()) {
    const int64_t unit = CalendarIndex(calendar, cohort.first_day);
    if (calendar != CalendarUnit::kAll && unit != last_unit) {
      grid.units_.push_back(CalendarName(calendar, cohort.first_day));
      last_unit = unit;
    }
    unit_of.push_back(grid.units_.size() - 1);
  }
  if (grid.units_.size() * grid.groups_ > kMaxStatisticsRows) {
    return InvalidField("group_by", "the answer would have more than 20,000 rows: ask for fewer groups or days");
  }
  grid.sums_.resize(grid.units_.size() * grid.groups_ * grid.buckets_);

  // Per layout, where each cell goes within its unit.
  std::vector<std::vector<int64_t>> targets;
  for (const CubeScan::Layout& layout : scan.layouts()) {
    std::vector<int64_t> cells = {0};
    for (const Axis axis : axes) {
      const v1::Dimension dimension = DimensionOf(axis);
      const std::vector<std::string> values = AxisValues(axis, layout.lists);
      std::vector<int64_t> offsets(values.size(), 0);
      int64_t stride = static_cast<int64_t>(grid.buckets_);
      for (size_t d = grid.domains_.size(); d-- > 0;) {
        const Domain& domain = grid.domains_[d];
        for (size_t v = 0; domain.dimension == dimension && v < values.size(); ++v) {
          const auto at = std::find(domain.values.begin(), domain.values.end(), values[v]);
          offsets[v] += (at - domain.values.begin()) * stride;
        }
        stride *= static_cast<int64_t>(domain.values.size());
      }
      for (size_t v = 0; v < values.size(); ++v) {
        if (use.measure == axis) offsets[v] += static_cast<int64_t>(v);
        if (!Passes(FilterOf(request, dimension), values[v])) offsets[v] = kLeftOut;
      }
      std::vector<int64_t> product;
      for (const int64_t outer : cells) {
        for (const int64_t inner : offsets) {
          product.push_back(outer == kLeftOut || inner == kLeftOut ? kLeftOut : outer + inner);
        }
      }
      cells = std::move(product);
    }
    targets.push_back(std::move(cells));
  }

  std::vector<int64_t> cells;
  for (size_t i = 0; i < scan.cohorts().size(); ++i) {
    const CubeScan::Cohort& cohort = scan.cohorts()[i];
    const std::vector<int64_t>& target = targets[cohort.layout];
    const absl::Status decoded = DecodeTable(scan.bytes(cohort), target.size(), cells);
    if (!decoded.ok()) return decoded;
    CellSum* const base = grid.sums_.data() + unit_of[i] * grid.groups_ * grid.buckets_;
    const Profile profile = *scan.layouts()[cohort.layout].profile;
    for (size_t cell = 0; cell < cells.size(); ++cell) {
      if (target[cell] != kLeftOut) base[target[cell]].Add(cells[cell], profile);
    }
    if (!cohort.late_people.has_value()) continue;
    ++grid.lateness_.cohorts;
    grid.lateness_.late.Add(*cohort.late_people, profile);
    // Every table has each person once.
    for (const int64_t cell : cells) grid.lateness_.in_time.Add(cell, profile);
  }
  return grid;
}

}  // namespace retention
