#include "retention/v1/erasure_order_service.grpc.pb.h"
#include "server/orders/order_delivery.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"
#include "server/rpc/watch_courier.h"

namespace retention {
namespace {

using ErasureOrderServiceBase = v1::ErasureOrderService::WithRawCallbackMethod_WatchErasureOrders<
    v1::ErasureOrderService::WithRawCallbackMethod_ConfirmErasureOrders<
        v1::ErasureOrderService::WithRawCallbackMethod_ListErasureOrders<v1::ErasureOrderService::Service>>>;

// The orders of one watcher.
class OrdersOnTheirWay final : public WatchDelivery {
 public:
  explicit OrdersOnTheirWay(OrderDelivery delivery) : delivery_(std::move(delivery)) {}

  absl::StatusOr<Step> Next(absl::Time now) override {
    auto next = delivery_.Next(now);
    if (!next.ok()) return next.status();
    if (next->orders.empty()) return Step{.message = {}, .next = next->more ? now : delivery_.NextDue()};
    v1::WatchErasureOrdersResponse response;
    for (v1::ErasureOrder& order : next->orders) *response.add_orders() = std::move(order);
    return Step{.message = SerializeMessage(response)};
  }

 private:
  OrderDelivery delivery_;
};

class ErasureOrderService final : public ErasureOrderServiceBase {
 public:
  explicit ErasureOrderService(const Backend& backend) : backend_(backend) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchErasureOrders(grpc::CallbackServerContext* /*context*/,
                                                                 const grpc::ByteBuffer* request) override {
    return backend_.order_courier.Serve(Watch(*request));
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
  absl::StatusOr<std::unique_ptr<WatchDelivery>> Watch(const grpc::ByteBuffer& request) const {
    v1::WatchErasureOrdersRequest asked;
    if (absl::Status status = ParseMessage(request, asked); !status.ok()) return status;
    const ErasureOrders& orders = backend_.engine.orders();
    const auto categories = orders.CheckWatch(asked);
    if (!categories.ok()) return categories.status();
    return std::make_unique<OrdersOnTheirWay>(OrderDelivery(orders, asked.after_order_id(), *categories));
  }
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
