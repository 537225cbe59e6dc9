#include "server/rpc/status_codec.h"

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr char kDomain[] = "retention.v1";

// For errors of the layers below the engine, which know no reasons.
const char* GenericReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "STORAGE_UNAVAILABLE";
    case absl::StatusCode::kResourceExhausted:
      return "DISK_FULL";
    case absl::StatusCode::kDataLoss:
      return "DATA_CORRUPT";
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    default:
      return "INTERNAL";
  }
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorDetails details = DetailsOf(status);
  // A full disk is a storage that fails: worth another try, unlike a request that asks for too much.
  const bool disk_full = absl::IsResourceExhausted(status) && details.reason.empty();
  const absl::StatusCode code = disk_full ? absl::StatusCode::kUnavailable : status.code();
  google::rpc::Status rich;
  rich.set_code(static_cast<int>(code));
  rich.set_message(std::string(status.message()));
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  info.set_reason(details.reason.empty() ? GenericReason(status.code()) : details.reason);
  info.mutable_metadata()->insert(details.metadata.begin(), details.metadata.end());
  rich.add_details()->PackFrom(info);
  if (!details.violations.empty()) {
    google::rpc::BadRequest bad_request;
    for (const FieldViolation& known : details.violations) {
      auto& violation = *bad_request.add_field_violations();
      violation.set_field(known.field);
      violation.set_description(known.description);
    }
    rich.add_details()->PackFrom(bad_request);
  }
  if (details.retry_delay.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t delay_ms = absl::ToInt64Milliseconds(*details.retry_delay);
    retry.mutable_retry_delay()->set_seconds(delay_ms / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(delay_ms % 1000) * 1000000);
    rich.add_details()->PackFrom(retry);
  }
  // Both enumerations are google.rpc.Code.
  return grpc::Status(static_cast<grpc::StatusCode>(code), rich.message(), rich.SerializeAsString());
}

}  // namespace retention
