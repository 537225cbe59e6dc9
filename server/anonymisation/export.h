// Released cubes as they are handed out whole.
#ifndef RETENTION_SERVER_ANONYMISATION_EXPORT_H_
#define RETENTION_SERVER_ANONYMISATION_EXPORT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/cell_sums.h"
#include "server/anonymisation/cube_source.h"

namespace retention {

// The messages of one cube: its head, then its tables. Fails as `source` does.
absl::StatusOr<std::vector<v1::ExportStatisticsResponse>> ExportCube(const FoundCube& cube, const CubeSource& source,
                                                                     CohortsIn cohorts_in);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_EXPORT_H_
