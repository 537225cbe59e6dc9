#include "server/rpc/event_service.h"

#include <google/protobuf/arena.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "server/base/errors.h"
#include "server/rpc/disposer.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/unary.h"
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
// It dies once the batch is durable, if it is large with the Disposer; the reactor, with the answer, when that was
// taken.
class BatchCall {
 public:
  BatchCall(const Backend& backend, UnaryReactor* reactor, grpc::ByteBuffer* response)
      : backend_(backend), reactor_(reactor), response_(response) {}

  void Begin(const Admission& admission, const grpc::ByteBuffer& request) {
    if (absl::Status status = Enqueue(admission, request); !status.ok()) End(status);
  }

 private:
  absl::Status Enqueue(const Admission& admission, const grpc::ByteBuffer& bytes) {
    if (absl::Status status = CheckBatchBytes(bytes.Length()); !status.ok()) return status;
    auto* request = google::protobuf::Arena::CreateMessage<v1::BatchRecordEventsRequest>(&arena_);
    if (absl::Status status = ParseMessage(bytes, *request); !status.ok()) return status;
    if (absl::Status status = CheckScope(backend_, admission, *request); !status.ok()) return status;
    const size_t memory = arena_.SpaceAllocated();
    // What was received waits with it; texts lie beside the arena.
    share_ = reactor_->share().Another(memory + bytes.Length());
    reactor_->share().Set(ByteLimits::kCallBytes + bytes.Length());
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
    if (status.ok()) {
      reactor_->Answer(response_->Length());
    } else {
      reactor_->Finish(ToGrpcStatus(status));
    }
    std::unique_ptr<BatchCall> self(this);
    if (arena_.SpaceAllocated() > kFirstBlockBytes) backend_.disposer->Dispose(std::move(self));
  }

  // Holds a batch of one or a few events without asking the heap.
  static constexpr size_t kFirstBlockBytes = 2048;

  const Backend& backend_;
  UnaryReactor* const reactor_;
  grpc::ByteBuffer* const response_;
  ByteBudget::Share share_;  // of what it holds itself
  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, sizeof(first_block_)};
  EventBatch queued_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* EventService::RecordEvents(
    grpc::CallbackServerContext* context) {
  return BatchStream::Open(*context, BatchesOf<RecordBatch>(backend_, *context), backend_, streams_);
}

grpc::ServerUnaryReactor* EventService::BatchRecordEvents(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  const auto admission = Admit(backend_, *context, RowOf<v1::BatchRecordEventsRequest>());
  if (!admission.ok()) return Refuse(*context, admission.status());
  const auto [handed, reactor] = Receive<v1::BatchRecordEventsRequest>(backend_, {context, request, response});
  if (reactor != nullptr) (new BatchCall(backend_, reactor, response))->Begin(*admission, *request);
  return handed;
}

}  // namespace retention
