#include "server/law/policy.h"

#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

// The field that a policy with `edit` is refused for.
std::string Refused(const std::function<void(v1::Policy&)>& edit) {
  v1::Policy proto = DefaultPolicy().proto();
  edit(proto);
  const auto policy = Policy::FromProto(proto);
  if (policy.ok()) return "accepted";
  EXPECT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailsOf(policy.status()).reason, "INVALID_FIELD");
  return DetailsOf(policy.status()).field();
}

TEST(Policy, DefaultSaysWhatSectionNineSays) {
  const Policy policy = DefaultPolicy();
  EXPECT_EQ(policy.rule(kRecording).starting_point, v1::STARTING_POINT_CREATION);
  EXPECT_EQ(policy.rule(kRecording).period.count, 7u);
  EXPECT_TRUE(policy.rule(kRecording).erasure_order);
  EXPECT_EQ(policy.rule(kParticipantName).starting_point, v1::STARTING_POINT_MEETING_PLANNED_DATE);
  EXPECT_EQ(policy.rule(kParticipantEmail).starting_point, v1::STARTING_POINT_MEETING_END);
  EXPECT_EQ(policy.rule(kFileShare).period.unit, CivilPeriod::Unit::kImmediately);
  EXPECT_EQ(policy.rule(kHistory).period.unit, CivilPeriod::Unit::kMonths);
  EXPECT_EQ(policy.rule(kHistory).period.count, 2u);
  EXPECT_EQ(policy.rule(kHistory).anonymised_period.count, 12u);
  EXPECT_FALSE(policy.rule(kHistory).ends_with_pbx);
  EXPECT_EQ(policy.rule(kPoll).period.unit, CivilPeriod::Unit::kNone);
}

TEST(Policy, RefusesACategoryWithoutRule) {
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules()->RemoveLast(); }), "rules");
}

TEST(Policy, RefusesTwoRulesForACategory) {
  EXPECT_EQ(Refused([](v1::Policy& p) { *p.add_rules() = p.rules(0); }),
            "rules[16] (DATA_CATEGORY_RECORDING).category");
}

TEST(Policy, NamesTheFieldAtFault) {
  EXPECT_EQ(Refused([](v1::Policy& p) { p.set_version(0); }), "version");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.set_time_zone("Mars/Olympus"); }), "time_zone");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_cut()->mutable_presumed_end_after()->set_seconds(60); }),
            "cut.presumed_end_after");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->set_category(static_cast<v1::DataCategory>(99)); }),
            "rules[0].category");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->mutable_period()->set_days(99999); }),
            "rules[0] (DATA_CATEGORY_RECORDING).period.days");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->clear_period(); }),
            "rules[0] (DATA_CATEGORY_RECORDING).period");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->set_starting_point(v1::STARTING_POINT_MEETING_END); }),
            "rules[0] (DATA_CATEGORY_RECORDING).starting_point");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->set_action(v1::END_ACTION_KEEP); }),
            "rules[0] (DATA_CATEGORY_RECORDING).action");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->set_ends_with_pbx(false); }),
            "rules[0] (DATA_CATEGORY_RECORDING).ends_with_pbx");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(0)->mutable_period()->set_immediately(true); }),
            "rules[0] (DATA_CATEGORY_RECORDING).period");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(13)->mutable_anonymised_period()->set_days(3); }),
            "rules[13] (DATA_CATEGORY_HISTORY).anonymised_period");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(9)->mutable_period()->set_days(14); }), "rules");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_rules(9)->set_starting_point(v1::STARTING_POINT_MEETING_END); }),
            "rules[9] (DATA_CATEGORY_MEETING_REPORT).starting_point");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_statistics()->clear_release(); }), "statistics.release");
  for (const int64_t seconds : {int64_t{-1}, int64_t{30} * 86400 + 1}) {
    EXPECT_EQ(Refused([&](v1::Policy& p) { p.mutable_statistics()->mutable_settling()->set_seconds(seconds); }),
              "statistics.settling");
  }
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_statistics()->mutable_settling()->set_nanos(1); }),
            "statistics.settling");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_statistics()->clear_settling(); }), "statistics.settling");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_statistics()->add_media_sites("fra"); }),
            "statistics.media_sites[7]");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_statistics()->set_client_kinds(2, "Mr. X"); }),
            "statistics.client_kinds[2]");
}

TEST(Policy, CorruptTextNamesThePlace) {
  const auto policy = Policy::FromText("version: 1\ntime_zone: \"Europe/Berlin\"\nrules { category: NOBODY }\n");
  ASSERT_FALSE(policy.ok());
  EXPECT_NE(policy.status().message().find("3:"), absl::string_view::npos) << policy.status();
}

TEST(Policy, NamesMayRunFromTheDayOfScheduling) {
  EXPECT_EQ(
      Refused([](v1::Policy& p) { p.mutable_rules(2)->set_starting_point(v1::STARTING_POINT_MEETING_SCHEDULED_ON); }),
      "accepted");
}

// A copy is not to outlive what it was taken of: of the rules with a period of days the shortest counts.
TEST(Policy, KeepsBackupsNoLongerThanTheShortestPeriod) {
  EXPECT_EQ(DefaultPolicy().backups_kept(), absl::Hours(7 * 24)) << "where it says nothing";
  const auto with = [](uint32_t name_days, int64_t kept_seconds) {
    return [=](v1::Policy& p) {
      for (v1::DeletionRule& rule : *p.mutable_rules()) {
        if (rule.category() == v1::DATA_CATEGORY_PARTICIPANT_NAME) rule.mutable_period()->set_days(name_days);
      }
      if (kept_seconds != 0) p.mutable_backups()->mutable_longest_age()->set_seconds(kept_seconds);
    };
  };
  constexpr int64_t kDaySeconds = 24 * 3600;
  EXPECT_EQ(DefaultPolicy(with(3, 0)).backups_kept(), absl::Hours(3 * 24));
  EXPECT_EQ(DefaultPolicy(with(0, 0)).backups_kept(), absl::Hours(7 * 24)) << "those end with their own day";
  EXPECT_EQ(DefaultPolicy(with(3, 3600)).backups_kept(), absl::Hours(1));
  EXPECT_EQ(Refused(with(3, 3 * kDaySeconds)), "accepted");
  EXPECT_EQ(Refused(with(3, 3 * kDaySeconds + 1)), "backups.longest_age");
  EXPECT_EQ(Refused(with(7, 3599)), "backups.longest_age");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_backups(); }), "backups.longest_age");
  EXPECT_EQ(Refused([](v1::Policy& p) { p.mutable_backups()->mutable_longest_age()->set_nanos(1); }),
            "backups.longest_age");
}

}  // namespace
}  // namespace retention
