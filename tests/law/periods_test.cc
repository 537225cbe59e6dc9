#include "server/law/periods.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace retention {
namespace {

using Unit = CivilPeriod::Unit;

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

TEST(Periods, DayOfTheStartingPointDoesNotCount) {
  EXPECT_EQ(LastDayOf(absl::CivilDay(2026, 3, 2), {Unit::kDays, 7}), absl::CivilDay(2026, 3, 9));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2026, 12, 30), {Unit::kDays, 7}), absl::CivilDay(2027, 1, 6));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2026, 3, 2), {Unit::kImmediately, 0}), absl::CivilDay(2026, 3, 2));
}

// What was reckoned for one day and period is not taken for another.
TEST(Periods, WhatIsAskedInBetweenChangesNothing) {
  std::vector<CivilPeriod> periods = {{Unit::kNone, 0}, {Unit::kImmediately, 0}};
  for (uint32_t count = 1; count <= 40; ++count) {
    periods.push_back({Unit::kDays, count});
    periods.push_back({Unit::kMonths, count});
  }
  for (int offset = 0; offset < 800; ++offset) {
    const absl::CivilDay start = absl::CivilDay(2026, 1, 1) + offset;
    for (const CivilPeriod& period : periods) {
      absl::CivilDay last = start;
      if (period.unit == Unit::kDays) last += static_cast<int64_t>(period.count);
      if (period.unit == Unit::kMonths) {
        // The day of the same number, or the last one before it that is in the month.
        const absl::CivilMonth month = absl::CivilMonth(start) + static_cast<int64_t>(period.count);
        last = absl::CivilDay(month) + (start.day() - 1);
        while (absl::CivilMonth(last) != month) --last;
      }
      ASSERT_EQ(LastDayOf(start, period), last) << start << " " << period.count;
      ASSERT_EQ(LastDayOf(start, period), last) << start << " " << period.count;
    }
  }
}

TEST(Periods, MonthEndClampsToLastDay) {
  EXPECT_EQ(LastDayOf(absl::CivilDay(2026, 12, 31), {Unit::kMonths, 2}), absl::CivilDay(2027, 2, 28));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2027, 12, 31), {Unit::kMonths, 2}), absl::CivilDay(2028, 2, 29));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2027, 12, 29), {Unit::kMonths, 2}), absl::CivilDay(2028, 2, 29));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2028, 2, 29), {Unit::kMonths, 12}), absl::CivilDay(2029, 2, 28));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2026, 8, 31), {Unit::kMonths, 1}), absl::CivilDay(2026, 9, 30));
  EXPECT_EQ(LastDayOf(absl::CivilDay(2026, 2, 28), {Unit::kMonths, 2}), absl::CivilDay(2026, 4, 28));
}

TEST(Periods, DaylightSavingDaysHave23And25Hours) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  const DueDay spring(absl::CivilDay(2026, 3, 29));
  EXPECT_EQ(DueInstant(spring, berlin) - FirstInstantOf(spring.civil(), berlin), absl::Hours(23));
  const DueDay autumn(absl::CivilDay(2026, 10, 25));
  EXPECT_EQ(DueInstant(autumn, berlin) - FirstInstantOf(autumn.civil(), berlin), absl::Hours(25));
}

TEST(Periods, SkippedMidnightBeginsAtTheTransition) {
  // In Beirut, 2021-03-28 began at 01:00.
  const absl::TimeZone beirut = Zone("Asia/Beirut");
  const absl::Time begin = FirstInstantOf(absl::CivilDay(2021, 3, 28), beirut);
  EXPECT_EQ(absl::FormatTime("%F %T", begin, beirut), "2021-03-28 01:00:00");
  EXPECT_EQ(DayOf(begin - absl::Microseconds(1), beirut), absl::CivilDay(2021, 3, 27));
}

TEST(Periods, RepeatedMidnightBeginsAtTheFirst) {
  // In Havana, 2026-11-01 has two midnights' hours: 00:00 to 01:00 happens twice.
  const absl::TimeZone havana = Zone("America/Havana");
  const absl::Time begin = FirstInstantOf(absl::CivilDay(2026, 11, 1), havana);
  EXPECT_EQ(DayOf(begin, havana), absl::CivilDay(2026, 11, 1));
  EXPECT_EQ(DayOf(begin - absl::Microseconds(1), havana), absl::CivilDay(2026, 10, 31));
}

TEST(Periods, DaysThatAreRememberedAreThoseOfTheZone) {
  // Where clocks change at midnight, by half an hour, and where a day was left out.
  std::vector<absl::TimeZone> zones;
  for (const char* name : {"Europe/Berlin", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia"}) {
    zones.push_back(Zone(name));
  }
  const absl::Time begin = absl::FromCivil(absl::CivilDay(2011, 12, 1), absl::UTCTimeZone());
  std::mt19937 random(5);
  for (int i = 0; i < 200000; ++i) {
    // Around a few midnights, mostly.
    const absl::Time time = begin + absl::Hours(24) * (random() % 400) + absl::Minutes(30) * (random() % 48) -
                            absl::Microseconds(random() % 2);
    const absl::TimeZone& zone = zones[random() % zones.size()];
    ASSERT_EQ(DayOf(time, zone), absl::ToCivilDay(time, zone)) << absl::FormatTime(time, zone) << " " << zone.name();
  }
}

TEST(Periods, LastDueDayTurnsAtTheFirstInstantOfTheNextDay) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  const DueDay day(absl::CivilDay(2026, 3, 9));
  const absl::Time due = DueInstant(day, berlin);
  EXPECT_EQ(LastDueDay(due, berlin), day);
  EXPECT_LT(LastDueDay(due - absl::Microseconds(1), berlin), day);
}

TEST(Periods, ReservedDaysAreNeverDue) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_EQ(DueInstant(DueDay::Open(), berlin), absl::InfiniteFuture());
  EXPECT_EQ(DueInstant(DueDay::Kept(), berlin), absl::InfiniteFuture());
  EXPECT_LT(DueDay(absl::CivilDay(9999, 12, 31)), DueDay::Kept());
}

}  // namespace
}  // namespace retention
