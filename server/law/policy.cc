#include "server/law/policy.h"

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"

namespace retention {
namespace {

constexpr uint32_t kMaxDays = 3660;
constexpr uint32_t kMaxMonths = 120;
constexpr size_t kMaxPublicName = 32;
constexpr size_t kMaxWarnings = 5;
constexpr uint32_t kMaxWarningDays = 60;
// More than a portal that was away comes back after.
constexpr absl::Duration kMaxSettling = absl::Hours(30 * 24);
constexpr absl::Duration kBackupsKept = absl::Hours(7 * 24);
constexpr absl::Duration kBackupsKeptMin = absl::Hours(1);

absl::StatusOr<CivilPeriod> ParsePeriod(const v1::Period& period, const std::string& field) {
  switch (period.length_case()) {
    case v1::Period::kDays:
      if (period.days() > kMaxDays) return InvalidField(absl::StrCat(field, ".days"), "at most 3,660");
      return CivilPeriod{CivilPeriod::Unit::kDays, period.days()};
    case v1::Period::kMonths:
      if (period.months() < 1 || period.months() > kMaxMonths) {
        return InvalidField(absl::StrCat(field, ".months"), "1 to 120");
      }
      return CivilPeriod{CivilPeriod::Unit::kMonths, period.months()};
    case v1::Period::kImmediately:
      if (!period.immediately()) return InvalidField(absl::StrCat(field, ".immediately"), "must be true if present");
      return CivilPeriod{CivilPeriod::Unit::kImmediately, 0};
    case v1::Period::LENGTH_NOT_SET:
      break;
  }
  return InvalidField(field, "one of days, months, immediately is required");
}

// The starting points that the engine can find for a category.
std::vector<v1::StartingPoint> StartingPointsOf(int category) {
  switch (category) {
    case v1::DATA_CATEGORY_RECORDING:
      return {v1::STARTING_POINT_CREATION};
    case v1::DATA_CATEGORY_PDF_SHARE:
    case v1::DATA_CATEGORY_POLL:
    case v1::DATA_CATEGORY_PBX_SYNC:
    case v1::DATA_CATEGORY_STATISTICS:
      return {v1::STARTING_POINT_NONE};
    case v1::DATA_CATEGORY_FILE_SHARE:
      return {v1::STARTING_POINT_MEETING_END};
    case v1::DATA_CATEGORY_HISTORY:
    // A view over HISTORY and filed with it, under the day of the meeting's first event. That is never later than the
    // meeting's end, so the report ends never later than the notice's "2 Monate" after it.
    case v1::DATA_CATEGORY_MEETING_REPORT:
      return {v1::STARTING_POINT_COLLECTION};
    case v1::DATA_CATEGORY_SERVER_LOG:
      return {v1::STARTING_POINT_LOG_DAY};
    default:
      return {v1::STARTING_POINT_MEETING_PLANNED_DATE, v1::STARTING_POINT_MEETING_SCHEDULED_ON,
              v1::STARTING_POINT_MEETING_END};
  }
}

absl::Status CheckAction(const v1::DeletionRule& rule, const std::string& field) {
  const bool anonymised =
      rule.category() == v1::DATA_CATEGORY_HISTORY || rule.category() == v1::DATA_CATEGORY_MEETING_REPORT;
  const v1::EndAction expected = anonymised                                        ? v1::END_ACTION_ANONYMISE
                                 : rule.category() == v1::DATA_CATEGORY_STATISTICS ? v1::END_ACTION_KEEP
                                                                                   : v1::END_ACTION_ERASE;
  if (rule.action() == expected) return absl::OkStatus();
  return InvalidField(absl::StrCat(field, ".action"), absl::StrCat("must be ", v1::EndAction_Name(expected)));
}

absl::StatusOr<DeletionRule> ParseRule(const v1::DeletionRule& rule, const std::string& field) {
  DeletionRule parsed{.starting_point = rule.starting_point(),
                      .action = rule.action(),
                      .erasure_order = rule.erasure_order(),
                      .ends_with_pbx = rule.ends_with_pbx()};
  bool fits = false;
  std::string allowed;
  for (const v1::StartingPoint point : StartingPointsOf(rule.category())) {
    fits |= point == rule.starting_point();
    absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", v1::StartingPoint_Name(point));
  }
  if (!fits) return InvalidField(absl::StrCat(field, ".starting_point"), absl::StrCat("must be one of ", allowed));
  if (absl::Status status = CheckAction(rule, field); !status.ok()) return status;
  if ((rule.starting_point() == v1::STARTING_POINT_NONE) == rule.has_period()) {
    return InvalidField(absl::StrCat(field, ".period"), "required exactly where there is a starting point");
  }
  if (rule.has_period()) {
    auto period = ParsePeriod(rule.period(), absl::StrCat(field, ".period"));
    if (!period.ok()) return period.status();
    const bool immediate = period->unit == CivilPeriod::Unit::kImmediately;
    if (immediate != (rule.category() == v1::DATA_CATEGORY_FILE_SHARE)) {
      return InvalidField(absl::StrCat(field, ".period"), "FILE_SHARE, and nothing else, ends immediately");
    }
    parsed.period = *period;
  }
  if (rule.has_anonymised_period()) {
    if (rule.action() != v1::END_ACTION_ANONYMISE) {
      return InvalidField(absl::StrCat(field, ".anonymised_period"), "only where the action is END_ACTION_ANONYMISE");
    }
    auto period = ParsePeriod(rule.anonymised_period(), absl::StrCat(field, ".anonymised_period"));
    if (!period.ok()) return period.status();
    const absl::CivilDay probe(2026, 1, 1);
    if (LastDayOf(probe, *period) <= LastDayOf(probe, parsed.period)) {
      return InvalidField(absl::StrCat(field, ".anonymised_period"), "must be longer than the period");
    }
    parsed.anonymised_period = *period;
  }
  if (rule.has_extended_period()) {
    if (rule.category() != v1::DATA_CATEGORY_SERVER_LOG) {
      return InvalidField(absl::StrCat(field, ".extended_period"), "only for SERVER_LOG");
    }
    auto period = ParsePeriod(rule.extended_period(), absl::StrCat(field, ".extended_period"));
    if (!period.ok()) return period.status();
    const absl::CivilDay probe(2026, 2, 1);  // the shortest month
    if (LastDayOf(probe, *period) <= LastDayOf(probe, parsed.period)) {
      return InvalidField(absl::StrCat(field, ".extended_period"), "must be longer than the period");
    }
    parsed.extended_period = *period;
  }
  const bool outlives = rule.category() == v1::DATA_CATEGORY_HISTORY ||
                        rule.category() == v1::DATA_CATEGORY_SERVER_LOG ||
                        rule.category() == v1::DATA_CATEGORY_STATISTICS;
  if (outlives == rule.ends_with_pbx()) {
    return InvalidField(absl::StrCat(field, ".ends_with_pbx"),
                        "false for HISTORY, SERVER_LOG and STATISTICS, true for every other category");
  }
  return parsed;
}

absl::StatusOr<CivilPeriod> ParseAbsence(const v1::Period& period, const std::string& field) {
  auto parsed = ParsePeriod(period, field);
  if (parsed.ok() && (parsed->unit == CivilPeriod::Unit::kImmediately || parsed->count == 0)) {
    return InvalidField(field, "at least one day");
  }
  return parsed;
}

absl::StatusOr<PbxEndRules> ParsePbxEnd(const v1::PbxEndRules& proto) {
  PbxEndRules rules;
  auto no_contact = ParseAbsence(proto.no_contact(), "pbx_end.no_contact");
  if (!no_contact.ok()) return no_contact.status();
  auto unresolved = ParseAbsence(proto.fqdn_unresolved(), "pbx_end.fqdn_unresolved");
  if (!unresolved.ok()) return unresolved.status();
  if (unresolved->unit != CivilPeriod::Unit::kDays) return InvalidField("pbx_end.fqdn_unresolved", "in days");
  rules.no_contact = *no_contact;
  rules.fqdn_unresolved = *unresolved;
  rules.warning_days.assign(proto.warning_days().begin(), proto.warning_days().end());
  if (rules.warning_days.empty() || rules.warning_days.size() > kMaxWarnings) {
    return InvalidField("pbx_end.warning_days", "1 to 5 numbers");
  }
  std::sort(rules.warning_days.begin(), rules.warning_days.end(), std::greater<>());
  if (std::adjacent_find(rules.warning_days.begin(), rules.warning_days.end()) != rules.warning_days.end()) {
    return InvalidField("pbx_end.warning_days", "each number once");
  }
  if (rules.warning_days.front() > kMaxWarningDays || rules.warning_days.back() == 0) {
    return InvalidField("pbx_end.warning_days", "1 to 60 days");
  }
  return rules;
}

// The shortest that anything is kept for which there is a period of days; more than that no backup needs to be.
absl::Duration ShortestPeriod(const std::array<DeletionRule, kCategories>& rules) {
  const absl::CivilDay probe(2026, 2, 1);  // the shortest month
  int64_t days = kMaxDays;
  for (const DeletionRule& rule : rules) {
    const bool has_days = rule.period.unit == CivilPeriod::Unit::kDays && rule.period.count > 0;
    if (has_days || rule.period.unit == CivilPeriod::Unit::kMonths) {
      days = std::min<int64_t>(days, LastDayOf(probe, rule.period) - probe);
    }
  }
  return absl::Hours(24) * days;
}

absl::StatusOr<absl::Duration> ParseBackups(const v1::Policy& proto, absl::Duration shortest) {
  if (!proto.has_backups()) return std::min(kBackupsKept, shortest);
  const google::protobuf::Duration& age = proto.backups().longest_age();
  const absl::Duration kept = absl::Seconds(age.seconds());
  if (age.nanos() == 0 && kept >= kBackupsKeptMin && kept <= shortest) return kept;
  return InvalidField(
      "backups.longest_age",
      absl::StrCat("whole seconds, from 1 hour to the shortest period of a rule, ", absl::FormatDuration(shortest)));
}

absl::Status CheckPublished(const google::protobuf::RepeatedPtrField<std::string>& controllers) {
  constexpr char kField[] = "statistics.published_controllers";
  if (static_cast<size_t>(controllers.size()) > kMaxPublicNames) {
    return InvalidField(kField, absl::StrCat("at most ", kMaxPublicNames, " controllers"));
  }
  std::set<std::string> seen = {"other"};
  for (int i = 0; i < controllers.size(); ++i) {
    const std::string at = absl::StrCat(kField, "[", i, "]");
    if (absl::Status s = CheckIdentifier(at, controllers[i]); !s.ok()) return s;
    if (!seen.insert(controllers[i]).second) return InvalidField(at, "each controller once; \"other\" is reserved");
  }
  return absl::OkStatus();
}

absl::Status CheckPublicList(const google::protobuf::RepeatedPtrField<std::string>& names, const std::string& field) {
  if (static_cast<size_t>(names.size()) > kMaxPublicNames) {
    return InvalidField(field, absl::StrCat("at most ", kMaxPublicNames, " names"));
  }
  std::set<std::string> seen = {"other"};
  for (int i = 0; i < names.size(); ++i) {
    const std::string at = absl::StrCat(field, "[", i, "]");
    if (names[i].empty() || names[i].size() > kMaxPublicName) return InvalidField(at, "1 to 32 characters");
    for (const char c : names[i]) {
      if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-')
        return InvalidField(at, "only a-z, 0-9 and -");
    }
    if (!seen.insert(names[i]).second) return InvalidField(at, "each name once; \"other\" is reserved");
  }
  return absl::OkStatus();
}

// Collects the first error of the text parser as "line:column: what".
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    // Names in it are the file's, as they stand there.
    if (text.empty()) text = absl::StrCat(line + 1, ":", column + 1, ": ", absl::Utf8SafeCHexEscape(message));
  }
  std::string text;
};

}  // namespace

