// A question, checked and matched with the tables that can answer it.
#ifndef RETENTION_SERVER_ANONYMISATION_QUERY_PLAN_H_
#define RETENTION_SERVER_ANONYMISATION_QUERY_PLAN_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/calendar.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// Cells of one table, and how they are added up.
struct TableUse {
  const TableSpec* table = nullptr;
  std::optional<Axis> measure;        // the axis that is measured; absent where people are counted
  std::vector<v1::Dimension> groups;  // non-calendar dimensions, outermost first
};

struct QueryPlan {
  DueDay from;
  DueDay to;
  CalendarUnit calendar = CalendarUnit::kAll;
  size_t calendar_position = 0;  // in group_by, if it is grouped by
  TableUse main;
  // The participations of TOTAL_TIME; the whole of SHARE.
  std::optional<TableUse> second;
};

// INVALID_ARGUMENT naming the field; FAILED_PRECONDITION with reason NOT_AVAILABLE, naming the tables that exist, where
// no table holds all that is asked. Of those that do, the one with the fewest cells answers: it adds up the least
// noise. Values of region and client filters are not checked here: a cube may name values that the policy no longer
// lists.
absl::StatusOr<QueryPlan> PlanQuery(const v1::QueryStatisticsRequest& request, const PublicLists& lists,
                                    const Profile& profile);

// Path of a field, as `filters[0].values[2]`.
std::string GroupField(int index);
std::string FilterField(int index);
std::string FilterValueField(int filter, int value);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_QUERY_PLAN_H_
