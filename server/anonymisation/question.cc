#include "server/anonymisation/question.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "server/base/errors.h"
#include "server/base/field_violations.h"

namespace retention {
namespace {

constexpr int kMostYears = 10;
constexpr size_t kMostGroups = 2;

std::optional<CalendarUnit> CalendarOf(v1::Dimension dimension) {
  switch (dimension) {
    case v1::DIMENSION_DAY:
      return CalendarUnit::kDay;
    case v1::DIMENSION_WEEK:
      return CalendarUnit::kWeek;
    case v1::DIMENSION_MONTH:
      return CalendarUnit::kMonth;
    case v1::DIMENSION_YEAR:
      return CalendarUnit::kYear;
    default:
      return std::nullopt;
  }
}

std::optional<v1::Dimension> MeasuredBy(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_DURATION_PERCENTILE:
      return v1::DIMENSION_DURATION;
    case v1::METRIC_RTT:
      return v1::DIMENSION_RTT;
    case v1::METRIC_LOSS:
      return v1::DIMENSION_LOSS;
    case v1::METRIC_JITTER:
      return v1::DIMENSION_JITTER;
    default:
      return std::nullopt;
  }
}

absl::Status CheckDate(std::string_view field, bool has, const google::type::Date& date) {
  if (!has) return InvalidField(field, "required");
  return IsCohortDate(date) ? absl::OkStatus() : InvalidField(field, "not a civil day after 1970-01-01");
}

absl::Status CheckMetric(const v1::QueryStatisticsRequest& request, Question& question) {
  if (!v1::Metric_IsValid(request.metric()) || request.metric() == v1::METRIC_UNSPECIFIED) {
    return InvalidField("metric", "required, one of the known metrics");
  }
  question.metric = request.metric();
  question.measured = MeasuredBy(request.metric());
  if (question.measured.has_value()) {
    if (!(request.percentile() > 0 && request.percentile() < 100)) {
      return InvalidField("percentile", "must be above 0 and below 100");
    }
    question.quantile = request.percentile() / 100;
  } else if (request.percentile() != 0) {
    return InvalidField("percentile", "only for DURATION_PERCENTILE, RTT, LOSS and JITTER");
  }
  return absl::OkStatus();
}

absl::Status CheckGroups(const v1::QueryStatisticsRequest& request, Question& question) {
  std::set<int> seen;
  for (int i = 0; i < request.group_by_size(); ++i) {
    const std::string field = absl::StrCat("group_by[", i, "]");
    const v1::Dimension dimension = request.group_by(i);
    if (!v1::Dimension_IsValid(dimension) || dimension == v1::DIMENSION_UNSPECIFIED) {
      return InvalidField(field, "not a known dimension");
    }
    if (!seen.insert(dimension).second) return InvalidField(field, "named twice");
    if (const auto unit = CalendarOf(dimension)) {
      if (question.calendar != CalendarUnit::kAll) return InvalidField(field, "at most one calendar dimension");
      question.calendar = *unit;
      question.calendar_position = static_cast<size_t>(i);
      continue;
    }
    if (question.groups.size() == kMostGroups) {
      return InvalidField(field, "at most two dimensions besides a calendar one");
    }
    // A percentile within one value of what is measured says nothing.
    if (dimension == question.measured) return InvalidField(field, "the metric measures this dimension");
    question.groups.push_back(dimension);
  }
  if (request.metric() == v1::METRIC_SHARE && question.groups.empty()) {
    return InvalidField("group_by", "a share needs groups");
  }
  return absl::OkStatus();
}

absl::Status CheckFilter(const v1::QueryStatisticsRequest& request, Question& question) {
  auto conditions = ParseFilter(request.filter());
  if (!conditions.ok()) return conditions.status();
  for (const DimensionCondition& condition : *conditions) {
    if (CalendarOf(condition.dimension)) return InvalidField("filter", "calendar dimensions are only to group by");
  }
  question.conditions = *std::move(conditions);
  return absl::OkStatus();
}

bool Holds(const TableSpec& table, std::span<const v1::Dimension> dimensions) {
  return std::all_of(dimensions.begin(), dimensions.end(), [&](v1::Dimension dimension) {
    return absl::c_any_of(table.axes(), [&](Axis axis) { return DimensionOf(axis) == dimension; });
  });
}

std::string NamesOf(std::span<const v1::Dimension> dimensions) {
  return absl::StrJoin(dimensions, ",",
                       [](std::string* out, v1::Dimension dimension) { absl::StrAppend(out, NameOf(dimension)); });
}

// Sets of dimensions that some table of the measure holds, each once.
std::vector<std::vector<v1::Dimension>> SetsOf(const Profile& profile, const PublicLists& lists, Measure measure) {
  std::set<std::vector<v1::Dimension>> sets;
  for (const DrawnTable& table : TablesOf(profile, lists)) {
    if (table.spec->measure != measure) continue;
    std::vector<v1::Dimension> all;
    for (const TableDomain& domain : DomainsOf(*table.spec, lists)) all.push_back(domain.dimension);
    std::sort(all.begin(), all.end());
    for (unsigned subset = 0; subset < 1U << all.size(); ++subset) {
      std::vector<v1::Dimension> some;
      for (size_t i = 0; i < all.size(); ++i) {
        if ((subset >> i & 1U) != 0) some.push_back(all[i]);
      }
      sets.insert(some);
    }
  }
  return {sets.begin(), sets.end()};
}

size_t Common(std::span<const v1::Dimension> a, std::span<const v1::Dimension> b) {
  return static_cast<size_t>(absl::c_count_if(a, [&](v1::Dimension each) { return absl::c_linear_search(b, each); }));
}

}  // namespace

