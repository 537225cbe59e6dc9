#include "server/law/periods.h"

#include <algorithm>

namespace retention {

absl::CivilDay LastDayOf(absl::CivilDay start, CivilPeriod period) {
  switch (period.unit) {
    case CivilPeriod::Unit::kNone:
    case CivilPeriod::Unit::kImmediately:
      return start;
    case CivilPeriod::Unit::kDays:
      return start + static_cast<int64_t>(period.count);
    case CivilPeriod::Unit::kMonths: {
      const absl::CivilMonth month = absl::CivilMonth(start) + static_cast<int64_t>(period.count);
      const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
      return absl::CivilDay(month) + (std::min(start.day(), last.day()) - 1);
    }
  }
  return start;
}

absl::CivilDay DayOf(absl::Time time, const absl::TimeZone& zone) { return absl::ToCivilDay(time, zone); }

absl::Time FirstInstantOf(absl::CivilDay day, const absl::TimeZone& zone) {
  const absl::TimeZone::TimeInfo info = zone.At(absl::CivilSecond(day));
  // SKIPPED: the day begins at the transition. REPEATED: at the first of the two midnights.
  return info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
}

absl::Time DueInstant(DueDay day, const absl::TimeZone& zone) {
  return day.is_civil() ? FirstInstantOf(day.civil() + 1, zone) : absl::InfiniteFuture();
}

DueDay LastDueDay(absl::Time now, const absl::TimeZone& zone) { return DueDay(DayOf(now, zone) - 1); }

}  // namespace retention
