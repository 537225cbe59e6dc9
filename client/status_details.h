// The one place where the rich part of an error (`grpc-status-details-bin`, a google.rpc.Status) is read.
//
// A failed call is an absl::Status that carries those bytes as a payload, so that everything above the connection can
// ask for reason, field and delay without knowing gRPC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

// Under this name the bytes of google.rpc.Status travel in an absl::Status.
inline constexpr char kStatusDetailsUrl[] = "type.googleapis.com/google.rpc.Status";

// One wrong field of a request.
struct FieldFault {
  std::string field;        // Path, as `events[3].participant_joined.ip`.
  std::string description;  // What is wrong, without the value.
};

// What a server says about a failure beyond code and message.
struct StatusDetails {
  std::string reason;  // UPPER_SNAKE_CASE, stable; empty if none was given.
  std::vector<FieldFault> fields;
  std::optional<absl::Duration> retry_delay;  // Wait at least this long before trying again.
};

// An error with `details_bytes` (a serialized google.rpc.Status; may be empty or malformed, and is then without
// details).
absl::Status StatusWithDetails(absl::StatusCode code, const std::string& message, const std::string& details_bytes);

// What `status` carries; empty details for a status without any.
StatusDetails DecodeErrorDetails(const absl::Status& status);

// For people: `NOT_FOUND (PBX_UNKNOWN): no such PBX; participant_joined.ip: not an IP address`.
std::string DescribeError(const absl::Status& status);

}  // namespace retention
