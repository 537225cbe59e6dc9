#include "server/days/waiting_days.h"

#include "server/law/periods.h"

namespace retention {

WaitingDays DaysThatWait(const KeyRing& ring, absl::Time now) {
  const DueRules rules = ring.due_rules();
  absl::TimeZone zone;
  const bool is_known = !rules.zone.empty() && absl::LoadTimeZone(rules.zone, &zone);
  // Wherever it is, what is over in the last zone of all is due.
  if (!is_known) zone = absl::FixedTimeZone(-12 * 60 * 60);
  return {.days = ring.DaysThrough(LastDueDay(now, zone)),
          .why = !is_known         ? "the ring cannot tell what may go"
                 : rules.suspended ? "values are on their way to other days"
                                   : "they could not be destroyed"};
}

}  // namespace retention
