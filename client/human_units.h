// Times, lengths and counts as people write and read them. Lengths are read by text/length_of_time.h.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "text/length_of_time.h"

namespace retention {

// RFC 3339 ("2026-03-31T09:00:00+02:00"), or a day ("2026-03-31": its first instant in UTC).
absl::StatusOr<absl::Time> ParseTime(const std::string& text);

// "2026-03-31".
absl::StatusOr<google::type::Date> ParseDate(const std::string& text);

google::protobuf::Timestamp ToTimestamp(absl::Time time);
google::protobuf::Duration ToProtoDuration(absl::Duration duration);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);
absl::Duration FromProtoDuration(const google::protobuf::Duration& duration);

// "2026-03-31 07:00:00", in UTC.
std::string ReadableTime(const google::protobuf::Timestamp& timestamp);
// "2026-03-31T07:00:00Z", with as many decimals as needed.
std::string Rfc3339(const google::protobuf::Timestamp& timestamp);
// "2026-03-31".
std::string ReadableDate(const google::type::Date& date);
// "45 s", "12 min 05 s", "1 h 03 min", "3 d 04 h".
std::string ReadableLength(absl::Duration length);
// "1,234,567".
std::string ReadableCount(int64_t count);
// `value` with `decimals` decimals; without the sign of a zero.
std::string ReadableNumber(double value, int decimals);

}  // namespace retention
