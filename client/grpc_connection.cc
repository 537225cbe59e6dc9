// The connection over gRPC; the only file of the client that sees gRPC's headers.
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <future>
#include <utility>
#include <vector>

#include "client/connection.h"
#include "client/status_details.h"
#include "retention/v1/erasure_order_service.grpc.pb.h"
#include "retention/v1/event_service.grpc.pb.h"
#include "retention/v1/log_service.grpc.pb.h"
#include "retention/v1/meeting_service.grpc.pb.h"
#include "retention/v1/statistics_service.grpc.pb.h"

namespace retention {
namespace {

// Larger than any answer: a page of 1,000 participants or a PBX with 10,000 extensions.
constexpr int kAnswerBytesMax = 64 << 20;

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return StatusWithDetails(static_cast<absl::StatusCode>(status.error_code()), status.error_message(),
                           status.error_details());
}

absl::Status Parse(grpc::ByteBuffer& bytes, google::protobuf::Message* message) {
  std::vector<grpc::Slice> slices;
  std::string joined;
  if (!bytes.Dump(&slices).ok()) return absl::InternalError("the answer could not be read");
  for (const auto& slice : slices) joined.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  if (!message->ParseFromString(joined)) return absl::InternalError("the answer is not the message it should be");
  return absl::OkStatus();
}

template <typename Batch, typename Answer>
class GrpcBatchCall final : public BatchCall<Batch, Answer> {
 public:
  // `open`: the stream of a context.
  template <typename Open>
  explicit GrpcBatchCall(Open open) : stream_(open(&context_)) {}
  ~GrpcBatchCall() override { context_.TryCancel(); }

  bool Write(const Batch& batch) override { return stream_->Write(batch); }
  bool Read(Answer* answer) override { return stream_->Read(answer); }
  void WritesDone() override { stream_->WritesDone(); }
  absl::Status Finish() override { return ToStatus(stream_->Finish()); }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Batch, Answer>> stream_;
};

template <typename Message>
class GrpcWatchCall final : public WatchCall<Message> {
 public:
  // `open`: the stream of a context.
  template <typename Open>
  explicit GrpcWatchCall(Open open) : stream_(open(&context_)) {}
  ~GrpcWatchCall() override { context_.TryCancel(); }

  bool Read(Message* message) override { return stream_->Read(message); }
  absl::Status Finish() override { return ToStatus(stream_->Finish()); }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Message>> stream_;
};

class GrpcConnection final : public Connection {
 public:
  explicit GrpcConnection(std::shared_ptr<grpc::Channel> channel)
      : generic_stub_(channel),
        event_stub_(v1::EventService::NewStub(channel)),
        order_stub_(v1::ErasureOrderService::NewStub(channel)),
        meeting_stub_(v1::MeetingService::NewStub(channel)),
        log_stub_(v1::LogService::NewStub(channel)),
        statistics_stub_(v1::StatisticsService::NewStub(channel)) {}

  absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                    google::protobuf::Message* response, absl::Duration timeout) override {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    grpc::Slice request_slice(request.SerializeAsString());
    const grpc::ByteBuffer request_bytes(&request_slice, 1);
    grpc::ByteBuffer response_bytes;
    std::promise<grpc::Status> done;
    generic_stub_.UnaryCall(&context, method, grpc::StubOptions(), &request_bytes, &response_bytes,
                            [&done](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    return status.ok() ? Parse(response_bytes, response) : ToStatus(status);
  }

  std::unique_ptr<RecordEventsCall> RecordEvents() override {
    return std::make_unique<GrpcBatchCall<v1::RecordEventsRequest, v1::RecordEventsResponse>>(
        [this](grpc::ClientContext* context) { return event_stub_->RecordEvents(context); });
  }
  std::unique_ptr<AppendLogsCall> AppendLogs() override {
    return std::make_unique<GrpcBatchCall<v1::AppendLogsRequest, v1::AppendLogsResponse>>(
        [this](grpc::ClientContext* context) { return log_stub_->AppendLogs(context); });
  }

  std::unique_ptr<WatchErasureOrdersCall> WatchErasureOrders(const v1::WatchErasureOrdersRequest& request) override {
    return std::make_unique<GrpcWatchCall<v1::WatchErasureOrdersResponse>>(
        [&](grpc::ClientContext* context) { return order_stub_->WatchErasureOrders(context, request); });
  }
  std::unique_ptr<WatchReportsCall> WatchReports(const v1::WatchReportsRequest& request) override {
    return std::make_unique<GrpcWatchCall<v1::WatchReportsResponse>>(
        [&](grpc::ClientContext* context) { return meeting_stub_->WatchReports(context, request); });
  }
  std::unique_ptr<ExportStatisticsCall> ExportStatistics(const v1::ExportStatisticsRequest& request) override {
    return std::make_unique<GrpcWatchCall<v1::ExportStatisticsResponse>>(
        [&](grpc::ClientContext* context) { return statistics_stub_->ExportStatistics(context, request); });
  }

 private:
  grpc::GenericStub generic_stub_;
  std::unique_ptr<v1::EventService::Stub> event_stub_;
  std::unique_ptr<v1::ErasureOrderService::Stub> order_stub_;
  std::unique_ptr<v1::MeetingService::Stub> meeting_stub_;
  std::unique_ptr<v1::LogService::Stub> log_stub_;
  std::unique_ptr<v1::StatisticsService::Stub> statistics_stub_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Connection>> ConnectTo(const Target& target) {
  auto texts = CheckTarget(target);
  if (!texts.ok()) return texts.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A server that restarts is found again soon, whatever gRPC's own back-off has grown to.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A peer that vanished is noticed at all; more often than every 5 minutes is more than a server allows by default.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 310'000);
  const auto credentials =
      target.ca_file.empty()
          ? grpc::InsecureChannelCredentials()
          : grpc::SslCredentials({std::move(texts->authorities), std::move(texts->key), std::move(texts->certificate)});
  return std::make_shared<GrpcConnection>(grpc::CreateCustomChannel(target.address, credentials, arguments));
}

void SilenceTransport() {
  gpr_set_log_function([](gpr_log_func_args*) {});
}

}  // namespace retention
