// What a field may hold, whatever message it is part of.
#ifndef RETENTION_SERVER_BASE_FIELD_CHECKS_H_
#define RETENTION_SERVER_BASE_FIELD_CHECKS_H_

#include <google/protobuf/timestamp.pb.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

// Bytes.
inline constexpr size_t kMaxIdentifierBytes = 128;
inline constexpr size_t kMaxEmailBytes = 254;  // RFC 5321, 4.5.3.1.3
inline constexpr size_t kMaxExtensionBytes = 16;
// Names in a public list of a policy: cells of statistics for each.
inline constexpr size_t kMaxPublicNames = 15;
// How far the time of an event or of a log line may lie ahead of the server's clock: clocks of a platform differ.
inline constexpr absl::Duration kMaxAhead = absl::Minutes(5);
inline constexpr absl::Duration kMaxPlannedDuration = absl::Hours(7 * 24);

// Microseconds since the Unix epoch.
inline int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1000000 + time.nanos() / 1000;
}
void SetTime(int64_t time_us, google::protobuf::Timestamp& time);

// Whether it is well-formed and not before 2000-01-01.
bool IsEventTime(const google::protobuf::Timestamp& time);

// What is wrong with a value that is not empty; null if nothing is.
//
// An identifier that the portal chooses for a thing. It can be held longer than any address may be, so it is none: it
// has no '@'.
const char* WhyNoIdentifier(std::string_view value);
// The identifier of a participant or controller, which may be an address.
const char* WhyNoPartyIdentifier(std::string_view value);
// RFC 5321 Mailbox, local@domain: finds mistakes, is no parser. The longest is kMaxEmailBytes.
const char* WhyNoEmail(std::string_view value);
const char* WhyNoExtensionNumber(std::string_view value);

// INVALID_ARGUMENT naming `field` if it is empty or no identifier, or extension number.
absl::Status CheckIdentifier(std::string_view field, std::string_view value);
absl::Status CheckPartyIdentifier(std::string_view field, std::string_view value);
absl::Status CheckExtensionNumber(std::string_view field, std::string_view value);

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_FIELD_CHECKS_H_
