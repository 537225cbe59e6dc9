#include "server/law/periods.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace retention {
namespace {

absl::CivilDay Reckon(absl::CivilDay start, CivilPeriod period) {
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

}  // namespace

absl::CivilDay LastDayOf(absl::CivilDay start, CivilPeriod period) {
  // What is asked about is of a few days and periods, for every event: each is reckoned once.
  struct Known {
    absl::CivilDay start;
    CivilPeriod period;
    absl::CivilDay last;
  };
  constexpr size_t kKnownDays = 256;
  static thread_local std::array<Known, kKnownDays> all;
  Known& known = all[(static_cast<size_t>(start.day() + 32 * start.month()) + 8 * period.count) % kKnownDays];
  if (known.start != start || known.period != period) {
    known = {.start = start, .period = period, .last = Reckon(start, period)};
  }
  return known.last;
}

absl::CivilDay DayOf(absl::Time time, const absl::TimeZone& zone) {
  // What is asked about is of a few days: each is looked up once.
  struct Known {
    absl::TimeZone zone;
    absl::Time begin;
    absl::Time end;
    absl::CivilDay day;
  };
  constexpr size_t kKnownDays = 64;
  static thread_local std::array<Known, kKnownDays> all;
  constexpr int64_t kDaySeconds = int64_t{24} * 60 * 60;
  Known& known = all[static_cast<uint64_t>(absl::ToUnixSeconds(time) / kDaySeconds) % kKnownDays];
  if (known.begin <= time && time < known.end && known.zone == zone) return known.day;
  const absl::CivilDay day = absl::ToCivilDay(time, zone);
  const auto begin = zone.At(absl::CivilSecond(day));
  const auto end = zone.At(absl::CivilSecond(day + 1));
  // Where clocks change at midnight, a day may have two beginnings.
  const bool plain = begin.kind == absl::TimeZone::TimeInfo::UNIQUE && end.kind == absl::TimeZone::TimeInfo::UNIQUE;
  if (plain) known = {.zone = zone, .begin = begin.pre, .end = end.pre, .day = day};
  return day;
}

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
