// Parts that requests and answers of several services have: pages and dates.
#ifndef RETENTION_SERVER_BASE_REQUEST_PARTS_H_
#define RETENTION_SERVER_BASE_REQUEST_PARTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/type/date.pb.h"
#include "storage/due_day.h"

namespace retention {

// `asked`, or `fallback` for 0. INVALID_ARGUMENT naming `page_size` if it is not within 0 to `max`.
absl::StatusOr<int> PageSize(int32_t asked, int fallback, int max);

// Page tokens hold a position; they are escaped so that they travel as text.
std::string TokenOf(std::string_view position);
// INVALID_ARGUMENT naming `page_token` if it is not one.
absl::StatusOr<std::string> PositionOf(const std::string& token);

// INVALID_ARGUMENT naming `field` if it is not a day since 1970-01-01.
absl::StatusOr<DueDay> DayOfDate(const google::type::Date& date, std::string_view field);
// REQUIRES: day.is_civil().
void SetDate(DueDay day, google::type::Date& date);

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_REQUEST_PARTS_H_
