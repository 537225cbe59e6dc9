// A released cohort as stored bytes: one CubeHead, and for each table two CubeTables: its cells as drawn, and its
// estimates (proto/retention/stored/v1/stored.proto).
#ifndef RETENTION_SERVER_ANONYMISATION_CUBE_CODEC_H_
#define RETENTION_SERVER_ANONYMISATION_CUBE_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/tables.h"

namespace retention {

// By what a row of a cube is named: 0 is its head.
using CubePart = uint8_t;
inline CubePart DrawnPart(TableId table) { return static_cast<CubePart>(table); }
inline CubePart EstimatesPart(TableId table) { return static_cast<CubePart>(table) | CubePart{0x80}; }

struct EncodedCube {
  std::string head;
  std::vector<std::pair<CubePart, std::string>> parts;  // in the order of the tables, cells before estimates
};

EncodedCube EncodeCube(const NoisyCube& cube);
std::string EncodeHead(const CubeDescription& description);
std::string EncodeCells(const std::vector<int64_t>& cells);

// DATA_LOSS if the bytes are malformed or of a schema that this build does not know.
absl::StatusOr<CubeDescription> DecodeHead(std::string_view head);
// DATA_LOSS if they are malformed or not as many.
absl::StatusOr<std::vector<int64_t>> DecodeCells(std::string_view bytes, size_t cell_count);
// DATA_LOSS as above, or if a table is missing.
absl::StatusOr<NoisyCube> DecodeCube(const EncodedCube& encoded);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CUBE_CODEC_H_
