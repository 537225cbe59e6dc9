#include "server/anonymisation/export.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/civil_time.h"
#include "server/anonymisation/guarantee.h"

namespace retention {
namespace {

void SetDay(DueDay day, google::type::Date& date) {
  const absl::CivilDay civil = day.civil();
  date.set_year(static_cast<int32_t>(civil.year()));
  date.set_month(civil.month());
  date.set_day(civil.day());
}

v1::ExportedCohort HeadOf(const CubeDescription& of, const Profile& profile, CohortsIn cohorts_in) {
  v1::ExportedCohort head;
  const DueDay last_day = DueDay::FromNumber(of.first_day.number() + of.day_count - 1);
  SetDay(of.first_day, *head.mutable_first_day());
  SetDay(last_day, *head.mutable_last_day());
  head.set_profile(profile.profile);
  head.set_schema_version(of.schema_version);
  head.set_rho(of.rho_ppm / 1e6);
  const auto put = [](const std::vector<std::string>& list, auto* names) { names->Add(list.begin(), list.end() - 1); };
  put(of.lists.regions(), head.mutable_media_sites());
  put(of.lists.clients(), head.mutable_client_kinds());
  put(of.lists.controllers(), head.mutable_controllers());
  head.set_damaged(of.damaged || of.cohorts_damaged > 0);
  if (of.late_people.has_value()) head.set_late_people(static_cast<double>(*of.late_people));
  head.set_cohorts(of.cohorts);
  const auto in_range = static_cast<uint32_t>(cohorts_in(of.first_day, last_day).size());
  head.set_cohorts_in_range(std::max(in_range, of.cohorts));
  return head;
}

}  // namespace

absl::StatusOr<std::vector<v1::ExportStatisticsResponse>> ExportCube(const FoundCube& cube, const CubeSource& source,
                                                                     CohortsIn cohorts_in) {
  const CubeDescription& of = cube.description;
  const Profile& profile = *ProfileOfSchema(of.schema_version);
  std::vector<v1::ExportStatisticsResponse> messages;
  *messages.emplace_back().mutable_cohort() = HeadOf(of, profile, cohorts_in);
  for (const DrawnTable& drawn : TablesOf(profile, of.lists)) {
    v1::ExportedTable& table = *messages.emplace_back().mutable_table();
    *table.mutable_table() = DescribeTable(drawn, profile, of.lists);
    const auto estimates = source.Estimates(cube, drawn.spec->id);
    if (!estimates.ok()) return estimates.status();
    for (const int64_t estimate : *estimates) table.add_estimates(static_cast<double>(estimate) / kEstimateScale);
    if (!of.is_month) {
      const auto cells = source.Drawn(cube, drawn.spec->id);
      if (!cells.ok()) return cells.status();
      const double unit = UnitOf(drawn.spec->measure);
      for (const int64_t cell : *cells) table.add_drawn(static_cast<double>(cell) * unit);
    }
    const auto squared = [](double stddev) { return stddev * stddev; };
    table.set_drawn_variance(squared(table.table().noise_stddev()));
    table.set_estimate_variance(squared(table.table().estimate_stddev()) * of.cohorts);
  }
  return messages;
}

}  // namespace retention
