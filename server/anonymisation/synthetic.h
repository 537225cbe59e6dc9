// Records of people who never were, as released cohorts say they could be.
#ifndef RETENTION_SERVER_ANONYMISATION_SYNTHETIC_H_
#define RETENTION_SERVER_ANONYMISATION_SYNTHETIC_H_

#include "absl/status/statusor.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/cube_source.h"
#include "storage/random_source.h"

namespace retention {

inline constexpr int32_t kMaxSyntheticRecords = 10'000;

// StatisticsService.SampleSyntheticRecords: client and region together, hour given the region, duration and
// reconnections given the client, as far as the profile has these tables; else each by itself. Out of the cubes that
// were drawn as the last one was. Fails as `source` and `random` do; none without a cube.
absl::StatusOr<v1::SampleSyntheticRecordsResponse> SampleRecords(const v1::SampleSyntheticRecordsRequest& request,
                                                                 const CubeSource& source, RandomSource& random);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_SYNTHETIC_H_
