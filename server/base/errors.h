// Errors that callers see: a canonical code, a stable reason, and for input the path of the field.
//
// Messages and metadata never hold personal data: they name fields and bounds, not values.
#ifndef RETENTION_SERVER_BASE_ERRORS_H_
#define RETENTION_SERVER_BASE_ERRORS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

// What is wrong with a field of a request, whose path this is.
struct FieldViolation {
  std::string field;
  std::string description;
};

// The details that the RPC layer turns into ErrorInfo, BadRequest and RetryInfo.
struct ErrorDetails {
  std::string reason;                           // ErrorInfo.reason; empty if the status carries none
  std::vector<FieldViolation> violations;       // of BadRequest; empty if it is not about a field
  std::optional<absl::Duration> retry_delay;    // RetryInfo
  std::map<std::string, std::string> metadata;  // ErrorInfo.metadata

  // Of the first violation; empty if there is none.
  std::string field() const { return violations.empty() ? std::string() : violations.front().field; }
};

// INVALID_ARGUMENT with reason INVALID_FIELD.
absl::Status InvalidField(std::string_view field, std::string_view description);
// The same about several fields (field_violations.h). REQUIRES: there is one.
absl::Status InvalidFields(const std::vector<FieldViolation>& violations);
// Any code with a reason, as PBX_UNKNOWN.
absl::Status ErrorWithReason(absl::StatusCode code, std::string_view reason, std::string_view message);
// The same, with what programs may want to know. Neither names nor values have line breaks.
absl::Status WithMetadata(absl::Status status, const std::map<std::string, std::string>& metadata);
// NOT_FOUND with reason CONTROLLER_UNKNOWN, PBX_UNKNOWN, EXTENSION_UNKNOWN, MEETING_UNKNOWN, HOLD_UNKNOWN.
absl::Status ControllerUnknown();
absl::Status PbxUnknown();
absl::Status ExtensionUnknown();
absl::Status HoldUnknown();
absl::Status MeetingUnknown();
// FAILED_PRECONDITION with reason REFILE_UNDER_WAY: what is held is still being filed under the policy, or the
// extension of logs, in force.
absl::Status RefileUnderWay();
// FAILED_PRECONDITION with reason REMOVALS_UNCONFIRMED, about the field `confirm_removals`: more than `percent` per
// cent.
absl::Status RemovalsUnconfirmed(uint64_t percent);
// RESOURCE_EXHAUSTED with reason QUEUE_FULL: nothing was done, try again after `delay`.
absl::Status QueueFull(absl::Duration delay);
// UNAVAILABLE with reason CLOCK_IN_DOUBT: it would be left out as past due by one of two clocks, so nothing was done.
absl::Status ClockInDoubt();
bool IsClockInDoubt(const absl::Status& status);
// `status`, with a RetryInfo that tells the caller to wait so long.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// The details of `status`, as far as it carries any.
ErrorDetails DetailsOf(const absl::Status& status);

// Whether a command failed because of what it asked for, and changed nothing: NOT_FOUND, INVALID_ARGUMENT,
// ALREADY_EXISTS, RESOURCE_EXHAUSTED or FAILED_PRECONDITION with a reason. One without comes from deep inside (a key
// that is gone, say), and is a fault.
bool IsRefusal(const absl::Status& status);

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_ERRORS_H_
