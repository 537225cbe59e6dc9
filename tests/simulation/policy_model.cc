#include "tests/simulation/policy_model.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/calendar.h"
#include "tests/simulation/model_words.h"

namespace retention::simulation {
namespace {

// A month has no more days; so a period of months is no longer than as many of these.
constexpr int64_t kLongestMonth = 31;

absl::CivilDay After(absl::CivilDay start, const v1::Period& period) {
  if (period.has_months()) return MonthsAfter(start, static_cast<int>(period.months()));
  return start + static_cast<int64_t>(period.days());
}

}  // namespace

const v1::DeletionRule& PolicyModel::RuleOf(v1::DataCategory category) const {
  return *std::find_if(policy_.rules().begin(), policy_.rules().end(),
                       [category](const v1::DeletionRule& rule) { return rule.category() == category; });
}

bool PolicyModel::RunsFromEnd(v1::DataCategory category) const {
  const v1::DeletionRule& rule = RuleOf(category);
  return rule.starting_point() == v1::STARTING_POINT_MEETING_END &&
         After(absl::CivilDay(), rule.period()) > absl::CivilDay();
}

absl::CivilDay PolicyModel::LastDay(v1::DataCategory category, absl::CivilDay start) const {
  return After(start, RuleOf(category).period());
}

absl::CivilDay PolicyModel::LongestLogDay(absl::CivilDay day) const {
  return After(day, RuleOf(v1::DATA_CATEGORY_SERVER_LOG).extended_period());
}

absl::CivilDay PolicyModel::CubeDay(absl::CivilDay cohort) const {
  return After(cohort, RuleOf(v1::DATA_CATEGORY_HISTORY).anonymised_period());
}

absl::Time PolicyModel::ReleaseTime(absl::CivilDay cohort) const {
  return std::min(LateTime(cohort), DueAfter(cohort) + absl::Seconds(policy_.statistics().settling().seconds()));
}

absl::Time PolicyModel::LateTime(absl::CivilDay cohort) const {
  return DueAfter(LastDay(v1::DATA_CATEGORY_HISTORY, cohort)) - kLeadWindow;
}

absl::CivilDay PolicyModel::LastSilentDay(absl::CivilDay contact) const {
  return After(contact, policy_.pbx_end().no_contact());
}

std::set<uint32_t> PolicyModel::warning_days() const {
  return {policy_.pbx_end().warning_days().begin(), policy_.pbx_end().warning_days().end()};
}

bool PolicyModel::Differs(const PolicyModel& other, v1::DataCategory category) const {
  const v1::DeletionRule& rule = RuleOf(category);
  return rule.SerializeAsString() != other.RuleOf(category).SerializeAsString();
}

std::set<absl::CivilDay> PolicyModel::Shifted(v1::DataCategory category, absl::CivilDay held,
                                              const PolicyModel& next) const {
  std::set<absl::CivilDay> days;
  if (StartOf(category) != next.StartOf(category)) return days;
  const v1::Period& period = RuleOf(category).period();
  const int64_t longest = period.has_months() ? period.months() * kLongestMonth : period.days();
  for (absl::CivilDay start = held - longest; start <= held; ++start) {
    if (LastDay(category, start) == held) days.insert(next.LastDay(category, start));
  }
  return days;
}

}  // namespace retention::simulation
