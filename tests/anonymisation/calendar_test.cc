#include "server/anonymisation/calendar.h"

#include <gtest/gtest.h>

#include "absl/time/civil_time.h"

namespace retention {
namespace {

TEST(Calendar, IsoWeeksAtTheTurnOfTheYear) {
  const auto week = [](int year, int month, int day) {
    return CalendarName(CalendarUnit::kWeek, DueDay(absl::CivilDay(year, month, day)));
  };
  EXPECT_EQ(week(2026, 1, 1), "2026-W01");
  EXPECT_EQ(week(2026, 12, 31), "2026-W53");
  EXPECT_EQ(week(2027, 1, 3), "2026-W53");
  EXPECT_EQ(week(2027, 1, 4), "2027-W01");
  EXPECT_EQ(week(2024, 12, 30), "2025-W01");
}

}  // namespace
}  // namespace retention
