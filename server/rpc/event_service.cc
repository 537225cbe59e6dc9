#include "server/rpc/event_service.h"

#include <google/protobuf/arena.h>

#include <cstddef>
#include <functional>
#include <utility>

#include "server/base/errors.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire.h"

namespace retention {
namespace {

// One batch of RecordEvents.
class RecordBatch final : public CommittedBatch<v1::RecordEventsRequest, EventBatch> {
 public:
  RecordBatch(const Backend& backend, Admission& admission) : CommittedBatch(backend, admission) {}

 private:
  absl::Status TakeIn(const grpc::ByteBuffer& received) override {
    if (absl::Status status = CheckBatchBytes(received.Length()); !status.ok()) return status;
    if (absl::Status status = Parse(received); !status.ok()) return status;
    memory_ = arena_.SpaceAllocated();
    if (absl::Status status = CheckBatchMemory(memory_); !status.ok()) return status;
    queued_.events = &request_->events();
    return queued_.Prepare(backend_.Now());
  }

  grpc::ByteBuffer Answer() override {
    backend_.metrics.CountBatch(queued_.result);
    v1::RecordEventsResponse response;
    response.set_batch_id(request_->batch_id());
    response.mutable_result()->Swap(&queued_.result);
    return SerializeMessage(response);
  }
};

// One BatchRecordEvents call, from its bytes to its answer. Deletes itself.
//
// gRPC's own reactor ends the call: after Finish from the committer's thread, one of ours would cost a change of
// threads for no more than its deletion.
class BatchCall {
 public:
  BatchCall(const Backend& backend, grpc::ServerUnaryReactor* reactor, grpc::ByteBuffer* response)
      : backend_(backend), reactor_(reactor), response_(response) {}

  void Begin(const grpc::ServerContextBase& context, const grpc::ByteBuffer& request) {
    if (absl::Status status = Enqueue(context, request); !status.ok()) End(status);
  }

 private:
  absl::Status Enqueue(const grpc::ServerContextBase& context, const grpc::ByteBuffer& bytes) {
    const auto admission = Admit(backend_, context, RowOf<v1::BatchRecordEventsRequest>());
    if (!admission.ok()) return admission.status();
    if (absl::Status status = CheckBatchBytes(bytes.Length()); !status.ok()) return status;
    auto* request = google::protobuf::Arena::CreateMessage<v1::BatchRecordEventsRequest>(&arena_);
    if (absl::Status status = ParseMessage(bytes, *request); !status.ok()) return status;
    if (absl::Status status = CheckScope(backend_, *admission, *request); !status.ok()) return status;
    const size_t memory = arena_.SpaceAllocated();
    if (absl::Status status = CheckBatchMemory(memory); !status.ok()) return status;
    queued_.events = &request->events();
    if (absl::Status status = queued_.Prepare(backend_.Now()); !status.ok()) return status;
    queued_.done = [this](const absl::Status& status) { Reply(status); };
    return backend_.committer.Submit(&queued_, memory);
  }

  void Reply(const absl::Status& status) {
    if (status.ok()) {
      backend_.metrics.CountBatch(queued_.result);
      auto* response = google::protobuf::Arena::CreateMessage<v1::BatchRecordEventsResponse>(&arena_);
      response->mutable_result()->Swap(&queued_.result);
      *response_ = SerializeMessage(*response);
    }
    End(status);
  }

  void End(const absl::Status& status) {
    reactor_->Finish(ToGrpcStatus(status));
    delete this;
  }

  // Holds a batch of one or a few events without asking the heap.
  static constexpr size_t kFirstBlockBytes = 2048;

  const Backend& backend_;
  grpc::ServerUnaryReactor* const reactor_;
  grpc::ByteBuffer* const response_;
  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, sizeof(first_block_)};
  EventBatch queued_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* EventService::RecordEvents(
    grpc::CallbackServerContext* context) {
  return BatchStream::Open(BatchesOf<RecordBatch>(backend_, *context), streams_);
}

grpc::ServerUnaryReactor* EventService::BatchRecordEvents(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  (new BatchCall(backend_, reactor, response))->Begin(*context, *request);
  return reactor;
}

}  // namespace retention
