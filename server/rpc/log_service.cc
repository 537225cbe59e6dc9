#include <functional>
#include <utility>

#include "retention/v1/log_service.grpc.pb.h"
#include "server/logs/log_reader.h"
#include "server/rpc/batch_stream.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

// One batch of AppendLogs.
class LogBatch final : public CommittedBatch<v1::AppendLogsRequest, LineBatch> {
 public:
  LogBatch(const Backend& backend, Admission& admission) : CommittedBatch(backend, admission) {}

 private:
  absl::Status TakeIn(const grpc::ByteBuffer& received) override {
    if (absl::Status status = CheckLogBatchBytes(received.Length()); !status.ok()) return status;
    if (absl::Status status = Parse(received); !status.ok()) return status;
    // Texts lie beside the arena.
    memory_ = arena_.SpaceAllocated() + received.Length();
    if (absl::Status status = CheckLogBatchMemory(memory_); !status.ok()) return status;
    queued_.lines = &request_->lines();
    queued_.request_id = request_->request_id();
    return queued_.Prepare(backend_.Now());
  }

  grpc::ByteBuffer Answer() override {
    backend_.metrics.CountLogBatch(queued_);
    queued_.result.set_batch_id(request_->batch_id());
    return SerializeMessage(queued_.result);
  }
};

using LogServiceBase = v1::LogService::WithRawCallbackMethod_AppendLogs<
    v1::LogService::WithRawCallbackMethod_ReadLogs<v1::LogService::WithRawCallbackMethod_ExtendLogRetention<
        v1::LogService::WithRawCallbackMethod_ListLogExtensions<v1::LogService::Service>>>>;

class LogService final : public LogServiceBase {
 public:
  LogService(const Backend& backend, StreamRoster& streams)
      : backend_(backend),
        streams_(streams),
        reader_(backend.engine.store(), backend.engine.holdings(), backend.engine.logs()) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AppendLogs(
      grpc::CallbackServerContext* context) override {
    return BatchStream::Open(*context, BatchesOf<LogBatch>(backend_, *context), backend_, streams_);
  }

  grpc::ServerUnaryReactor* ReadLogs(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    return Answer<v1::ReadLogsRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return reader_.ReadLogs(message, backend_.Latest()); });
  }

  grpc::ServerUnaryReactor* ExtendLogRetention(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) override {
    return Answer<v1::ExtendLogRetentionRequest>(backend_, backend_.workers.commands, {context, request, response},
                                                 [this](const auto& message) { return Extend(message); });
  }

  grpc::ServerUnaryReactor* ListLogExtensions(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return Answer<v1::ListLogExtensionsRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& /*message*/) -> absl::StatusOr<v1::ListLogExtensionsResponse> {
          v1::ListLogExtensionsResponse all;
          for (auto& extension : backend_.engine.logs().InForce(backend_.Now())) {
            *all.add_extensions() = std::move(extension);
          }
          return all;
        });
  }

 private:
  absl::StatusOr<v1::ExtendLogRetentionResponse> Extend(const v1::ExtendLogRetentionRequest& request) {
    // An extension begins where the one before it has been carried out: step by step here, not in one command.
    if (absl::Status refiled = RefileLogs(); !refiled.ok()) return refiled;
    auto extension =
        backend_.commands.Do([&](Change& change) { return backend_.engine.domains().logs.Extend(request, change); });
    if (!extension.ok()) return extension.status();
    // It is in force from now on, and what is held follows; batches are recorded between the steps. Should one fail, or
    // this server end, the next sweep goes on.
    if (absl::Status refiled = RefileLogs(); !refiled.ok()) return refiled;
    v1::ExtendLogRetentionResponse response;
    *response.mutable_extension() = *std::move(extension);
    return response;
  }

  absl::Status RefileLogs() {
    while (backend_.engine.logs().refiling()) {
      const auto step =
          backend_.commands.Do([&](Change& change) { return backend_.engine.domains().logs.RefileStep(change); });
      if (!step.ok()) return step.status();
    }
    return absl::OkStatus();
  }

  const Backend& backend_;
  StreamRoster& streams_;
  const LogReader reader_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewLogService(const Backend& backend, StreamRoster& streams) {
  return std::make_unique<LogService>(backend, streams);
}

}  // namespace retention
