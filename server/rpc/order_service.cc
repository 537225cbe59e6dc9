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

// The orders of one watcher, of the PBXs that they may reach.
class OrdersOnTheirWay final : public WatchDelivery {
 public:
  OrdersOnTheirWay(const Backend& backend, Admission admission, OrderDelivery delivery)
      : backend_(backend), admission_(std::move(admission)), delivery_(std::move(delivery)) {}

  absl::StatusOr<Step> Next(absl::Time now) override {
    if (absl::Status status = Renew(backend_, admission_); !status.ok()) return status;
    auto next = delivery_.Next(now);
    if (!next.ok()) return next.status();
    if (next->orders.empty()) return Step{.message = {}, .next = next->more ? now : delivery_.NextDue()};
    v1::WatchErasureOrdersResponse response;
    for (v1::ErasureOrder& order : next->orders) {
      const auto reaches = Reaches(backend_, admission_, order.pbx_id());
      if (!reaches.ok()) return reaches.status();
      if (*reaches) *response.add_orders() = std::move(order);
    }
    if (response.orders().empty()) return Step{.message = {}, .next = now};
    return Step{.message = SerializeMessage(response)};
  }

 private:
  const Backend& backend_;
  Admission admission_;
  OrderDelivery delivery_;
};

class ErasureOrderService final : public ErasureOrderServiceBase {
 public:
  explicit ErasureOrderService(const Backend& backend) : backend_(backend) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchErasureOrders(grpc::CallbackServerContext* context,
                                                                 const grpc::ByteBuffer* request) override {
    return backend_.order_courier.Serve(Watch(*context, *request), PeerOf(*context));
  }

  grpc::ServerUnaryReactor* ConfirmErasureOrders(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) override {
    return Answer<v1::ConfirmErasureOrdersRequest>(
        backend_, backend_.workers.commands, {context, request, response},
        [this](const v1::ConfirmErasureOrdersRequest& message, const Admission& admission) {
          return Confirm(message, admission);
        });
  }

  grpc::ServerUnaryReactor* ListErasureOrders(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return Answer<v1::ListErasureOrdersRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.engine.orders().List(message, backend_.Now()); });
  }

 private:
  absl::StatusOr<std::unique_ptr<WatchDelivery>> Watch(const grpc::ServerContextBase& context,
                                                       const grpc::ByteBuffer& request) const {
    auto admission = AdmitStream(backend_, context, RowOf<v1::WatchErasureOrdersRequest>());
    if (!admission.ok()) return admission.status();
    v1::WatchErasureOrdersRequest asked;
    const MethodRow& row = *admission->method;
    if (absl::Status status = CheckSize(request, *asked.GetDescriptor(), row.request_bytes_max); !status.ok()) {
      return status;
    }
    if (absl::Status status = ParseMessage(request, asked); !status.ok()) return status;
    const ErasureOrders& orders = backend_.engine.orders();
    const auto categories = orders.CheckWatch(asked);
    if (!categories.ok()) return categories.status();
    return std::make_unique<OrdersOnTheirWay>(backend_, *std::move(admission),
                                              OrderDelivery(orders, asked.after_order_id(), *categories));
  }
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> Confirm(const v1::ConfirmErasureOrdersRequest& request,
                                                           const Admission& admission) const {
    if (absl::Status status = ErasureOrders::CheckConfirm(request); !status.ok()) return status;
    const auto reaches = [&](std::string_view pbx_id) { return Reaches(backend_, admission, pbx_id); };
    return backend_.commands.Do(
        [&](Change& change) { return backend_.engine.orders().Confirm(request, reaches, change); });
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewErasureOrderService(const Backend& backend) {
  return std::make_unique<ErasureOrderService>(backend);
}

}  // namespace retention