absl::StatusOr<AskedDays> CheckDays(bool has_from, const google::type::Date& from, bool has_to,
                                    const google::type::Date& to) {
  const auto civil = [](const google::type::Date& date) {
    return absl::CivilDay(date.year(), date.month(), date.day());
  };
  FieldViolations violations;
  violations.Add(CheckDate("first_day", has_from, from));
  violations.Add(CheckDate("last_day", has_to, to));
  if (!violations.ok()) return violations.status();
  if (civil(to) < civil(from)) return InvalidField("last_day", "before `first_day`");
  if (civil(to) > absl::CivilDay(from.year() + kMostYears, from.month(), from.day())) {
    return InvalidField("last_day", "more than 10 years after `first_day`");
  }
  return AskedDays{.from = DueDay(civil(from)), .to = DueDay(civil(to))};
}

std::vector<v1::Dimension> Question::Needed() const {
  std::vector<v1::Dimension> needed = groups;
  const auto add = [&](v1::Dimension dimension) {
    if (!absl::c_linear_search(needed, dimension)) needed.push_back(dimension);
  };
  for (const DimensionCondition& condition : conditions) add(condition.dimension);
  if (measured.has_value()) add(*measured);
  return needed;
}

absl::StatusOr<Question> CheckQuestion(const v1::QueryStatisticsRequest& request) {
  Question question;
  FieldViolations violations;
  violations.Add(CheckMetric(request, question));
  violations.Add(CheckGroups(request, question));
  violations.Add(CheckFilter(request, question));
  auto days = CheckDays(request.has_first_day(), request.first_day(), request.has_last_day(), request.last_day());
  if (const AskedDays* asked = violations.Take(days)) question.days = *asked;
  if (!violations.ok()) return violations.status();
  return question;
}

MetricParts PartsOf(const Question& question) {
  switch (question.metric) {
    case v1::METRIC_PARTICIPATIONS:
      return {Measure::kParticipations, std::nullopt, Measure::kPeople};
    case v1::METRIC_TOTAL_TIME:
      return {Measure::kTime, std::nullopt, Measure::kPeople};
    case v1::METRIC_RECONNECTIONS:
      return {Measure::kReconnections, std::nullopt, Measure::kPeople};
    case v1::METRIC_DURATION_MEAN:
      return {Measure::kTime, Measure::kParticipations, Measure::kPeople};
    case v1::METRIC_RECONNECTIONS_MEAN:
      return {Measure::kReconnections, Measure::kParticipations, Measure::kPeople};
    case v1::METRIC_MEETINGS:
      return {Measure::kMeetings, std::nullopt, Measure::kPeople};
    case v1::METRIC_RTT:
      return {Measure::kRtt, std::nullopt, Measure::kRtt};
    case v1::METRIC_LOSS:
      return {Measure::kLoss, std::nullopt, Measure::kLoss};
    case v1::METRIC_JITTER:
      return {Measure::kJitter, std::nullopt, Measure::kJitter};
    case v1::METRIC_JOIN_FAILURES:
      return {Measure::kFailures, std::nullopt, Measure::kFailures};
    default:
      break;
  }
  Measure people = Measure::kPeople;
  for (const v1::Dimension dimension : question.Needed()) {
    if (dimension == v1::DIMENSION_RTT) people = Measure::kRtt;
    if (dimension == v1::DIMENSION_LOSS) people = Measure::kLoss;
    if (dimension == v1::DIMENSION_JITTER) people = Measure::kJitter;
    if (dimension == v1::DIMENSION_JOIN_FAILURE_CAUSE) people = Measure::kFailures;
    if (dimension == v1::DIMENSION_AT_CAP) people = Measure::kCaps;
  }
  return {people, std::nullopt, people};
}

