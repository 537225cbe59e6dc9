// Parts that requests and answers of several services have: pages and dates.
#ifndef RETENTION_SERVER_BASE_REQUEST_PARTS_H_
#define RETENTION_SERVER_BASE_REQUEST_PARTS_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/type/date.pb.h"
#include "storage/due_day.h"

namespace retention {

// `asked`, at most `max`, or `fallback` for 0 (AIP-158). INVALID_ARGUMENT naming `page_size` if it is negative.
absl::StatusOr<int> PageSize(int32_t asked, int fallback, int max);

// Page tokens hold a position in the answer to one question: a request without its fields `page_size` and `page_token`.
// They are escaped so that they travel as text.
std::string TokenOf(std::string_view position, const google::protobuf::Message& request);
// Where the page that `request` asks for begins; empty if it has no token. INVALID_ARGUMENT naming `page_token` if that
// is none, or was made for another question: another filter, another order, another call.
absl::StatusOr<std::string> PositionIn(const google::protobuf::Message& request);

// INVALID_ARGUMENT naming `field` if it is not a day since 1970-01-01.
absl::StatusOr<DueDay> DayOfDate(const google::type::Date& date, std::string_view field);
// REQUIRES: day.is_civil().
void SetDate(DueDay day, google::type::Date& date);

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_REQUEST_PARTS_H_
