#include "server/anonymisation/query_plan.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr int kMostYears = 10;
constexpr int kMostGroups = 2;
// More than any domain holds, across changes of the public lists.
constexpr int kMostFilterValues = 100;

std::optional<CalendarUnit> CalendarOf(v1::Dimension dimension) {
  switch (dimension) {
    case v1::DIMENSION_DAY:
      return CalendarUnit::kDay;
    case v1::DIMENSION_WEEK:
      return CalendarUnit::kWeek;
    case v1::DIMENSION_MONTH:
      return CalendarUnit::kMonth;
    default:
      return std::nullopt;
  }
}

bool IsKnown(v1::Dimension dimension) {
  return v1::Dimension_IsValid(dimension) && dimension != v1::DIMENSION_UNSPECIFIED;
}

// What the metric measures; unspecified where it counts people.
v1::Dimension MeasureOf(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_PARTICIPATIONS:
      return v1::DIMENSION_MEETINGS_PER_PERSON;
    case v1::METRIC_DURATION_MEAN:
    case v1::METRIC_DURATION_PERCENTILE:
    case v1::METRIC_TOTAL_TIME:
      return v1::DIMENSION_DURATION;
    case v1::METRIC_RECONNECTIONS_MEAN:
      return v1::DIMENSION_RECONNECTIONS;
    default:
      return v1::DIMENSION_UNSPECIFIED;
  }
}

absl::Status CheckRange(const v1::QueryStatisticsRequest& request, QueryPlan& plan) {
  const auto civil = [](const google::type::Date& date) {
    return absl::CivilDay(date.year(), date.month(), date.day());
  };
  if (!request.has_from()) return InvalidField("from", "required");
  if (!IsCohortDate(request.from())) return InvalidField("from", "not a civil day after 1970-01-01");
  if (!request.has_to()) return InvalidField("to", "required");
  if (!IsCohortDate(request.to())) return InvalidField("to", "not a civil day after 1970-01-01");
  const absl::CivilDay from = civil(request.from()), to = civil(request.to());
  if (to < from) return InvalidField("to", "before from");
  if (to > absl::CivilDay(from.year() + kMostYears, from.month(), from.day())) {
    return InvalidField("to", "more than 10 years after from");
  }
  plan.from = DueDay(from);
  plan.to = DueDay(to);
  return absl::OkStatus();
}

absl::Status CheckMetric(const v1::QueryStatisticsRequest& request) {
  if (!v1::Metric_IsValid(request.metric()) || request.metric() == v1::METRIC_UNSPECIFIED) {
    return InvalidField("metric", "required, one of the known metrics");
  }
  if (request.metric() == v1::METRIC_DURATION_PERCENTILE) {
    if (!(request.percentile() > 0 && request.percentile() < 100)) {
      return InvalidField("percentile", "must be above 0 and below 100");
    }
  } else if (request.percentile() != 0) {
    return InvalidField("percentile", "only for METRIC_DURATION_PERCENTILE");
  }
  return absl::OkStatus();
}

absl::Status CheckGroups(const v1::QueryStatisticsRequest& request, QueryPlan& plan) {
  std::set<int> seen;
  for (int i = 0; i < request.group_by_size(); ++i) {
    const v1::Dimension dimension = request.group_by(i);
    if (!IsKnown(dimension)) return InvalidField(GroupField(i), "not a known dimension");
    if (!seen.insert(dimension).second) return InvalidField(GroupField(i), "named twice");
    if (const auto unit = CalendarOf(dimension)) {
      if (plan.calendar != CalendarUnit::kAll) return InvalidField(GroupField(i), "at most one calendar dimension");
      plan.calendar = *unit;
      plan.calendar_position = static_cast<size_t>(i);
      continue;
    }
    if (plan.main.groups.size() == kMostGroups) {
      return InvalidField(GroupField(i), "at most two dimensions besides a calendar one");
    }
    // A mean, percentile or total within one value of what is averaged says nothing.
    if (dimension == MeasureOf(request.metric()) && request.metric() != v1::METRIC_PARTICIPATIONS) {
      return InvalidField(GroupField(i), "the metric measures this dimension");
    }
    plan.main.groups.push_back(dimension);
  }
  if (request.metric() == v1::METRIC_SHARE && request.group_by().empty()) {
    return InvalidField("group_by", "a share needs groups");
  }
  return absl::OkStatus();
}

// Values of the divisions that do not depend on the lists.
absl::Status CheckFixedValues(const v1::DimensionFilter& filter, int index, const PublicLists& lists) {
  std::vector<std::vector<std::string>> divisions;
  for (const Axis axis : {Axis::kHour, Axis::kDuration24, Axis::kDuration12, Axis::kMeetingSize, Axis::kReconnections,
                          Axis::kMeetingsPerPerson}) {
    if (DimensionOf(axis) == filter.dimension()) divisions.push_back(AxisValues(axis, lists));
  }
  if (divisions.empty()) return absl::OkStatus();
  for (int j = 0; j < filter.values_size(); ++j) {
    if (std::none_of(divisions.begin(), divisions.end(),
                     [&](const auto& values) { return absl::c_linear_search(values, filter.values(j)); })) {
      return InvalidField(FilterValueField(index, j), "not in the domain of the dimension");
    }
  }
  const bool one_division = std::any_of(divisions.begin(), divisions.end(), [&](const auto& values) {
    return std::all_of(filter.values().begin(), filter.values().end(),
                       [&](const std::string& value) { return absl::c_linear_search(values, value); });
  });
  if (!one_division) {
    return InvalidField(absl::StrCat(FilterField(index), ".values"), "values of two divisions cannot be mixed");
  }
  return absl::OkStatus();
}

