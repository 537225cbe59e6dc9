#include "server/rpc/status_codec.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/errors.h"

namespace retention {
namespace {

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status rich;
  EXPECT_TRUE(rich.ParseFromString(status.error_details()));
  return rich;
}

std::string ReasonOf(const absl::Status& status) {
  const google::rpc::Status rich = Details(ToGrpcStatus(status));
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(rich.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "retention.v1");
  return info.reason();
}

TEST(StatusCodec, OkIsOkWithoutDetails) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpcStatus(absl::OkStatus()).error_details(), "");
}

TEST(StatusCodec, AFieldBecomesABadRequestWithoutSayingItTwice) {
  const grpc::Status status = ToGrpcStatus(InvalidField("events[3].ip", "not an address"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const google::rpc::Status rich = Details(status);
  EXPECT_EQ(rich.code(), static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_EQ(rich.message(), status.error_message());
  ASSERT_EQ(rich.details_size(), 2);
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(rich.details(1).UnpackTo(&bad_request));
  EXPECT_EQ(bad_request.field_violations(0).field(), "events[3].ip");
  EXPECT_EQ(bad_request.field_violations(0).description(), "not an address");
}

TEST(StatusCodec, ADelayBecomesARetryInfo) {
  const google::rpc::Status rich = Details(ToGrpcStatus(QueueFull(absl::Milliseconds(1250))));
  ASSERT_EQ(rich.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(rich.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

TEST(StatusCodec, EveryErrorHasAReason) {
  EXPECT_EQ(ReasonOf(ErrorWithReason(absl::StatusCode::kNotFound, "PBX_UNKNOWN", "")), "PBX_UNKNOWN");
  EXPECT_EQ(ReasonOf(absl::UnavailableError("")), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(ReasonOf(absl::ResourceExhaustedError("")), "DISK_FULL");
  EXPECT_EQ(ReasonOf(absl::DataLossError("")), "DATA_CORRUPT");
  for (int code = 1; code <= 16; ++code) EXPECT_NE(ReasonOf(absl::Status(static_cast<absl::StatusCode>(code), "")), "");
}

}  // namespace
}  // namespace retention
