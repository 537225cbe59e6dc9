// What tables of a cohort are made of, and what a profile says. The constants are in budgets.h, what follows from them
// in tables.h.
#ifndef RETENTION_SERVER_ANONYMISATION_SCHEMA_H_
#define RETENTION_SERVER_ANONYMISATION_SCHEMA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "retention/v1/policy.pb.h"

namespace retention {

// How an axis of a table is divided.
enum class Axis : uint8_t {
  kHour,          // "00" to "23"
  kWeekday,       // "mon" to "sun"
  kRegion,        // the public media server sites, then "other"
  kClient,        // the public client kinds, then "other"
  kController,    // the published controllers, then "other"
  kDuration12,    // seconds, 12 buckets
  kDurationHalf,  // which half of a bucket of kDuration12: together they are 24 buckets
  kReconnections,
  kPerPerson,  // participations of the person in the cohort
  kRtt,
  kLoss,
  kJitter,
  kCause,  // of a failed join
  kCaps    // who is at a cap: participations, time, reconnections
};
inline constexpr size_t kAxes = 14;

// What cells count.
enum class Measure : uint8_t {
  kPeople,          // each person as 60, spread evenly over their participations
  kParticipations,  // 60 each, of a person at most the cap
  kTime,            // in units of 6 minutes, of a person at most the cap
  kReconnections,   // 60 each, of a person at most the cap
  kRtt,             // people, over those of their participations that have samples
  kLoss,            //
  kJitter,          //
  kFailures,        // people, over their failed joins
  kMeetings,        // that somebody marked, who marks at most two
  kCaps             // people
};
inline constexpr size_t kMeasures = 10;
// So many units are one person, participation or reconnection.
inline constexpr int64_t kSixtieths = 60;
// A unit of time.
inline constexpr int64_t kTimeUnitSeconds = 360;
// How many of their own meetings a person marks.
inline constexpr int64_t kMarksPerPerson = 2;

// Written into row keys: never change or reuse a number; below 128.
enum class TableId : uint8_t {
  kPeople = 1,
  kHour = 2,
  kWeekday = 3,
  kRegion = 4,
  kClient = 5,
  kDuration = 6,
  kReconnections = 7,
  kPerPerson = 8,
  kHourByRegion = 9,
  kHourByClient = 10,
  kWeekdayByHour = 11,
  kClientByRegion = 12,
  kDurationByRegion = 13,
  kDurationByClient = 14,
  kReconnectionsByRegion = 15,
  kReconnectionsByClient = 16,
  kController = 17,
  kParticipations = 20,
  kParticipationsByHour = 21,
  kParticipationsByWeekday = 22,
  kParticipationsByRegion = 23,
  kParticipationsByClient = 24,
  kParticipationsByController = 25,
  kTime = 30,
  kTimeByHour = 31,
  kTimeByWeekday = 32,
  kTimeByRegion = 33,
  kTimeByClient = 34,
  kTimeByController = 35,
  kReconnectionsSum = 40,
  kReconnectionsSumByRegion = 41,
  kReconnectionsSumByClient = 42,
  kReconnectionsSumByHour = 43,
  kReconnectionsSumByWeekday = 44,
  kRttByRegion = 50,
  kRttByClient = 51,
  kLossByRegion = 52,
  kLossByClient = 53,
  kJitterByRegion = 54,
  kJitterByClient = 55,
  kFailuresByClient = 60,
  kMeetings = 70,
  kCaps = 80
};

// A table of a cohort. Cells are laid out with the first axis slowest.
struct TableSpec {
  TableId id;
  std::string_view name;
  Measure measure;
  std::array<Axis, 2> axes_storage;
  uint8_t axis_count;

  std::span<const Axis> axes() const { return {axes_storage.data(), axis_count}; }
};
// A table and its part of rho.
struct TableBudget {
  TableId id;
  uint16_t permille;
};

// The constants under which cohorts are drawn. Chosen by configuration from public facts, never from raw data.
struct Profile {
  v1::StatisticsProfile profile;
  uint32_t schema_version;     // names this profile and its tables in every stored cube
  uint32_t rho_ppm;            // rho of zCDP per person and cohort, in millionths
  int64_t cap_participations;  // what one person counts for at most
  int64_t cap_time_units;
  int64_t cap_reconnections;
  std::span<const TableBudget> tables;
  // Of the cell of those who come late, to which a person adds at most 2: once as who was counted and changed, once as
  // who was not, whose tokens have nothing in common.
  uint16_t late_permille;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_SCHEMA_H_
