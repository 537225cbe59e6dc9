#include "server/law/cut_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"

namespace retention {
namespace {

// A plan that is sent again while it runs must not be another one, and a clock that is a little off no absence.
constexpr absl::Duration kMinWithin = absl::Minutes(1);
constexpr absl::Duration kMinPresumedEndAfter = absl::Hours(1);
constexpr absl::Duration kMinLongestSitting = absl::Hours(24);
constexpr absl::Duration kMinRefreshWithin = absl::Seconds(1);

}  // namespace

int64_t GoesOverUntil(const CutRules& rules, bool is_named, int64_t last_us, int64_t limit_us) {
  const int64_t stayed_us = is_named ? std::max(last_us, limit_us) : last_us;
  return stayed_us + absl::ToInt64Microseconds(rules.presumed_end_after + rules.reopen_within);
}

absl::StatusOr<CutRules> ParseCutRules(const v1::CutRules& proto) {
  CutRules rules;
  absl::Status status;
  const auto take = [&](absl::string_view name, const google::protobuf::Duration& given, absl::Duration least,
                        absl::Duration most, absl::string_view limits, absl::Duration& rule) {
    rule = absl::Seconds(given.seconds());
    if (!status.ok() || (given.nanos() == 0 && least <= rule && rule <= most)) return;
    status = InvalidField(absl::StrCat("cut.", name), absl::StrCat("whole seconds, ", limits));
  };
  take("reopen_within", proto.reopen_within(), kMinWithin, kMaxReopenWithin, "1 minute to 24 hours",
       rules.reopen_within);
  take("early_within", proto.early_within(), kMinWithin, kMaxEarlyWithin, "1 minute to 24 hours", rules.early_within);
  take("late_within", proto.late_within(), kMinWithin, kMaxLateWithin, "1 minute to 48 hours", rules.late_within);
  take("presumed_end_after", proto.presumed_end_after(), kMinPresumedEndAfter, kMaxPresumedEndAfter, "1 hour to 7 days",
       rules.presumed_end_after);
  take("longest_sitting", proto.longest_sitting(), kMinLongestSitting, kMaxLongestSitting, "1 to 7 days",
       rules.longest_sitting);
  take("refresh_within", proto.refresh_within(), kMinRefreshWithin, rules.reopen_within, "1 to cut.reopen_within",
       rules.refresh_within);
  if (!status.ok()) return status;
  return rules;
}

CutHistory::CutHistory(const CutRules& first) : CutHistory(std::vector<Period>{{INT64_MIN, first}}) {}

CutHistory::CutHistory(std::vector<Period> periods)
    : periods_(std::make_shared<const std::vector<Period>>(std::move(periods))) {}

CutHistory CutHistory::Then(absl::Time applied, const CutRules& rules) const {
  if (rules == periods_->back().rules) return *this;
  std::vector<Period> periods = *periods_;
  // A clock that was set back cuts nothing anew either.
  periods.push_back({std::max(periods.back().after_us, absl::ToUnixMicros(applied + kMaxAhead)), rules});
  return CutHistory(std::move(periods));
}

}  // namespace retention
