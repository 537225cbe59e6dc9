#include "client/client.h"

#include <gtest/gtest.h>

#include "retention/v1/clock_service.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/client/fake_connection.h"

namespace retention {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  Client MakeClient() { return Client(connection_, ClientOptions{absl::Seconds(3), NotedRetries(&waits_)}); }

  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  std::vector<absl::Duration> waits_;
};

TEST_F(ClientTest, Call_UnavailableIsTriedAgainWithDoublingDelays) {
  connection_->failures.assign(4, absl::UnavailableError("down"));
  connection_->Answer("GetPolicy", v1::GetPolicyResponse());
  EXPECT_TRUE(MakeClient().GetPolicy({}).ok());
  EXPECT_EQ(waits_, (std::vector{absl::Milliseconds(100), absl::Milliseconds(200), absl::Milliseconds(400),
                                 absl::Milliseconds(800)}));
  EXPECT_EQ(connection_->calls.size(), 5);
  EXPECT_EQ(connection_->calls[0], "/retention.v1.RetentionService/GetPolicy");
  for (const auto timeout : connection_->timeouts) EXPECT_EQ(timeout, absl::Seconds(3));
}

TEST_F(ClientTest, Call_GivesUpAfterSixAttemptsWithTheLastError) {
  connection_->failures.assign(100, absl::UnavailableError("down"));
  EXPECT_EQ(MakeClient().GetPolicy({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(connection_->calls.size(), 6);
}

TEST_F(ClientTest, Call_OtherErrorsAreNotTriedAgain) {
  for (const auto code : {absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument, absl::StatusCode::kInternal,
                          absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kResourceExhausted}) {
    connection_->calls.clear();
    connection_->failures.assign(1, absl::Status(code, "no"));
    EXPECT_EQ(MakeClient().Sweep({}).status().code(), code);
    EXPECT_EQ(connection_->calls.size(), 1);
  }
  EXPECT_TRUE(waits_.empty());
}

TEST_F(ClientTest, Call_RetryInfoOfAFullQueueIsHonoured) {
  connection_->failures.push_back(RichError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", absl::Seconds(2)));
  connection_->Answer("BatchRecordEvents", v1::BatchRecordEventsResponse());
  EXPECT_TRUE(MakeClient().BatchRecordEvents({}).ok());
  ASSERT_EQ(waits_.size(), 1);
  EXPECT_GE(waits_[0], absl::Seconds(2));
  EXPECT_LE(waits_[0], absl::Seconds(2.5));
}

TEST_F(ClientTest, AdvanceClock_ByIsTriedOnceAsItIsNotIdempotent) {
  connection_->failures.assign(2, absl::UnavailableError("down"));
  v1::AdvanceClockRequest request;
  request.mutable_by()->set_seconds(1);
  EXPECT_FALSE(MakeClient().AdvanceClock(request).ok());
  EXPECT_EQ(connection_->calls.size(), 1);
  request.mutable_to()->set_seconds(1);
  connection_->Answer("AdvanceClock", v1::AdvanceClockResponse());
  EXPECT_TRUE(MakeClient().AdvanceClock(request).ok());
}

TEST(Backoff, NextDelay_JitterTakesAtMostHalfAndDelayIsCapped) {
  std::vector<absl::Duration> waits;
  RetryPolicy policy = NotedRetries(&waits, 0.0);
  policy.attempts_max = 100;
  Backoff backoff(policy);
  EXPECT_EQ(backoff.NextDelay(absl::UnavailableError("")), absl::Milliseconds(50));
  for (int i = 0; i < 50; ++i) backoff.NextDelay(absl::UnavailableError(""));
  EXPECT_EQ(backoff.NextDelay(absl::UnavailableError("")), policy.delay_max / 2);
  backoff.Reset();
  EXPECT_EQ(backoff.NextDelay(absl::UnavailableError("")), absl::Milliseconds(50));
}

TEST(RandomJitter, StaysWithinZeroAndOne) {
  const JitterSource jitter = RandomJitter();
  for (int i = 0; i < 1000; ++i) {
    const double value = jitter();
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
  }
}

TEST(StatusDetails, DescribeError_SaysOnceWhatTheMessageSaysToo) {
  google::rpc::Status rich;
  google::rpc::BadRequest bad_request;
  auto& violation = *bad_request.add_field_violations();
  violation.set_field("page_size");
  violation.set_description("0 to 1000");
  rich.add_details()->PackFrom(bad_request);
  const absl::Status status =
      StatusWithDetails(absl::StatusCode::kInvalidArgument, "page_size: 0 to 1000", rich.SerializeAsString());
  EXPECT_EQ(DescribeError(status), "INVALID_ARGUMENT: page_size: 0 to 1000");
}

TEST(StatusDetails, DescribeError_NamesReasonAndField) {
  const absl::Status status = RichError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", {}, "events[3].time");
  EXPECT_EQ(DescribeError(status), "INVALID_ARGUMENT (INVALID_FIELD): it failed; events[3].time: is wrong");
  EXPECT_EQ(DecodeErrorDetails(status).reason, "INVALID_FIELD");
  EXPECT_FALSE(DecodeErrorDetails(status).retry_delay.has_value());
}

TEST(StatusDetails, DecodeErrorDetails_GarbageIsNoDetails) {
  const absl::Status status = StatusWithDetails(absl::StatusCode::kNotFound, "gone", "\xff\xff\xff");
  EXPECT_EQ(DecodeErrorDetails(status).reason, "");
  EXPECT_EQ(DescribeError(status), "NOT_FOUND: gone");
}

}  // namespace
}  // namespace retention
