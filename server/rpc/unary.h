// The shape of every unary call but the recording of events: parse, command, reply, on a worker.
#ifndef RETENTION_SERVER_RPC_UNARY_H_
#define RETENTION_SERVER_RPC_UNARY_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire.h"
#include "server/rpc/worker_pool.h"

namespace retention {

// What a caller is told to wait when too many calls wait for a worker.
inline constexpr absl::Duration kBusyRetryDelay = absl::Milliseconds(100);

// One call as gRPC hands it over.
struct UnaryCall {
  grpc::CallbackServerContext* context;
  const grpc::ByteBuffer* request;
  grpc::ByteBuffer* response;
};

// Answers `call` with what `handler` makes of the request: absl::StatusOr<Response>(Request&).
template <typename Request, typename Handler>
grpc::ServerUnaryReactor* Answer(WorkerPool& workers, const UnaryCall& call, Handler handler) {
  grpc::ServerUnaryReactor* reactor = call.context->DefaultReactor();
  // The bytes of request and response live until Finish.
  const bool queued = workers.Submit([reactor, call, handler = std::move(handler)] {
    if (call.context->IsCancelled()) return reactor->Finish(ToGrpcStatus(absl::CancelledError("the caller has left")));
    Request request;
    if (absl::Status status = ParseMessage(*call.request, request); !status.ok()) {
      return reactor->Finish(ToGrpcStatus(status));
    }
    const auto response = handler(request);
    if (response.ok()) *call.response = SerializeMessage(*response);
    reactor->Finish(ToGrpcStatus(response.status()));
  });
  if (!queued) reactor->Finish(ToGrpcStatus(QueueFull(kBusyRetryDelay)));
  return reactor;
}

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_UNARY_H_
