#include "server/law/pbx_life.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/engine/harness.h"

namespace retention {
namespace {

using Life = stored::v1::PbxLife;

uint32_t Number(int year, int month, int day) { return DueDay(absl::CivilDay(year, month, day)).number(); }

Life LastContact(int year, int month, int day) {
  Life life;
  life.set_contact_day(Number(year, month, day));
  return life;
}

TEST(PbxLife, SilenceEndsWithTheSixtiethDayAlsoOverTheChangeOfClocks) {
  const PbxEnd end = PbxEndOf(LastContact(2026, 3, 1), DefaultPolicy());
  EXPECT_EQ(end.time, At("2026-05-01T00:00:00+02:00"));  // 30 April is the 60th day after 1 March
  EXPECT_EQ(end.cause, v1::PBX_END_CAUSE_NO_CONTACT);
}

TEST(PbxLife, ALicenceEndsAtItsInstantIfThatComesFirst) {
  Life life = LastContact(2026, 3, 1);
  const absl::Time until = At("2026-04-10T13:37:00Z");
  life.set_licence_until_us(absl::ToUnixMicros(until));
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).time, until);
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).cause, v1::PBX_END_CAUSE_LICENCE_EXPIRED);
  life.set_licence_until_us(absl::ToUnixMicros(At("2027-01-01T00:00:00Z")));
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).cause, v1::PBX_END_CAUSE_NO_CONTACT);
}

TEST(PbxLife, ANameEndsItsPbxWithTheThirtiethDayOfVainLookUps) {
  Life life = LastContact(2026, 3, 1);
  absl::CivilDay day(2026, 3, 1);
  CountProbe(true, day, life);
  for (int i = 1; i <= 29; ++i) CountProbe(false, day + i, life);
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).cause, v1::PBX_END_CAUSE_NO_CONTACT) << "29 days are not 30";
  CountProbe(false, day + 30, life);
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).time, At("2026-04-01T00:00:00+02:00"));
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).cause, v1::PBX_END_CAUSE_FQDN_UNRESOLVED);
  CountProbe(true, day + 31, life);
  EXPECT_EQ(life.unresolved_days(), 0u);
}

TEST(PbxLife, DaysWithoutALookUpCountForNobody) {
  Life life = LastContact(2026, 3, 1);
  const absl::CivilDay day(2026, 3, 1);
  for (int i = 0; i < 20; ++i) CountProbe(false, day + i, life);
  for (int i = 30; i < 39; ++i) CountProbe(false, day + i, life);
  EXPECT_EQ(life.unresolved_days(), 29u);
  EXPECT_EQ(PbxEndOf(life, DefaultPolicy()).cause, v1::PBX_END_CAUSE_NO_CONTACT);
}

TEST(PbxLife, ASecondLookUpOnOneDayChangesNothing) {
  Life life = LastContact(2026, 3, 1);
  CountProbe(false, absl::CivilDay(2026, 3, 2), life);
  CountProbe(false, absl::CivilDay(2026, 3, 2), life);
  CountProbe(true, absl::CivilDay(2026, 3, 1), life);
  EXPECT_EQ(life.unresolved_days(), 1u);
  EXPECT_EQ(life.resolved_day(), 0u);
}

TEST(PbxLife, WarningsComeFourteenAndThreeDaysAhead) {
  const Life life = LastContact(2026, 3, 1);  // ends with 30 April
  const auto warned = [&](const char* now) {
    const auto warnings = WarningsOf(life, DefaultPolicy(), At(now));
    return warnings.empty() ? 0u : warnings.front().warning_days();
  };
  EXPECT_EQ(warned("2026-04-16T23:59:59+02:00"), 0u);
  EXPECT_EQ(warned("2026-04-17T00:00:00+02:00"), 14u);
  EXPECT_EQ(warned("2026-04-27T23:59:59+02:00"), 14u);
  EXPECT_EQ(warned("2026-04-28T00:00:00+02:00"), 3u);
}

TEST(PbxLife, ANameThatDoesNotResolveIsWarnedOfBeforeItsEndIsCertain) {
  Life life = LastContact(2026, 3, 20);
  for (int i = 0; i < 16; ++i) CountProbe(false, absl::CivilDay(2026, 3, 1) + i, life);
  const auto warnings = WarningsOf(life, DefaultPolicy(), At("2026-03-17T12:00:00+01:00"));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].cause(), v1::PBX_END_CAUSE_FQDN_UNRESOLVED);
  EXPECT_EQ(warnings[0].end_time().seconds(), absl::ToUnixSeconds(At("2026-03-31T00:00:00+02:00")));
}

}  // namespace
}  // namespace retention
