#include "server/anonymisation/guarantee.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "server/anonymisation/display.h"
#include "server/anonymisation/estimates.h"
#include "server/anonymisation/question.h"

namespace retention {
namespace {

constexpr double kMillion = 1e6;

// log of the delta that rho-zCDP has at `epsilon`, by the order `alpha`.
double LogDelta(double rho, double epsilon, double alpha) {
  return (alpha - 1) * (alpha * rho - epsilon) - std::log(alpha - 1) + alpha * std::log1p(-1 / alpha);
}

// The least of it over all orders, of which it is a convex function: by thirds.
double LeastLogDelta(double rho, double epsilon) {
  double low = std::log(1e-6), high = std::log(1e6);  // of alpha - 1
  for (int i = 0; i < 200; ++i) {
    const double a = low + (high - low) / 3, b = high - (high - low) / 3;
    if (LogDelta(rho, epsilon, 1 + std::exp(a)) < LogDelta(rho, epsilon, 1 + std::exp(b))) {
      high = b;
    } else {
      low = a;
    }
  }
  return LogDelta(rho, epsilon, 1 + std::exp((low + high) / 2));
}

uint32_t DaysOfCohort(const Profile& profile) {
  switch (profile.profile) {
    case v1::STATISTICS_PROFILE_DAILY:
      return 1;
    case v1::STATISTICS_PROFILE_SMALL:
      return 30;
    default:
      return 7;
  }
}

}  // namespace

double EpsilonOf(double rho, double delta) {
  double low = 0, high = rho + 2 * std::sqrt(rho * std::log(1 / delta)) + 1;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (LeastLogDelta(rho, middle) > std::log(delta) ? low : high) = middle;
  }
  return high;
}

double GuessRightAtMost(double rho) { return 0.5 * std::erfc(-std::sqrt(rho / 2) / std::sqrt(2.0)); }

uint32_t CohortsTouched(uint32_t days, const Profile& profile) {
  if (profile.profile == v1::STATISTICS_PROFILE_SMALL) return (days * 12 + 364) / 365;
  const uint32_t length = DaysOfCohort(profile);
  return (days + length - 1) / length;
}

v1::Table DescribeTable(const DrawnTable& drawn, const Profile& profile, const PublicLists& lists) {
  v1::Table table;
  const TableSpec& spec = *drawn.spec;
  table.set_name(std::string(spec.name));
  for (TableDomain& domain : DomainsOf(spec, lists)) {
    v1::DimensionDomain& described = *table.add_dimensions();
    described.set_dimension(domain.dimension);
    for (std::string& value : domain.values) described.add_values(std::move(value));
  }
  table.set_cell_count(static_cast<uint32_t>(CellCount(spec, lists)));
  table.set_unit(std::string(UnitName(spec.measure)));
  const double unit = UnitOf(spec.measure);
  table.set_contribution(static_cast<double>(ContributionOf(spec.measure, profile)) * unit);
  table.set_share_percent(drawn.share / 100.0);
  table.set_noise_stddev(std::sqrt(static_cast<double>(NoiseVarianceOf(drawn, profile))) * unit);
  std::vector<double> one(CellCount(spec, lists));
  one.front() = 1;
  table.set_estimate_stddev(std::sqrt(Precision(profile, lists).Variance(WeightedCells(spec, lists, one))));
  return table;
}

v1::ListTablesResponse DescribeTables(const Profile& profile, const PublicLists& lists) {
  v1::ListTablesResponse response;
  for (const DrawnTable& table : TablesOf(profile, lists))
    *response.add_tables() = DescribeTable(table, profile, lists);
  response.set_schema_version(profile.schema_version);
  response.set_rho_per_cohort(profile.rho_ppm / kMillion);
  response.set_profile(profile.profile);
  for (v1::AvailableQuestion& question : AvailableQuestions(profile, lists)) {
    *response.add_questions() = std::move(question);
  }
  return response;
}

v1::GetGuaranteeResponse DescribeGuarantee(const Profile& profile, absl::Duration settling) {
  v1::GetGuaranteeResponse response;
  response.set_profile(profile.profile);
  response.set_schema_version(profile.schema_version);
  response.set_rho_per_cohort(profile.rho_ppm / kMillion);
  response.set_delta(kGuaranteeDelta);
  for (const uint32_t days : {DaysOfCohort(profile), 30U, 250U, 365U}) {
    if (response.over_time_size() > 0 && response.over_time(0).days() == days) continue;
    v1::GuaranteeOverTime& over = *response.add_over_time();
    const uint32_t cohorts = CohortsTouched(days, profile);
    const double rho = cohorts * (profile.rho_ppm / kMillion);
    over.set_days(days);
    over.set_cohorts(cohorts);
    over.set_rho(rho);
    over.set_epsilon(EpsilonOf(rho, kGuaranteeDelta));
    over.set_guess_right_at_most(GuessRightAtMost(rho));
  }
  response.set_least_people(static_cast<uint32_t>(kLeastPeople));
  response.mutable_settling()->set_seconds(absl::ToInt64Seconds(settling));
  for (const char* promise :
       {"What a person adds to each table is bounded, whatever they do: as much as `contribution` of ListTables says.",
        "Every cell, empty ones too, has exact discrete Gaussian noise: rho-zCDP per person and cohort, whoever asks, "
        "with whatever they know beside.",
        "Each table of a cohort is drawn once; it is served only after the key by which people were hashed is "
        "destroyed.",
        "Every answer is computed from what was drawn and public constants alone: asking again, or in another way, "
        "tells nothing more.",
        "What a person adds follows from their own events alone, and from the explicit end of a meeting, which is "
        "nobody's.",
        "A figure is shown only if at least 10 people are in it with 99.9 % certainty, for each figure by itself; its "
        "interval holds in 95 of 100 of the figures that are shown.",
        "Estimates add up exactly, across tables and spans."}) {
    response.add_promises(promise);
  }
  for (const char* limit :
       {"Budgets add up over cohorts: see over_time for somebody who is there all the time.",
        "The promise is per identity: somebody who comes under k of them is protected k^2 times less; a group of g "
        "people, taken together, g^2 times less.",
        "Noise hides persons, not facts about all: if everybody uses one browser, that is to be seen.",
        "That figures of few people are left out is for the reader's sake; privacy does not hang on it.",
        "Whoever holds a copy of data, key ring and root has the originals; that it was made cannot be seen from "
        "here.",
        "Sums leave out what a person does beyond the caps; the table at_cap says how many they are."}) {
    response.add_limits(limit);
  }
  return response;
}

}  // namespace retention