absl::Status CheckFilters(const v1::QueryStatisticsRequest& request, const PublicLists& lists) {
  std::set<int> seen;
  for (int i = 0; i < request.filters_size(); ++i) {
    const v1::DimensionFilter& filter = request.filters(i);
    const std::string dimension_field = absl::StrCat(FilterField(i), ".dimension");
    if (!IsKnown(filter.dimension())) return InvalidField(dimension_field, "not a known dimension");
    if (CalendarOf(filter.dimension()))
      return InvalidField(dimension_field, "calendar dimensions are only to group by");
    if (!seen.insert(filter.dimension()).second) return InvalidField(dimension_field, "named twice");
    const std::string values_field = absl::StrCat(FilterField(i), ".values");
    if (filter.values().empty()) return InvalidField(values_field, "at least one value");
    if (filter.values_size() > kMostFilterValues) return InvalidField(values_field, "at most 100 values");
    std::set<std::string> values;
    for (int j = 0; j < filter.values_size(); ++j) {
      if (!values.insert(filter.values(j)).second) return InvalidField(FilterValueField(i, j), "named twice");
    }
    const absl::Status fixed = CheckFixedValues(filter, i, lists);
    if (!fixed.ok()) return fixed;
  }
  return absl::OkStatus();
}

// The axis of `table` for `dimension` that knows the values it is filtered by; absent if there is none.
std::optional<Axis> FindAxis(const TableSpec& table, v1::Dimension dimension, const v1::QueryStatisticsRequest& request,
                             const PublicLists& lists) {
  for (const Axis axis : table.axes()) {
    if (DimensionOf(axis) != dimension) continue;
    if (dimension != v1::DIMENSION_DURATION) return axis;
    for (const v1::DimensionFilter& filter : request.filters()) {
      if (filter.dimension() == dimension && !absl::c_linear_search(AxisValues(axis, lists), filter.values(0)))
        return std::nullopt;
    }
    return axis;
  }
  return std::nullopt;
}

absl::Status NotAvailable(const Profile& profile) {
  std::string message = "no table holds all dimensions of the question; the tables are";
  const char* separator = " ";
  for (const TableSpec& table : profile.tables) {
    absl::StrAppend(&message, separator, std::string(table.name));
    separator = ", ";
  }
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "NOT_AVAILABLE", message);
}

absl::StatusOr<TableUse> ChooseTable(const v1::QueryStatisticsRequest& request, v1::Dimension measure,
                                     std::vector<v1::Dimension> groups, const PublicLists& lists,
                                     const Profile& profile) {
  std::vector<v1::Dimension> needed = groups;
  for (const v1::DimensionFilter& filter : request.filters()) needed.push_back(filter.dimension());
  if (measure != v1::DIMENSION_UNSPECIFIED) needed.push_back(measure);
  TableUse use{.groups = std::move(groups)};
  size_t fewest = 0;
  for (const TableSpec& table : profile.tables) {
    const bool holds_all = std::all_of(needed.begin(), needed.end(), [&](v1::Dimension dimension) {
      return FindAxis(table, dimension, request, lists).has_value();
    });
    const size_t cells = CellCount(table, lists);
    if (!holds_all || (use.table != nullptr && cells >= fewest)) continue;
    use.table = &table;
    fewest = cells;
    use.measure.reset();
    if (measure != v1::DIMENSION_UNSPECIFIED) use.measure = FindAxis(table, measure, request, lists);
  }
  if (use.table == nullptr) return NotAvailable(profile);
  return use;
}

}  // namespace

std::string GroupField(int index) { return absl::StrCat("group_by[", index, "]"); }
std::string FilterField(int index) { return absl::StrCat("filters[", index, "]"); }
std::string FilterValueField(int filter, int value) {
  return absl::StrCat(FilterField(filter), ".values[", value, "]");
}

absl::StatusOr<QueryPlan> PlanQuery(const v1::QueryStatisticsRequest& request, const PublicLists& lists,
                                    const Profile& profile) {
  QueryPlan plan;
  for (const absl::Status& checked :
       {CheckMetric(request), CheckGroups(request, plan), CheckFilters(request, lists), CheckRange(request, plan)}) {
    if (!checked.ok()) return checked;
  }
  auto main = ChooseTable(request, MeasureOf(request.metric()), plan.main.groups, lists, profile);
  if (!main.ok()) return main.status();
  plan.main = *std::move(main);
  if (request.metric() == v1::METRIC_TOTAL_TIME || request.metric() == v1::METRIC_SHARE) {
    const bool share = request.metric() == v1::METRIC_SHARE;
    auto second = share ? ChooseTable(request, v1::DIMENSION_UNSPECIFIED, {}, lists, profile)
                        : ChooseTable(request, v1::DIMENSION_MEETINGS_PER_PERSON, plan.main.groups, lists, profile);
    if (!second.ok()) return second.status();
    plan.second = *std::move(second);
  }
  return plan;
}

}  // namespace retention
