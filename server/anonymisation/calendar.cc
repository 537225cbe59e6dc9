#include "server/anonymisation/calendar.h"

#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace retention {
namespace {

// 1970-01-01 was a Thursday: the Monday of its week is day -3.
int64_t WeekNumber(DueDay day) { return (int64_t{day.number()} + 3) / 7; }

}  // namespace

int64_t CalendarIndex(CalendarUnit unit, DueDay day) {
  switch (unit) {
    case CalendarUnit::kAll:
      return 0;
    case CalendarUnit::kDay:
      return day.number();
    case CalendarUnit::kWeek:
      return WeekNumber(day);
    case CalendarUnit::kMonth:
      return absl::CivilMonth(day.civil()) - absl::CivilMonth(1970, 1);
    case CalendarUnit::kYear:
      return day.civil().year();
  }
  return 0;
}

std::string CalendarName(CalendarUnit unit, DueDay day) {
  const absl::CivilDay civil = day.civil();
  switch (unit) {
    case CalendarUnit::kAll:
      return "";
    case CalendarUnit::kDay:
      return absl::StrFormat("%04d-%02d-%02d", civil.year(), civil.month(), civil.day());
    case CalendarUnit::kWeek: {
      const absl::CivilDay thursday = absl::CivilDay(1970, 1, 1) + WeekNumber(day) * 7;
      return absl::StrFormat("%04d-W%02d", thursday.year(), (absl::GetYearDay(thursday) - 1) / 7 + 1);
    }
    case CalendarUnit::kMonth:
      return absl::StrFormat("%04d-%02d", civil.year(), civil.month());
    case CalendarUnit::kYear:
      return absl::StrFormat("%04d", civil.year());
  }
  return "";
}

bool IsCohortDate(const google::type::Date& date) {
  if (date.year() < 1970 || date.year() > 9999 || date.month() < 1 || date.month() > 12 || date.day() < 1 ||
      date.day() > 31) {
    return false;
  }
  const absl::CivilDay civil(date.year(), date.month(), date.day());
  return civil.day() == date.day() && civil > absl::CivilDay(1970, 1, 1);
}

}  // namespace retention
