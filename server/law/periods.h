// Civil periods: BGB sections 187(1), 188(2), (3); Regulation (EEC, Euratom) 1182/71, article 3.
//
// The day of the starting point does not count. A period of N days ends with the N-th following day; a period of months
// ends on the day of the same number or, where there is none, on that month's last day. Never seconds arithmetic: days
// of daylight-saving changes have 23 or 25 hours. No shift off weekends or holidays: that would lengthen storage.
#ifndef RETENTION_SERVER_LAW_PERIODS_H_
#define RETENTION_SERVER_LAW_PERIODS_H_

#include <cstdint>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "storage/due_day.h"

namespace retention {

// A standard period ("Regellöschfrist").
struct CivilPeriod {
  enum class Unit : uint8_t {
    kNone,         // no end by time
    kImmediately,  // ends at the very instant of the starting point
    kDays,
    kMonths,
  };
  Unit unit = Unit::kNone;
  uint32_t count = 0;

  friend bool operator==(const CivilPeriod&, const CivilPeriod&) = default;
};

// The last civil day of a period that starts on `start`. REQUIRES: period.unit != kNone.
absl::CivilDay LastDayOf(absl::CivilDay start, CivilPeriod period);

// The civil day of an instant.
absl::CivilDay DayOf(absl::Time time, const absl::TimeZone& zone);
// The first instant of a civil day, also where midnight is skipped or happens twice.
absl::Time FirstInstantOf(absl::CivilDay day, const absl::TimeZone& zone);
// The first instant at which what is filed under `day` is due; infinite future for Open() and Kept().
absl::Time DueInstant(DueDay day, const absl::TimeZone& zone);
// The latest day that is due at `now`.
DueDay LastDueDay(absl::Time now, const absl::TimeZone& zone);

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_PERIODS_H_
