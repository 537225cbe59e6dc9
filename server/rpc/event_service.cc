#include "server/rpc/event_service.h"

#include <google/protobuf/arena.h>

#include <cstddef>

#include "server/engine/errors.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire.h"

namespace retention {
namespace {

// One BatchRecordEvents call, from its bytes to its answer. Deletes itself.
class BatchCall final : public grpc::ServerUnaryReactor {
 public:
  explicit BatchCall(const Backend& backend) : backend_(backend) {}

  void Begin(const grpc::ByteBuffer& request, grpc::ByteBuffer* response) {
    if (absl::Status status = Enqueue(request, response); !status.ok()) Finish(ToGrpcStatus(status));
  }

  void OnDone() override { delete this; }

 private:
  absl::Status Enqueue(const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response) {
    const size_t size = bytes.Length();
    if (size > kMaxBatchBytes) return InvalidField("events", "at most 4 MiB together");
    auto* request = google::protobuf::Arena::CreateMessage<v1::BatchRecordEventsRequest>(&arena_);
    if (absl::Status status = ParseMessage(bytes, *request); !status.ok()) return status;
    command_.events = &request->events();
    if (absl::Status status = command_.Prepare(backend_.committer.Now()); !status.ok()) return status;
    response_ = response;
    command_.done = [this](const absl::Status& status) { Reply(status); };
    return backend_.committer.Submit(&command_, size);
  }

  void Reply(const absl::Status& status) {
    if (status.ok()) {
      backend_.metrics.CountBatch(command_.result);
      auto* response = google::protobuf::Arena::CreateMessage<v1::BatchRecordEventsResponse>(&arena_);
      response->mutable_result()->Swap(&command_.result);
      *response_ = SerializeMessage(*response);
    }
    Finish(ToGrpcStatus(status));
  }

  // Holds a batch of one or a few events without asking the heap.
  static constexpr size_t kFirstBlockBytes = 2048;

  const Backend& backend_;
  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, sizeof(first_block_)};
  RecordCommand command_;
  grpc::ByteBuffer* response_ = nullptr;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* EventService::RecordEvents(
    grpc::CallbackServerContext* /*context*/) {
  return RecordStream::Open(backend_, streams_);
}

grpc::ServerUnaryReactor* EventService::BatchRecordEvents(grpc::CallbackServerContext* /*context*/,
                                                          const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* call = new BatchCall(backend_);
  call->Begin(*request, response);
  return call;
}

}  // namespace retention