const TableSpec* FindTable(const Profile& profile, const PublicLists& lists, Measure measure,
                           std::span<const v1::Dimension> dimensions) {
  const TableSpec* smallest = nullptr;
  for (const DrawnTable& table : TablesOf(profile, lists)) {
    if (table.spec->measure != measure || !Holds(*table.spec, dimensions)) continue;
    if (smallest == nullptr || CellCount(*table.spec, lists) < CellCount(*smallest, lists)) smallest = table.spec;
  }
  return smallest;
}

absl::Status NotAvailable(const Question& question, const Profile& profile, const PublicLists& lists) {
  const Measure measure = PartsOf(question).main;
  const std::vector<v1::Dimension> needed = question.Needed();
  std::vector<std::vector<v1::Dimension>> sets = SetsOf(profile, lists, measure);
  // What comes near: as many of the dimensions as possible, and nothing else.
  std::vector<std::vector<v1::Dimension>> nearest;
  size_t most = 0;
  for (const auto& set : sets) {
    const size_t common = Common(set, needed);
    if (common != set.size() || common < most) continue;
    if (common > most) nearest.clear();
    most = common;
    nearest.push_back(set);
  }
  std::vector<v1::Dimension> failing;
  for (const v1::Dimension dimension : needed) {
    if (nearest.empty() || !absl::c_linear_search(nearest.front(), dimension)) failing.push_back(dimension);
  }
  std::string failed = NamesOf(failing);
  if (question.calendar == CalendarUnit::kDay && failed.empty()) failed = "day";
  if (question.calendar == CalendarUnit::kWeek && failed.empty()) failed = "week";
  const std::string near =
      absl::StrJoin(nearest, ";", [](std::string* out, const auto& set) { absl::StrAppend(out, NamesOf(set)); });
  // A share is one of a dimension.
  const bool alone = !nearest.empty() && nearest.front().empty() && question.metric != v1::METRIC_SHARE;
  return WithMetadata(ErrorWithReason(absl::StatusCode::kFailedPrecondition, "NOT_AVAILABLE",
                                      absl::StrCat("no table of a cohort in the range holds the question: not with ",
                                                   failed, "; what comes near: ",
                                                   alone          ? "this metric without dimensions"
                                                   : near.empty() ? "nothing of this metric"
                                                                  : near)),
                      {{"dimension", failed}, {"nearest", near}});
}

std::vector<v1::AvailableQuestion> AvailableQuestions(const Profile& profile, const PublicLists& lists) {
  std::vector<v1::AvailableQuestion> questions;
  for (int value = v1::Metric_MIN + 1; value <= v1::Metric_MAX; ++value) {
    if (!v1::Metric_IsValid(value)) continue;
    Question question{.metric = static_cast<v1::Metric>(value)};
    question.measured = MeasuredBy(question.metric);
    const bool of_people = question.metric == v1::METRIC_PEOPLE || question.metric == v1::METRIC_SHARE;
    std::set<std::vector<v1::Dimension>> sets;
    const auto add = [&](Measure measure) {
      for (std::vector<v1::Dimension> set : SetsOf(profile, lists, measure)) {
        if (question.measured.has_value()) {
          const auto at = absl::c_find(set, *question.measured);
          if (at == set.end()) continue;
          set.erase(at);
        }
        if (question.metric == v1::METRIC_SHARE && set.empty()) continue;
        const auto under = PartsOf(question).under;
        if (under.has_value() && FindTable(profile, lists, *under, set) == nullptr) continue;
        sets.insert(set);
      }
    };
    if (of_people) {
      for (const Measure measure :
           {Measure::kPeople, Measure::kRtt, Measure::kLoss, Measure::kJitter, Measure::kFailures, Measure::kCaps}) {
        add(measure);
      }
    } else {
      add(PartsOf(question).main);
    }
    for (const auto& set : sets) {
      v1::AvailableQuestion& available = questions.emplace_back();
      available.set_metric(question.metric);
      for (const v1::Dimension dimension : set) available.add_dimensions(dimension);
    }
  }
  return questions;
}

}  // namespace retention
