// Answers: arithmetic on stored noisy cells and public constants, and nothing else. Nothing in this file
// can reach an original, and asking twice, or in another way, draws nothing anew.
#ifndef RETENTION_SERVER_ANONYMISATION_QUERY_H_
#define RETENTION_SERVER_ANONYMISATION_QUERY_H_

#include <cstddef>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/cube_source.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// Answers one question. Cohorts count that lie within [from, to] whole; a cohort belongs to the day, week and month in
// which it begins. Grouped by a calendar unit, an answer has rows for the units that hold at least one released cohort.
// Cubes that were drawn under other public lists are merged by the names of values: a site that was not listed then is
// in "other" of then.
//
// The table is the one with the fewest cells that holds all that is asked; TOTAL_TIME and SHARE may need a second one,
// and then name both, with a comma. Parts answered from one table do not add up to a total answered from another.
//
// INVALID_ARGUMENT with reason INVALID_FIELD; FAILED_PRECONDITION with reason NOT_AVAILABLE; DATA_LOSS for malformed
// cubes; errors of the source as they are. `policy` gives the public lists as they are now. Thread-safe as far as the
// source is.
absl::StatusOr<v1::QueryStatisticsResponse> AnswerQuery(const v1::QueryStatisticsRequest& request,
                                                        const CubeSource& source, const v1::StatisticsPolicy& policy,
                                                        const Profile& profile = kLargeProfile);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_QUERY_H_
