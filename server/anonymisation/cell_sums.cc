#include "server/anonymisation/cell_sums.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_join.h"
#include "server/base/errors.h"

namespace retention {
namespace {

// The cubes that answer: of cohorts that have ended their months are left, if the calendar unit allows it.
std::vector<FoundCube> Choose(std::vector<FoundCube> found, CalendarUnit unit) {
  if (unit == CalendarUnit::kDay || unit == CalendarUnit::kWeek) {
    std::erase_if(found, [](const FoundCube& cube) { return cube.description.is_month; });
  }
  return found;
}

bool Passes(const std::vector<DimensionCondition>& conditions, v1::Dimension dimension, const std::string& value) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const DimensionCondition& condition) {
    return condition.dimension != dimension || absl::c_linear_search(condition.values, value) == condition.is_one_of;
  });
}

// Calendar units that a cohort, or one of its days, is in.
std::vector<int64_t> UnitsOf(const ExpectedCohort& cohort, DueDay middle, CalendarUnit unit, bool by_weekday) {
  if (!by_weekday) return {CalendarIndex(unit, middle)};
  std::vector<int64_t> units;
  for (uint32_t day = 0; day < cohort.day_count; ++day) units.push_back(cohort.first_day.number() + day);
  return units;
}

}  // namespace

uint32_t CellSums::Unit::all() const { return std::accumulate(cohorts.begin(), cohorts.end(), 0U); }

std::string CellSums::tables() const {
  std::vector<std::string> names;
  const auto add = [&](const TableUse& use) {
    const std::string name(use.table->name);
    if (!absl::c_linear_search(names, name)) names.push_back(name);
  };
  for (const auto& layout : layouts_) {
    add(layout->main);
    if (layout->under.has_value()) add(*layout->under);
    add(layout->people);
  }
  return absl::StrJoin(names, ",");
}

absl::StatusOr<TableUse> CellSums::UseOf(const Question& question, const Layout& layout, Measure measure) const {
  std::vector<v1::Dimension> needed = question.Needed();
  if (measure == Measure::kPeople && PartsOf(question).main == Measure::kMeetings) needed.clear();
  if (layout.by_weekday && !absl::c_linear_search(needed, v1::DIMENSION_WEEKDAY)) {
    needed.push_back(v1::DIMENSION_WEEKDAY);
  }
  TableUse use{.table = FindTable(layout.profile, layout.lists, measure, needed), .places = {}};
  if (use.table == nullptr) return NotAvailable(question, layout.profile, layout.lists);
  const std::vector<TableDomain> domains = DomainsOf(*use.table, layout.lists);
  use.places.assign(CellCount(*use.table, layout.lists), {});
  for (size_t cell = 0; cell < use.places.size(); ++cell) {
    TableUse::Place& place = use.places[cell];
    std::vector<uint32_t> at(question.groups.size());
    bool passes = true;
    size_t rest = cell;
    for (size_t i = domains.size(); i-- > 0;) {
      const TableDomain& domain = domains[i];
      const size_t index = rest % domain.values.size();
      rest /= domain.values.size();
      const std::string& value = domain.values[index];
      passes = passes && Passes(question.conditions, domain.dimension, value);
      if (domain.dimension == question.measured) place.bucket = static_cast<uint8_t>(index);
      if (domain.dimension == v1::DIMENSION_WEEKDAY) place.weekday = static_cast<uint8_t>(index);
      for (size_t group = 0; group < question.groups.size(); ++group) {
        if (question.groups[group] != domain.dimension || domains_.size() <= group) continue;
        const auto& values = domains_[group].values;
        at[group] = static_cast<uint32_t>(absl::c_find(values, value) - values.begin());
      }
    }
    if (!passes) continue;
    place.group = 0;
    for (size_t group = 0; group < domains_.size(); ++group) {
      place.group = place.group * static_cast<uint32_t>(domains_[group].values.size()) + at[group];
    }
  }
  return use;
}

absl::Status CellSums::CheckValues(const Question& question) const {
  for (const DimensionCondition& condition : question.conditions) {
    for (const std::string& value : condition.values) {
      const bool known = absl::c_any_of(layouts_, [&](const auto& layout) {
        return absl::c_any_of(DomainsOf(*layout->main.table, layout->lists), [&](const TableDomain& domain) {
          return domain.dimension == condition.dimension && absl::c_linear_search(domain.values, value);
        });
      });
      if (!known) return InvalidField("filter", "a value that the dimension does not have");
    }
  }
  return absl::OkStatus();
}

