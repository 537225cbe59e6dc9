#include "client/status_details.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace retention {

absl::Status StatusWithDetails(absl::StatusCode code, const std::string& message, const std::string& details_bytes) {
  absl::Status status(code, message);
  if (!status.ok() && !details_bytes.empty()) status.SetPayload(kStatusDetailsUrl, absl::Cord(details_bytes));
  return status;
}

StatusDetails DecodeErrorDetails(const absl::Status& status) {
  StatusDetails details;
  const auto payload = status.GetPayload(kStatusDetailsUrl);
  google::rpc::Status rich;
  if (!payload.has_value() || !rich.ParseFromString(std::string(*payload))) return details;
  for (const auto& any : rich.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    google::rpc::BadRequest bad_request;
    if (any.UnpackTo(&info)) {
      details.reason = info.reason();
    } else if (any.UnpackTo(&retry)) {
      details.retry_delay =
          absl::Seconds(retry.retry_delay().seconds()) + absl::Nanoseconds(retry.retry_delay().nanos());
    } else if (any.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        details.fields.push_back({violation.field(), violation.description()});
      }
    }
  }
  return details;
}

std::string DescribeError(const absl::Status& status) {
  const StatusDetails details = DecodeErrorDetails(status);
  std::string text = absl::StatusCodeToString(status.code());
  if (!details.reason.empty()) absl::StrAppend(&text, " (", details.reason, ")");
  if (!status.message().empty()) absl::StrAppend(&text, ": ", status.message());
  for (const auto& fault : details.fields) {
    const std::string words = absl::StrCat(fault.field, ": ", fault.description);
    if (!absl::StrContains(status.message(), words)) absl::StrAppend(&text, "; ", words);  // mostly it says just that
  }
  return text;
}

}  // namespace retention
