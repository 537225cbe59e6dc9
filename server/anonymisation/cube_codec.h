// A released cohort as stored bytes: one CubeHead, and one CubeTable per table
// (proto/retention/stored/v1/stored.proto).
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

struct EncodedCube {
  std::string head;
  std::vector<std::pair<TableId, std::string>> tables;  // in the order of the schema
};

EncodedCube EncodeCube(const NoisyCube& cube);

// DATA_LOSS if the bytes are malformed or of a schema that this build does not know.
absl::StatusOr<CubeDescription> DecodeHead(std::string_view head);
// Replaces `cells` by those of `table` of a cube drawn under `lists`. DATA_LOSS if they are malformed or not as many.
absl::Status DecodeTable(std::string_view bytes, size_t cell_count, std::vector<int64_t>& cells);
// DATA_LOSS as above, or if a table is missing.
absl::StatusOr<NoisyCube> DecodeCube(const EncodedCube& encoded);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_CUBE_CODEC_H_