absl::Status CellSums::Arrange(const Question& question) {
  const MetricParts parts = PartsOf(question);
  for (auto& layout : layouts_) {
    layout->by_weekday =
        question.calendar == CalendarUnit::kDay && layout->profile.profile != v1::STATISTICS_PROFILE_DAILY;
    const bool is_month = layout->profile.profile == v1::STATISTICS_PROFILE_SMALL;
    if (is_month && (question.calendar == CalendarUnit::kDay || question.calendar == CalendarUnit::kWeek)) {
      return NotAvailable(question, layout->profile, layout->lists);
    }
    // Which table it is follows from the dimensions alone; its places from the domains of all layouts.
    auto main = UseOf(question, *layout, parts.main);
    if (!main.ok()) return main.status();
    layout->main = *std::move(main);
  }
  // Values in the order of the lists; where lists changed, those that came later behind, and "other" last.
  for (const v1::Dimension dimension : question.groups) {
    GroupDomain domain{.dimension = dimension, .values = {}};
    for (const auto& layout : layouts_) {
      for (const TableDomain& of : DomainsOf(*layout->main.table, layout->lists)) {
        if (of.dimension != dimension) continue;
        for (const std::string& value : of.values) {
          if (!absl::c_linear_search(domain.values, value)) domain.values.push_back(value);
        }
      }
    }
    if (const auto other = absl::c_find(domain.values, "other"); other != domain.values.end()) {
      std::rotate(other, other + 1, domain.values.end());
    }
    // Those that the filter leaves; at least a place for one, so that there is a group.
    std::erase_if(domain.values,
                  [&](const std::string& value) { return !Passes(question.conditions, dimension, value); });
    domains_.push_back(std::move(domain));
  }
  if (absl::Status s = CheckValues(question); !s.ok()) return s;
  groups_ = 1;
  for (const GroupDomain& domain : domains_) groups_ *= domain.values.size();
  for (auto& layout : layouts_) {
    auto main = UseOf(question, *layout, parts.main);
    if (!main.ok()) return main.status();
    layout->main = *std::move(main);
    auto people = UseOf(question, *layout, parts.people);
    if (!people.ok()) return people.status();
    layout->people = *std::move(people);
    if (parts.under.has_value()) {
      auto under = UseOf(question, *layout, *parts.under);
      if (!under.ok()) return under.status();
      layout->under = *std::move(under);
    }
    for (const TableUse::Place& place : layout->main.places) buckets_ = std::max<size_t>(buckets_, place.bucket + 1);
  }
  return absl::OkStatus();
}

void CellSums::FindUnits(const Question& question, const std::vector<FoundCube>& cubes, CohortsIn cohorts_in) {
  std::map<int64_t, std::string> names;
  const auto name_of = [&](int64_t index, DueDay middle, bool by_weekday) {
    return CalendarName(question.calendar, by_weekday ? DueDay::FromNumber(static_cast<uint32_t>(index)) : middle);
  };
  for (const FoundCube& cube : cubes) {
    const CubeDescription& of = cube.description;
    const bool by_weekday = question.calendar == CalendarUnit::kDay && of.day_count > 1;
    for (const int64_t index : UnitsOf({of.first_day, of.day_count}, of.middle(), question.calendar, by_weekday)) {
      names.emplace(index, name_of(index, of.middle(), by_weekday));
    }
  }
  if (question.calendar == CalendarUnit::kAll) names.emplace(0, "");
  for (const auto& [index, name] : names) {
    unit_of_index_.emplace(index, units_.size());
    units_.push_back({.name = name,
                      .cohorts = std::vector<uint32_t>(layouts_.size()),
                      .late_counted = std::vector<uint32_t>(layouts_.size())});
  }
  total_.cohorts.resize(layouts_.size());
  total_.late_counted.resize(layouts_.size());
  for (const ExpectedCohort& cohort : cohorts_in(question.days.from, question.days.to)) {
    const auto note = [&](Unit& unit) {
      ++unit.in_range;
      unit.partial += cohort.is_partial ? 1 : 0;
    };
    note(total_);
    const DueDay middle = MiddleOf(cohort.first_day, cohort.day_count);
    const bool by_weekday = question.calendar == CalendarUnit::kDay && cohort.day_count > 1;
    for (const int64_t index : UnitsOf(cohort, middle, question.calendar, by_weekday)) {
      if (const auto unit = unit_of_index_.find(index); unit != unit_of_index_.end()) note(units_[unit->second]);
    }
  }
}

