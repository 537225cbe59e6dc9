// A released cohort: noisy tables, the estimates that were made of them, and what one must know to read them.
// Anonymous.
#ifndef RETENTION_SERVER_ANONYMISATION_CUBE_H_
#define RETENTION_SERVER_ANONYMISATION_CUBE_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// The middle of a cohort: the day itself, the Thursday of a week, the 15th of a month. By it a cohort belongs to a
// range, a month, a year.
inline DueDay MiddleOf(DueDay first_day, uint32_t day_count) {
  constexpr uint32_t kWeek = 7, kToThe15th = 14;
  return DueDay::FromNumber(first_day.number() + (day_count > kWeek ? kToThe15th : (day_count - 1) / 2));
}

// Which cohort, and what it was drawn under.
struct CubeDescription {
  DueDay first_day;  // first civil day of the cohort (a plain civil day here, not a deadline)
  uint32_t day_count = 1;
  uint32_t schema_version = 0;
  uint32_t rho_ppm = 0;
  PublicLists lists;
  bool damaged = false;                // rows of its originals were, and are not counted
  std::optional<int64_t> late_people;  // the noisy cell of those who came late, once they are counted
  // Of a month's cohorts that have ended: their estimates, added up. Days are those of the month.
  bool is_month = false;
  uint32_t cohorts = 1;
  uint32_t cohorts_damaged = 0;
  uint32_t cohorts_late_counted = 0;

  DueDay middle() const { return MiddleOf(first_day, day_count); }

  friend bool operator==(const CubeDescription&, const CubeDescription&) = default;
};

// A table of a released cohort; first axis slowest.
struct NoisyTable {
  TableId id;
  std::vector<int64_t> cells;  // as drawn, in units of its measure; may be negative. Empty where cohorts have ended
  // Estimates, in 2^-16 of what callers see: people, participations, seconds, reconnections, meetings.
  std::vector<int64_t> estimates;

  friend bool operator==(const NoisyTable&, const NoisyTable&) = default;
};
// So many are one.
inline constexpr double kEstimateScale = 65'536;

// Comes into being in two ways only: CohortBuilder::Finish, which draws the noise, and DecodeCube, which reads one
// back.
class NoisyCube {
 public:
  const CubeDescription& description() const { return description_; }
  // All tables of the schema, in its order.
  const std::vector<NoisyTable>& tables() const { return tables_; }

  friend bool operator==(const NoisyCube&, const NoisyCube&) = default;

 private:
  friend class RawCube;
  friend class CubeDecoder;
  NoisyCube(CubeDescription description, std::vector<NoisyTable> tables)
      : description_(std::move(description)), tables_(std::move(tables)) {}

  CubeDescription description_;
  std::vector<NoisyTable> tables_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CUBE_H_