absl::StatusOr<Policy> Policy::FromText(std::string_view text) {
  v1::Policy proto;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(std::string(text), &proto)) {
    return InvalidField("policy", error.text.empty() ? "not a policy in protobuf text format" : error.text);
  }
  return FromProto(proto);
}

absl::StatusOr<Policy> Policy::FromProto(const v1::Policy& proto) {
  Policy policy;
  policy.proto_ = proto;
  FieldViolations violations;
  if (proto.version() == 0) violations.Add("version", "1 or more");
  if (proto.time_zone().size() > kMaxTimeZoneBytes) {
    violations.Add("time_zone", "at most 32 bytes");
  } else if (proto.time_zone().empty() || !absl::LoadTimeZone(proto.time_zone(), &policy.zone_)) {
    violations.Add("time_zone", "not an IANA time zone known to this machine");
  }
  auto cut = ParseCutRules(proto.cut());
  if (const auto* rules = violations.Take(cut)) policy.cut_ = *rules;
  std::array<bool, kCategories> seen{};
  for (int i = 0; i < proto.rules_size(); ++i) {
    const v1::DeletionRule& rule = proto.rules(i);
    const std::string field = absl::StrCat("rules[", i, "]");
    if (rule.category() <= 0 || rule.category() >= static_cast<int>(kCategories)) {
      violations.Add(absl::StrCat(field, ".category"), "not a category");
      continue;
    }
    const std::string named = absl::StrCat(field, " (", v1::DataCategory_Name(rule.category()), ")");
    if (seen[rule.category()]) violations.Add(absl::StrCat(named, ".category"), "has a rule already");
    seen[rule.category()] = true;
    auto parsed = ParseRule(rule, named);
    if (const DeletionRule* known = violations.Take(parsed)) policy.rules_[rule.category()] = *known;
  }
  for (size_t category = 1; category < kCategories; ++category) {
    if (!seen[category]) {
      violations.Add("rules",
                     absl::StrCat("no rule for ", v1::DataCategory_Name(static_cast<v1::DataCategory>(category))));
    }
  }
  // What follows compares rules.
  if (!violations.ok()) return violations.status();
  const DeletionRule& report = policy.rules_[kMeetingReport];
  const DeletionRule& history = policy.rules_[kHistory];
  if (report.starting_point != history.starting_point || report.period != history.period) {
    violations.Add("rules",
                   "MEETING_REPORT is a view over HISTORY and filed with it: their starting points and periods must "
                   "be alike");
  }
  auto backups_kept = ParseBackups(proto, ShortestPeriod(policy.rules_));
  if (const absl::Duration* kept = violations.Take(backups_kept)) policy.backups_kept_ = *kept;
  auto pbx_end = ParsePbxEnd(proto.pbx_end());
  if (PbxEndRules* rules = violations.Take(pbx_end)) policy.pbx_end_ = std::move(*rules);
  const v1::StatisticsPolicy& statistics = proto.statistics();
  if (statistics.release() != v1::RELEASE_TIME_EARLY && statistics.release() != v1::RELEASE_TIME_AT_DUE_DAY) {
    violations.Add("statistics.release", "must be RELEASE_TIME_EARLY or RELEASE_TIME_AT_DUE_DAY");
  }
  policy.settling_ = absl::Seconds(statistics.settling().seconds());
  if (!statistics.has_settling() || policy.settling_ < absl::ZeroDuration() || policy.settling_ > kMaxSettling ||
      statistics.settling().nanos() != 0) {
    violations.Add("statistics.settling", "required: whole seconds, 0 to 30 days");
  }
  if (!v1::StatisticsProfile_IsValid(statistics.profile())) {
    violations.Add("statistics.profile", "not a known profile");
  }
  violations.Add(CheckPublished(statistics.published_controllers()));
  violations.Add(CheckPublicList(statistics.media_sites(), "statistics.media_sites"));
  violations.Add(CheckPublicList(statistics.client_kinds(), "statistics.client_kinds"));
  if (!violations.ok()) return violations.status();
  return policy;
}

}  // namespace retention
