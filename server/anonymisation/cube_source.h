// Where released cubes come from.
#ifndef RETENTION_SERVER_ANONYMISATION_CUBE_SOURCE_H_
#define RETENTION_SERVER_ANONYMISATION_CUBE_SOURCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// A released cohort, or a month's sums (CubeDescription::is_month).
struct FoundCube {
  CubeDescription description;
  std::string key;  // for the source that found it
};

// The released cubes of one snapshot.
class CubeSource {
 public:
  virtual ~CubeSource() = default;
  // Those whose middle lies in [from, to], in the order of their days; sums of months behind them.
  virtual absl::StatusOr<std::vector<FoundCube>> Find(DueDay from, DueDay to) const = 0;
  // The estimates of one table. DATA_LOSS if it lacks it, or they are not as many.
  virtual absl::StatusOr<std::vector<int64_t>> Estimates(const FoundCube& cube, TableId table) const = 0;
  // Its cells, as drawn.
  virtual absl::StatusOr<std::vector<int64_t>> Drawn(const FoundCube& cube, TableId table) const = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CUBE_SOURCE_H_
