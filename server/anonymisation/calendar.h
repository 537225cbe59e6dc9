// Calendar units that answers are grouped by.
#ifndef RETENTION_SERVER_ANONYMISATION_CALENDAR_H_
#define RETENTION_SERVER_ANONYMISATION_CALENDAR_H_

#include <cstdint>
#include <string>

#include "google/type/date.pb.h"
#include "storage/due_day.h"

namespace retention {

enum class CalendarUnit : uint8_t { kAll, kDay, kWeek, kMonth, kYear };

// A number for the unit that `day` lies in, ascending in time; kAll is one unit. REQUIRES: day.is_civil().
int64_t CalendarIndex(CalendarUnit unit, DueDay day);
// "2026-03-31", "2026-W14" (ISO 8601: the year of the week's Thursday), "2026-03", "2026"; empty for kAll.
std::string CalendarName(CalendarUnit unit, DueDay day);
// Whether `date` names a day between 1970-01-02 and 9999-12-31.
bool IsCohortDate(const google::type::Date& date);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CALENDAR_H_
