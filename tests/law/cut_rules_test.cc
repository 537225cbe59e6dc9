#include "server/law/cut_rules.h"

#include <gtest/gtest.h>

#include <string>

#include "server/base/field_checks.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

using Rule = google::protobuf::Duration* (v1::CutRules::*)();

// The field that is refused; "accepted" if none is.
std::string Refused(Rule rule, int64_t seconds, int32_t nanos = 0) {
  v1::CutRules rules = DefaultPolicy().proto().cut();
  (rules.*rule)()->set_seconds(seconds);
  (rules.*rule)()->set_nanos(nanos);
  const auto parsed = ParseCutRules(rules);
  return parsed.ok() ? "accepted" : DetailsOf(parsed.status()).field();
}

TEST(CutRules, ThoseOfTheDeployedPolicyAreWhatTheyWere) {
  const CutRules expected{.reopen_within = absl::Hours(1),
                          .early_within = absl::Hours(12),
                          .late_within = absl::Hours(24),
                          .presumed_end_after = absl::Hours(24),
                          .longest_sitting = absl::Hours(7 * 24),
                          .refresh_within = absl::Seconds(30)};
  EXPECT_EQ(DefaultPolicy().cut(), expected);
}

TEST(CutRules, EachHasItsLimitsAndItsName) {
  constexpr int64_t kHour = 3600;
  const struct {
    std::string field;
    Rule rule;
    int64_t least;
    int64_t most;
  } kRules[] = {
      {"cut.reopen_within", &v1::CutRules::mutable_reopen_within, 60, 24 * kHour},
      {"cut.early_within", &v1::CutRules::mutable_early_within, 60, 24 * kHour},
      {"cut.late_within", &v1::CutRules::mutable_late_within, 60, 48 * kHour},
      {"cut.presumed_end_after", &v1::CutRules::mutable_presumed_end_after, kHour, 7 * 24 * kHour},
      {"cut.longest_sitting", &v1::CutRules::mutable_longest_sitting, 24 * kHour, 7 * 24 * kHour},
      {"cut.refresh_within", &v1::CutRules::mutable_refresh_within, 1, kHour},  // reopen_within
  };
  for (const auto& [field, rule, least, most] : kRules) {
    EXPECT_EQ(Refused(rule, most), "accepted") << field;
    EXPECT_EQ(Refused(rule, most + 1), field);
    EXPECT_EQ(Refused(rule, least - 1), field);
    EXPECT_EQ(Refused(rule, least, 1), field) << "whole seconds";
    EXPECT_EQ(Refused(rule, 0), field) << "all are required";
    EXPECT_EQ(Refused(rule, -least), field);
    EXPECT_EQ(Refused(rule, least), "accepted") << field;
  }
  v1::CutRules none;
  EXPECT_EQ(DetailsOf(ParseCutRules(none).status()).field(), "cut.reopen_within");
}

CutRules WithReopen(absl::Duration length) {
  CutRules rules = DefaultPolicy().cut();
  rules.reopen_within = length;
  return rules;
}

TEST(CutHistory, RulesAreThoseInForceAtTheBegin_FiveMinutesAfterTheyWereApplied) {
  const CutHistory history = CutHistory(WithReopen(absl::Minutes(1)))
                                 .Then(kMonday, WithReopen(absl::Minutes(2)))
                                 .Then(kMonday + absl::Hours(1), WithReopen(absl::Minutes(3)));
  const auto at = [&](absl::Time time) { return history.At(absl::ToUnixMicros(time)).reopen_within; };
  EXPECT_EQ(at(absl::UnixEpoch() - absl::Hours(1)), absl::Minutes(1));
  EXPECT_EQ(at(kMonday + kMaxAhead), absl::Minutes(1)) << "it may have been recorded before";
  EXPECT_EQ(at(kMonday + kMaxAhead + kTick), absl::Minutes(2));
  EXPECT_EQ(at(kMonday + absl::Hours(1) + kMaxAhead), absl::Minutes(2));
  EXPECT_EQ(at(kMonday + absl::Hours(1) + kMaxAhead + kTick), absl::Minutes(3));
}

TEST(CutHistory, APolicyThatCutsAlikeChangesNothing) {
  const CutHistory history = CutHistory(WithReopen(absl::Minutes(1))).Then(kMonday, WithReopen(absl::Minutes(2)));
  EXPECT_EQ(history.Then(kMonday + absl::Hours(1), WithReopen(absl::Minutes(2))), history);
  EXPECT_NE(history.Then(kMonday + absl::Hours(1), WithReopen(absl::Minutes(1))), history);
}

TEST(CutHistory, AClockThatWasSetBackCutsNothingAnew) {
  const CutHistory history = CutHistory(WithReopen(absl::Minutes(1))).Then(kMonday, WithReopen(absl::Minutes(2)));
  const CutHistory next = history.Then(kMonday - absl::Hours(1), WithReopen(absl::Minutes(3)));
  EXPECT_EQ(next.At(absl::ToUnixMicros(kMonday)).reopen_within, absl::Minutes(1));
  EXPECT_EQ(next.At(absl::ToUnixMicros(kMonday + kMaxAhead + kTick)).reopen_within, absl::Minutes(3));
}

}  // namespace
}  // namespace retention
