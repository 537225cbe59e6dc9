// A question about statistics, checked; and the tables that can answer it.
#ifndef RETENTION_SERVER_ANONYMISATION_QUESTION_H_
#define RETENTION_SERVER_ANONYMISATION_QUESTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/calendar.h"
#include "server/anonymisation/filter.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"

namespace retention {

// A span of days, both of them in it. Fails as QueryStatistics does.
struct AskedDays {
  DueDay from, to;
};
absl::StatusOr<AskedDays> CheckDays(bool has_from, const google::type::Date& from, bool has_to,
                                    const google::type::Date& to);

struct Question {
  v1::Metric metric;
  AskedDays days;
  CalendarUnit calendar = CalendarUnit::kAll;
  size_t calendar_position = 0;       // in group_by, if it is grouped by
  std::vector<v1::Dimension> groups;  // without those of the calendar, outermost first
  std::vector<DimensionCondition> conditions;
  std::optional<v1::Dimension> measured;  // of percentiles
  double quantile = 0;                    // of percentiles

  // All dimensions that a table must have.
  std::vector<v1::Dimension> Needed() const;
};
// INVALID_ARGUMENT naming the field. Values of filters are checked when it is known which there are.
absl::StatusOr<Question> CheckQuestion(const v1::QueryStatisticsRequest& request);

// How a metric is made of measures.
struct MetricParts {
  Measure main;                  // what is counted, or the numerator
  std::optional<Measure> under;  // the denominator of a mean
  Measure people;                // by which it is shown
};
// Of METRIC_PEOPLE and METRIC_SHARE it follows from the dimensions.
MetricParts PartsOf(const Question& question);

// The smallest table of the cohort that holds these dimensions; null if there is none.
const TableSpec* FindTable(const Profile& profile, const PublicLists& lists, Measure measure,
                           std::span<const v1::Dimension> dimensions);
// FAILED_PRECONDITION with reason NOT_AVAILABLE: what of `question` fails, and what comes near, as its metadata.
absl::Status NotAvailable(const Question& question, const Profile& profile, const PublicLists& lists);
// What ListTables says of the metrics.
std::vector<v1::AvailableQuestion> AvailableQuestions(const Profile& profile, const PublicLists& lists);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_QUESTION_H_
