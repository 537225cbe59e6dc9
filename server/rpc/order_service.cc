#include "retention/v1/erasure_order_service.grpc.pb.h"
#include "server/rpc/order_watch.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using ErasureOrderServiceBase = v1::ErasureOrderService::WithRawCallbackMethod_WatchErasureOrders<
    v1::ErasureOrderService::WithRawCallbackMethod_ConfirmErasureOrders<
        v1::ErasureOrderService::WithRawCallbackMethod_ListErasureOrders<v1::ErasureOrderService::Service>>>;

class ErasureOrderService final : public ErasureOrderServiceBase {
 public:
  explicit ErasureOrderService(const Backend& backend) : backend_(backend) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchErasureOrders(grpc::CallbackServerContext* /*context*/,
                                                                 const grpc::ByteBuffer* request) override {
    return backend_.order_courier.Watch(*request);
  }

  grpc::ServerUnaryReactor* ConfirmErasureOrders(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) override {
    return Answer<v1::ConfirmErasureOrdersRequest>(backend_.workers.commands, {context, request, response},
                                                   [this](const auto& message) { return Confirm(message); });
  }

  grpc::ServerUnaryReactor* ListErasureOrders(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return Answer<v1::ListErasureOrdersRequest>(
        backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.engine.orders().List(message, backend_.Now()); });
  }

 private:
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> Confirm(const v1::ConfirmErasureOrdersRequest& request) const {
    if (absl::Status status = ErasureOrders::CheckConfirm(request); !status.ok()) return status;
    return backend_.commands.Do([&](Change& change) { return backend_.engine.orders().Confirm(request, change); });
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewErasureOrderService(const Backend& backend) {
  return std::make_unique<ErasureOrderService>(backend);
}

}  // namespace retention
