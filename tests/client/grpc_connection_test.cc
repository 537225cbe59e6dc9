// The connection against a gRPC server in the same process.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>

#include "client/client.h"
#include "client/event_stream.h"
#include "client/simulation/simulated_platform.h"
#include "client/status_details.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.grpc.pb.h"
#include "retention/v1/meeting_service.grpc.pb.h"
#include "retention/v1/statistics_service.grpc.pb.h"

namespace retention {
namespace {

class FakeEventService final : public v1::EventService::Service {
 public:
  grpc::Status RecordEvents(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::RecordEventsResponse, v1::RecordEventsRequest>* stream) override {
    v1::RecordEventsRequest batch;
    while (stream->Read(&batch)) {
      if (break_next_batch.exchange(false)) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "going down");
      v1::RecordEventsResponse answer;
      answer.set_batch_id(batch.batch_id());
      answer.mutable_result()->set_accepted(batch.events_size());
      stream->Write(answer);
    }
    return grpc::Status::OK;
  }

  std::atomic<bool> break_next_batch = false;
};

class FakeMeetingService final : public v1::MeetingService::Service {
 public:
  grpc::Status GetMeeting(grpc::ServerContext*, const v1::GetMeetingRequest* request,
                          v1::GetMeetingResponse* response) override {
    if (request->meeting_id() == "known") {
      response->mutable_meeting()->set_name("Budget");
      return grpc::Status::OK;
    }
    google::rpc::ErrorInfo info;
    info.set_reason("MEETING_UNKNOWN");
    google::rpc::Status rich;
    rich.add_details()->PackFrom(info);
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such meeting", rich.SerializeAsString());
  }
  grpc::Status ListMeetings(grpc::ServerContext* context, const v1::ListMeetingsRequest*,
                            v1::ListMeetingsResponse*) override {
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  }
};

class FakeStatisticsService final : public v1::StatisticsService::Service {
 public:
  grpc::Status ExportStatistics(grpc::ServerContext*, const v1::ExportStatisticsRequest* request,
                                grpc::ServerWriter<v1::ExportStatisticsResponse>* writer) override {
    v1::ExportStatisticsResponse part;
    for (int i = 0; i < request->first_day().day(); ++i) {
      part.mutable_table()->mutable_table()->set_name(std::to_string(i));
      writer->Write(part);
    }
    return grpc::Status(grpc::StatusCode::DATA_LOSS, "the next cannot be read");
  }
};

class GrpcConnectionTest : public ::testing::Test {
 protected:
  GrpcConnectionTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&events_);
    builder.RegisterService(&meetings_);
    builder.RegisterService(&statistics_);
    server_ = builder.BuildAndStart();
    connection_ = *ConnectTo({.address = "127.0.0.1:" + std::to_string(port_)});
  }

  FakeEventService events_;
  FakeMeetingService meetings_;
  FakeStatisticsService statistics_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<Connection> connection_;
};

TEST_F(GrpcConnectionTest, Call_CarriesRequestAnswerAndErrorDetails) {
  const Client client(connection_);
  v1::GetMeetingRequest request;
  request.set_meeting_id("known");
  const auto known = client.GetMeeting(request);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->meeting().name(), "Budget");
  request.set_meeting_id("unknown");
  const auto unknown = client.GetMeeting(request);
  EXPECT_EQ(DescribeError(unknown.status()), "NOT_FOUND (MEETING_UNKNOWN): no such meeting");
}

TEST_F(GrpcConnectionTest, Call_EndsAtItsDeadline) {
  ClientOptions options;
  options.timeout = absl::Milliseconds(20);
  EXPECT_EQ(Client(connection_, options).ListMeetings({}).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(GrpcConnectionTest, Call_ServiceThatIsNotThereIsUnimplemented) {
  EXPECT_EQ(Client(connection_).GetClock({}).status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(GrpcConnectionTest, ExportStatistics_HandsOverWhatCameBeforeItBroke) {
  v1::ExportStatisticsRequest request;
  request.mutable_first_day()->set_day(3);
  std::string names;
  const absl::Status status = Client(connection_).ExportStatistics(request, [&](const auto& part) {
    names += part.table().table().name();
    return true;
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(names, "012");
}

TEST_F(GrpcConnectionTest, EventStream_SurvivesABrokenStream) {
  EventStreamOptions options;
  options.retry.sleep = [](absl::Duration) {};
  options.retry.attempts_max = 1000;
  EventStream stream(connection_, options);
  for (int i = 0; i < 5000; ++i) {
    if (i == 1200 || i == 3300) events_.break_next_batch = true;
    ASSERT_TRUE(stream.Add(v1::Event()).ok());
  }
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 5000);
  EXPECT_GE(stream.totals().reconnections, 1);
}

TEST_F(GrpcConnectionTest, EventStream_ServerThatIsDownIsUnavailable) {
  server_->Shutdown();
  EventStreamOptions options;
  options.retry.sleep = [](absl::Duration) {};
  EventStream stream(connection_, options);
  ASSERT_TRUE(stream.Add(v1::Event()).ok());
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace retention
