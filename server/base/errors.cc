#include "server/base/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

constexpr char kReasonUrl[] = "retention/reason";
constexpr char kViolationsUrl[] = "retention/violations";
// Neither paths nor descriptions have these.
constexpr char kAfterField = '\x1f';
constexpr char kAfterViolation = '\x1e';
constexpr char kMetadataUrl[] = "retention/metadata";
constexpr char kRetryUrl[] = "retention/retry_delay_ms";
constexpr char kClockInDoubt[] = "CLOCK_IN_DOUBT";
// Clocks are brought together in half a minute, or by an operator.
constexpr absl::Duration kClockRetryDelay = absl::Seconds(10);

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

std::string Payload(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

void SetViolations(absl::Status& status, const std::vector<FieldViolation>& violations) {
  std::string joined;
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&joined, violation.field, std::string(1, kAfterField), violation.description,
                    std::string(1, kAfterViolation));
  }
  status.SetPayload(kViolationsUrl, absl::Cord(joined));
}

}  // namespace

absl::Status InvalidField(std::string_view field, std::string_view description) {
  return InvalidFields({{.field = std::string(field), .description = std::string(description)}});
}

absl::Status InvalidFields(const std::vector<FieldViolation>& violations) {
  std::string message;
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&message, message.empty() ? "" : "; ", violation.field, ": ", violation.description);
  }
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kReasonUrl, absl::Cord("INVALID_FIELD"));
  SetViolations(status, violations);
  return status;
}

absl::Status ErrorWithReason(absl::StatusCode code, std::string_view reason, std::string_view message) {
  absl::Status status(code, Absl(message));
  status.SetPayload(kReasonUrl, absl::Cord(Absl(reason)));
  return status;
}

absl::Status WithMetadata(absl::Status status, const std::map<std::string, std::string>& metadata) {
  std::string lines;
  for (const auto& [name, value] : metadata) absl::StrAppend(&lines, name, "=", value, "\n");
  status.SetPayload(kMetadataUrl, absl::Cord(lines));
  return status;
}

absl::Status ControllerUnknown() {
  return ErrorWithReason(absl::StatusCode::kNotFound, "CONTROLLER_UNKNOWN", "no PBX that is held has this controller");
}

absl::Status PbxUnknown() { return ErrorWithReason(absl::StatusCode::kNotFound, "PBX_UNKNOWN", "no such PBX is held"); }
absl::Status ExtensionUnknown() {
  return ErrorWithReason(absl::StatusCode::kNotFound, "EXTENSION_UNKNOWN", "the PBX has no such extension");
}

absl::Status MeetingUnknown() {
  return ErrorWithReason(absl::StatusCode::kNotFound, "MEETING_UNKNOWN", "no such meeting is held");
}

absl::Status RefileUnderWay() {
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "REFILE_UNDER_WAY",
                         "what is held is still being filed under what is in force");
}

absl::Status RemovalsUnconfirmed(uint64_t percent) {
  const FieldViolation violation{
      .field = "confirm_removals",
      .description = absl::StrCat("required to remove more than ", percent, " % of the extensions held")};
  absl::Status status = ErrorWithReason(absl::StatusCode::kFailedPrecondition, "REMOVALS_UNCONFIRMED",
                                        absl::StrCat(violation.field, ": ", violation.description));
  SetViolations(status, {violation});
  return status;
}

absl::Status HoldUnknown() {
  return ErrorWithReason(absl::StatusCode::kNotFound, "HOLD_UNKNOWN", "no such hold is in force");
}

absl::Status QueueFull(absl::Duration delay) {
  return WithRetryDelay(
      ErrorWithReason(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "the queue is full; nothing was done"),
      delay);
}

absl::Status ClockInDoubt() {
  return WithRetryDelay(
      ErrorWithReason(absl::StatusCode::kUnavailable, kClockInDoubt,
                      "past due by one of the machine's clock and the engine's, which disagree; nothing was done"),
      kClockRetryDelay);
}

bool IsClockInDoubt(const absl::Status& status) {
  return absl::IsUnavailable(status) && DetailsOf(status).reason == kClockInDoubt;
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  status.SetPayload(kRetryUrl, absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(delay))));
  return status;
}

ErrorDetails DetailsOf(const absl::Status& status) {
  ErrorDetails details{.reason = Payload(status, kReasonUrl)};
  const std::string violations = Payload(status, kViolationsUrl);
  for (const absl::string_view violation : absl::StrSplit(violations, kAfterViolation, absl::SkipEmpty())) {
    const std::pair<std::string, std::string> said = absl::StrSplit(violation, absl::MaxSplits(kAfterField, 1));
    details.violations.push_back({.field = said.first, .description = said.second});
  }
  int64_t delay_ms = 0;
  if (absl::SimpleAtoi(Payload(status, kRetryUrl), &delay_ms)) details.retry_delay = absl::Milliseconds(delay_ms);
  const std::string lines = Payload(status, kMetadataUrl);
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> named = absl::StrSplit(line, absl::MaxSplits('=', 1));
    details.metadata.insert(named);
  }
  return details;
}

bool IsRefusal(const absl::Status& status) {
  const bool may_be = absl::IsNotFound(status) || absl::IsInvalidArgument(status) || absl::IsAlreadyExists(status) ||
                      absl::IsResourceExhausted(status) || absl::IsFailedPrecondition(status);
  return may_be && !DetailsOf(status).reason.empty();
}

}  // namespace retention