absl::Status CellSums::AddCube(const Question& question, const FoundCube& cube, size_t layout_index,
                               const CubeSource& source) {
  const Layout& layout = *layouts_[layout_index];
  const CubeDescription& of = cube.description;
  std::vector<size_t> units;
  for (const int64_t index : UnitsOf({of.first_day, of.day_count}, of.middle(), question.calendar, layout.by_weekday)) {
    units.push_back(unit_of_index_.at(index));
  }
  // One table may be used for two things.
  std::map<TableId, std::vector<int64_t>> read;
  const auto add = [&](const TableUse& use, std::vector<int64_t>& sums, size_t buckets) {
    const auto [at, is_new] = read.try_emplace(use.table->id);
    if (is_new) {
      auto estimates = source.Estimates(cube, use.table->id);
      if (!estimates.ok()) return estimates.status();
      at->second = *std::move(estimates);
    }
    const std::vector<int64_t>* const cells = &at->second;
    if (cells->size() != use.places.size()) return absl::DataLossError("a table of a cube has other cells than it had");
    for (size_t i = 0; i < cells->size(); ++i) {
      const TableUse::Place& place = use.places[i];
      if (place.group == TableUse::kNowhere) continue;
      const size_t unit = layout.by_weekday ? units[place.weekday] : units.front();
      sums[(unit * groups_ + place.group) * buckets + (buckets > 1 ? place.bucket : 0)] += (*cells)[i];
    }
    return absl::OkStatus();
  };
  if (absl::Status s = add(layout.main, main_, buckets_); !s.ok()) return s;
  if (absl::Status s = add(layout.people, people_, 1); !s.ok()) return s;
  if (layout.under.has_value()) {
    if (absl::Status s = add(*layout.under, under_, 1); !s.ok()) return s;
  }
  double people = 0;
  if (of.late_people.has_value()) {
    const auto all = source.Estimates(cube, TableId::kPeople);
    if (!all.ok()) return all.status();
    people = static_cast<double>(all->front()) / kEstimateScale;
  }
  const auto note = [&](Unit& unit) {
    unit.cohorts[layout_index] += of.cohorts;
    unit.damaged += of.is_month ? of.cohorts_damaged : (of.damaged ? 1 : 0);
    if (!of.late_people.has_value()) return;
    unit.late_counted[layout_index] += of.is_month ? of.cohorts_late_counted : 1;
    unit.people_in_time += people;
    unit.late += static_cast<double>(*of.late_people);
  };
  for (const size_t at : units) note(units_[at]);
  note(total_);
  return absl::OkStatus();
}

absl::StatusOr<CellSums> CellSums::Of(const Question& question, const CubeSource& source, const Profile& profile,
                                      const PublicLists& lists, CohortsIn cohorts_in) {
  auto found = source.Find(question.days.from, question.days.to);
  if (!found.ok()) return found.status();
  const std::vector<FoundCube> cubes = Choose(*std::move(found), question.calendar);
  CellSums sums;
  std::vector<size_t> layout_of;
  for (const FoundCube& cube : cubes) {
    const CubeDescription& of = cube.description;
    auto at = absl::c_find_if(sums.layouts_, [&](const auto& layout) {
      return layout->profile.schema_version == of.schema_version && layout->lists == of.lists;
    });
    if (at == sums.layouts_.end()) {
      sums.layouts_.push_back(std::make_unique<Layout>(*ProfileOfSchema(of.schema_version), of.lists));
      at = sums.layouts_.end() - 1;
    }
    layout_of.push_back(static_cast<size_t>(at - sums.layouts_.begin()));
  }
  if (sums.layouts_.empty()) sums.layouts_.push_back(std::make_unique<Layout>(profile, lists));
  if (absl::Status s = sums.Arrange(question); !s.ok()) return s;
  sums.FindUnits(question, cubes, cohorts_in);
  const size_t rows = sums.units_.size() * sums.groups_;
  sums.main_.assign(rows * sums.buckets_, 0);
  sums.people_.assign(rows, 0);
  sums.under_.assign(rows, 0);
  for (size_t i = 0; i < cubes.size(); ++i) {
    if (absl::Status s = sums.AddCube(question, cubes[i], layout_of[i], source); !s.ok()) return s;
  }
  return sums;
}

}  // namespace retention
