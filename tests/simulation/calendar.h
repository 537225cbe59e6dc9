// Civil days of the rules, written for the oracle alone: it shares no arithmetic with what it judges.
#ifndef RETENTION_TESTS_SIMULATION_CALENDAR_H_
#define RETENTION_TESTS_SIMULATION_CALENDAR_H_

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace retention::simulation {

// Time zone of the default policy.
inline const absl::TimeZone& Berlin() {
  static const absl::TimeZone zone = [] {
    absl::TimeZone loaded;
    absl::LoadTimeZone("Europe/Berlin", &loaded);
    return loaded;
  }();
  return zone;
}

inline absl::CivilDay DayAt(absl::Time time) { return absl::ToCivilDay(time, Berlin()); }
inline absl::CivilDay DayAtUs(int64_t time_us) { return DayAt(absl::FromUnixMicros(time_us)); }

// The first instant at which what may exist until the end of `day` is due. Midnight never falls into a change of clocks
// in this zone.
inline absl::Time DueAfter(absl::CivilDay day) { return absl::FromCivil(day + 1, Berlin()); }

// "Month later" by BGB section 188: the same number, or the month's last day where there is none.
inline absl::CivilDay MonthsAfter(absl::CivilDay day, int months) {
  for (int number = day.day(); number > 0; --number) {
    const int64_t index = day.year() * 12 + (day.month() - 1) + months;
    const absl::CivilDay candidate(index / 12, static_cast<int>(index % 12) + 1, number);
    if (candidate.day() == number) return candidate;
  }
  return day;
}

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_CALENDAR_H_
