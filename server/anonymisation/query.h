// Questions about statistics, answered from released cubes and public constants alone (G5).
#ifndef RETENTION_SERVER_ANONYMISATION_QUERY_H_
#define RETENTION_SERVER_ANONYMISATION_QUERY_H_

#include "absl/status/statusor.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/cell_sums.h"
#include "server/anonymisation/cube_source.h"
#include "server/anonymisation/tables.h"

namespace retention {

// Rows of a page, if it is not said how many, and at most; more would not fit into a message of the default size.
inline constexpr int kStatisticsRows = 1'000;
inline constexpr int kMaxStatisticsRows = 20'000;

// StatisticsService.QueryStatistics. `profile` and `lists`: those of today's cohort. Fails as that says, or as `source`
// does.
absl::StatusOr<v1::QueryStatisticsResponse> AnswerQuery(const v1::QueryStatisticsRequest& request,
                                                        const CubeSource& source, const Profile& profile,
                                                        const PublicLists& lists, CohortsIn cohorts_in);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_QUERY_H_
