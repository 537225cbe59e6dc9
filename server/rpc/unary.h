// The shape of every unary call but the recording of events: admit, parse, command, reply, on a worker.
#ifndef RETENTION_SERVER_RPC_UNARY_H_
#define RETENTION_SERVER_RPC_UNARY_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/base/waiting_caller.h"
#include "server/rpc/admission.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/connections.h"
#include "server/rpc/limits.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire.h"
#include "server/rpc/worker_pool.h"

namespace retention {

// What a caller is told to wait when too many calls wait for a worker.
inline constexpr absl::Duration kBusyRetryDelay = absl::Milliseconds(100);
// The same of calls that take long.
inline constexpr absl::Duration kLongRetryDelay = absl::Seconds(1);

// One call as gRPC hands it over.
struct UnaryCall {
  grpc::CallbackServerContext* context;
  const grpc::ByteBuffer* request;
  grpc::ByteBuffer* response;
};

// Holds what its peer may make the server hold until the caller has taken the answer.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryReactor(ByteBudget::Share share) : share_(std::move(share)) {}

  ByteBudget::Share& share() { return share_; }
  // Finishes with a response of so many bytes.
  void Answer(size_t bytes) {
    share_.Set(ByteLimits::kCallBytes + bytes);
    Finish(grpc::Status::OK);
  }
  void OnDone() override { delete this; }
  // Its reactions are trivial: no change of threads for them.
  bool InternalInlineable() override { return true; }

 private:
  ByteBudget::Share share_;
};

// Ends a call that is not begun.
inline grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext& context, const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// For gRPC, and for who answers: null if the call was refused, as too long, or as there is no room for it.
template <typename Request>
std::pair<grpc::ServerUnaryReactor*, UnaryReactor*> Receive(const Backend& backend, const UnaryCall& call) {
  backend.connections->CountMessage(call.context->peer(), call.request->Length());
  absl::Status status = CheckSize(*call.request, *Request::descriptor(), RowOf<Request>().request_bytes_max);
  if (status.ok()) {
    auto share = backend.budget->Take(PeerOf(*call.context),
                                      ByteLimits::kCallBytes + call.request->Length() * ByteLimits::kParsedFactor);
    if (share.has_value()) {
      auto* const reactor = new UnaryReactor(*std::move(share));
      return {reactor, reactor};
    }
    status = MemoryFull();
  }
  return {Refuse(*call.context, status), nullptr};
}

// A request that has waited for a worker; nullopt if the call has ended meanwhile, or by this.
template <typename Request>
std::optional<Request> Take(const UnaryCall& call, grpc::ServerUnaryReactor* reactor) {
  std::optional<Request> request(std::in_place);
  absl::Status status =
      call.context->IsCancelled() ? absl::CancelledError("the caller has left") : ParseMessage(*call.request, *request);
  if (status.ok()) return request;
  reactor->Finish(ToGrpcStatus(status));
  return std::nullopt;
}

// Answers `call`, if the table has it that its caller may make it, with what `handler` makes of the request:
// absl::StatusOr<Response>(Request&), and of the Admission if it takes one. A request that `takes_long`, which says
// bool(const Request&) and does not itself, is given to `long_workers`: nobody else waits for it.
template <typename Request, typename TakesLong, typename Handler>
grpc::ServerUnaryReactor* Answer(const Backend& backend, WorkerPool& workers, WorkerPool& long_workers,
                                 const UnaryCall& call, TakesLong takes_long, Handler handler) {
  auto admitted = Admit(backend, *call.context, RowOf<Request>());
  if (!admitted.ok()) return Refuse(*call.context, admitted.status());
  if (absl::Status s = CountCall(backend, *call.context, RowOf<Request>()); !s.ok()) return Refuse(*call.context, s);
  const auto [handed, reactor_or_null] = Receive<Request>(backend, call);
  UnaryReactor* const reactor = reactor_or_null;
  if (reactor == nullptr) return handed;
  // The bytes of request and response live until Finish.
  const auto reply = [&backend, reactor, call, admission = *std::move(admitted),
                      handler = std::move(handler)](Request& request) {
    if (absl::Status status = CheckScope(backend, admission, request); !status.ok()) {
      reactor->Finish(ToGrpcStatus(status));
      return;
    }
    const auto actor = BeginAct(backend, admission);
    if (!actor.ok()) {
      reactor->Finish(ToGrpcStatus(actor.status()));
      return;
    }
    const ActingAs acting(actor->has_value() ? &**actor : nullptr);
    const auto has_left = [&call] { return call.context->IsCancelled(); };
    const WaitingCaller waiting(has_left);
    const auto response = [&] {
      if constexpr (std::is_invocable_v<const Handler&, Request&, const Admission&>) {
        return handler(request, admission);
      } else {
        return handler(request);
      }
    }();
    if (!response.ok()) {
      reactor->Finish(ToGrpcStatus(response.status()));
      return;
    }
    *call.response = SerializeMessage(*response);
    reactor->Answer(call.response->Length());
  };
  const bool queued = workers.Submit([reactor, call, reply, &long_workers, takes_long = std::move(takes_long)] {
    auto request = Take<Request>(call, reactor);
    if (!request.has_value()) return;
    if (!takes_long(*request)) return reply(*request);
    const bool taken = long_workers.Submit([reactor, call, reply] {
      auto again = Take<Request>(call, reactor);
      if (again.has_value()) reply(*again);
    });
    if (!taken) reactor->Finish(ToGrpcStatus(QueueFull(kLongRetryDelay)));
  });
  if (!queued) reactor->Finish(ToGrpcStatus(workers.is_open() ? QueueFull(kBusyRetryDelay) : Starting()));
  return reactor;
}

// The same for calls of which none does.
template <typename Request, typename Handler>
grpc::ServerUnaryReactor* Answer(const Backend& backend, WorkerPool& workers, const UnaryCall& call, Handler handler) {
  return Answer<Request>(
      backend, workers, workers, call, [](const Request&) { return false; }, std::move(handler));
}

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_UNARY_H_
