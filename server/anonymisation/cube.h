// A released cohort: noisy histograms and what one must know to read them. Anonymous.
#ifndef RETENTION_SERVER_ANONYMISATION_CUBE_H_
#define RETENTION_SERVER_ANONYMISATION_CUBE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// Which cohort, and what it was drawn under.
struct CubeDescription {
  DueDay first_day;  // first civil day of the cohort (a plain civil day here, not a deadline)
  uint32_t day_count = 1;
  uint32_t schema_version = 0;
  uint32_t rho_ppm = 0;
  PublicLists lists;

  friend bool operator==(const CubeDescription&, const CubeDescription&) = default;
};

// A table of a released cohort. Cells may be negative; first axis slowest.
struct NoisyTable {
  TableId id;
  std::vector<int64_t> cells;

  friend bool operator==(const NoisyTable&, const NoisyTable&) = default;
};

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
