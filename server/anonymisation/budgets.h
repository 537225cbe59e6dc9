// How rho is divided: found by tests/anonymisation/optimise_budget.py, offline, on public workloads. What cubes were
// drawn under never changes: another division is another schema version.
#ifndef RETENTION_SERVER_ANONYMISATION_BUDGETS_H_
#define RETENTION_SERVER_ANONYMISATION_BUDGETS_H_

#include "server/anonymisation/schema.h"

namespace retention {

inline constexpr TableBudget kLargeTables[] = {
    {TableId::kPeople, 19},
    {TableId::kHour, 10},
    {TableId::kRegion, 9},
    {TableId::kClient, 20},
    {TableId::kDuration, 37},
    {TableId::kReconnections, 15},
    {TableId::kPerPerson, 25},
    {TableId::kHourByRegion, 39},
    {TableId::kHourByClient, 39},
    {TableId::kClientByRegion, 40},
    {TableId::kDurationByRegion, 38},
    {TableId::kDurationByClient, 38},
    {TableId::kReconnectionsByRegion, 40},
    {TableId::kReconnectionsByClient, 40},
    {TableId::kWeekday, 23},
    {TableId::kWeekdayByHour, 40},
    {TableId::kParticipationsByWeekday, 8},
    {TableId::kTimeByWeekday, 10},
    {TableId::kParticipations, 90},
    {TableId::kParticipationsByRegion, 10},
    {TableId::kParticipationsByClient, 7},
    {TableId::kParticipationsByHour, 29},
    {TableId::kTime, 68},
    {TableId::kTimeByRegion, 11},
    {TableId::kTimeByClient, 8},
    {TableId::kTimeByHour, 34},
    {TableId::kReconnectionsSum, 8},
    {TableId::kReconnectionsSumByRegion, 19},
    {TableId::kReconnectionsSumByClient, 14},
    {TableId::kRttByRegion, 24},
    {TableId::kRttByClient, 24},
    {TableId::kLossByRegion, 24},
    {TableId::kLossByClient, 24},
    {TableId::kJitterByRegion, 24},
    {TableId::kJitterByClient, 24},
    {TableId::kCaps, 25},
    {TableId::kFailuresByClient, 25},
    {TableId::kMeetings, 13},
};

inline constexpr TableBudget kDailyTables[] = {
    {TableId::kPeople, 27},
    {TableId::kHour, 11},
    {TableId::kRegion, 7},
    {TableId::kClient, 31},
    {TableId::kDuration, 28},
    {TableId::kReconnections, 11},
    {TableId::kPerPerson, 19},
    {TableId::kHourByRegion, 30},
    {TableId::kHourByClient, 30},
    {TableId::kClientByRegion, 30},
    {TableId::kDurationByRegion, 29},
    {TableId::kDurationByClient, 29},
    {TableId::kReconnectionsByRegion, 30},
    {TableId::kReconnectionsByClient, 30},
    {TableId::kParticipations, 95},
    {TableId::kParticipationsByRegion, 15},
    {TableId::kParticipationsByClient, 11},
    {TableId::kParticipationsByHour, 46},
    {TableId::kTime, 97},
    {TableId::kTimeByRegion, 21},
    {TableId::kTimeByClient, 16},
    {TableId::kTimeByHour, 63},
    {TableId::kReconnectionsSum, 18},
    {TableId::kReconnectionsSumByRegion, 42},
    {TableId::kReconnectionsSumByClient, 32},
    {TableId::kRttByRegion, 18},
    {TableId::kRttByClient, 18},
    {TableId::kLossByRegion, 18},
    {TableId::kLossByClient, 18},
    {TableId::kJitterByRegion, 18},
    {TableId::kJitterByClient, 18},
    {TableId::kCaps, 19},
    {TableId::kFailuresByClient, 19},
    {TableId::kMeetings, 51},
};

inline constexpr TableBudget kSmallTables[] = {
    {TableId::kPeople, 27},
    {TableId::kHour, 25},
    {TableId::kRegion, 19},
    {TableId::kClient, 53},
    {TableId::kDuration, 43},
    {TableId::kReconnections, 25},
    {TableId::kPerPerson, 25},
    {TableId::kWeekday, 25},
    {TableId::kClientByRegion, 40},
    {TableId::kParticipations, 222},
    {TableId::kParticipationsByClient, 40},
    {TableId::kTime, 221},
    {TableId::kTimeByClient, 40},
    {TableId::kReconnectionsSum, 48},
    {TableId::kRttByClient, 25},
    {TableId::kLossByClient, 25},
    {TableId::kJitterByClient, 25},
    {TableId::kCaps, 25},
    {TableId::kFailuresByClient, 25},
};

// Weeks. Caps by measurement (`--caps`), as everywhere: in proportion to a day they would make sums useless.
inline constexpr Profile kLargeProfile = {.profile = v1::STATISTICS_PROFILE_LARGE,
                                          .schema_version = 2,
                                          .rho_ppm = 20000,
                                          .cap_participations = 20,
                                          .cap_time_units = 140,
                                          .cap_reconnections = 12,
                                          .tables = kLargeTables,
                                          .late_permille = 5};

// Days.
inline constexpr Profile kDailyProfile = {.profile = v1::STATISTICS_PROFILE_DAILY,
                                          .schema_version = 3,
                                          .rho_ppm = 20000,
                                          .cap_participations = 6,
                                          .cap_time_units = 50,
                                          .cap_reconnections = 5,
                                          .tables = kDailyTables,
                                          .late_permille = 5};

// Months. A meeting that is counted needs marks of a month of meetings: there is no count of them.
inline constexpr Profile kSmallProfile = {.profile = v1::STATISTICS_PROFILE_SMALL,
                                          .schema_version = 4,
                                          .rho_ppm = 50000,
                                          .cap_participations = 50,
                                          .cap_time_units = 300,
                                          .cap_reconnections = 20,
                                          .tables = kSmallTables,
                                          .late_permille = 22};

// No more than all of it is given away.
constexpr bool IsWithinBudget(const Profile& profile) {
  uint32_t permille = profile.late_permille;
  for (const TableBudget& table : profile.tables) permille += table.permille;
  return permille <= 1000;
}
static_assert(IsWithinBudget(kLargeProfile) && IsWithinBudget(kDailyProfile) && IsWithinBudget(kSmallProfile));

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_BUDGETS_H_
