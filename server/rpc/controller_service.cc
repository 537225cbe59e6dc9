#include "retention/v1/controller_service.grpc.pb.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using ControllerServiceBase = v1::ControllerService::WithRawCallbackMethod_CreateController<
    v1::ControllerService::WithRawCallbackMethod_GetController<
        v1::ControllerService::WithRawCallbackMethod_ListControllers<
            v1::ControllerService::WithRawCallbackMethod_UpdateController<
                v1::ControllerService::WithRawCallbackMethod_DeleteController<v1::ControllerService::Service>>>>>;

class ControllerService final : public ControllerServiceBase {
 public:
  explicit ControllerService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* CreateController(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::CreateControllerRequest>(backend_, backend_.workers.commands, {context, request, response},
                                               [this](const v1::CreateControllerRequest& message) {
                                                 return Described<v1::CreateControllerResponse>(
                                                     message.validate_only()
                                                         ? controllers().TryCreate(message.controller(), backend_.Now())
                                                         : backend_.commands.Do([&](Change& change) {
                                                             return controllers().Create(message.controller(), change);
                                                           }));
                                               });
  }

  grpc::ServerUnaryReactor* GetController(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Answer<v1::GetControllerRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return controllers().Get(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* ListControllers(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override {
    return Answer<v1::ListControllersRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return controllers().List(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* UpdateController(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::UpdateControllerRequest>(backend_, backend_.workers.commands, {context, request, response},
                                               [this](const v1::UpdateControllerRequest& message) {
                                                 return Described<v1::UpdateControllerResponse>(
                                                     message.validate_only()
                                                         ? controllers().TryUpdate(message.controller(), backend_.Now())
                                                         : backend_.commands.Do([&](Change& change) {
                                                             return controllers().Update(message.controller(), change);
                                                           }));
                                               });
  }

  grpc::ServerUnaryReactor* DeleteController(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::DeleteControllerRequest>(
        backend_, backend_.workers.commands, {context, request, response},
        [this](const v1::DeleteControllerRequest& message) -> absl::StatusOr<v1::DeleteControllerResponse> {
          const absl::Status status = message.validate_only()
                                          ? controllers().TryDelete(message.controller_id(), backend_.Now())
                                          : backend_.commands.Do([&](Change& change) {
                                              return controllers().Delete(message.controller_id(), change);
                                            });
          if (!status.ok()) return status;
          return v1::DeleteControllerResponse();
        });
  }

 private:
  template <typename Response>
  static absl::StatusOr<Response> Described(absl::StatusOr<v1::Controller> controller) {
    if (!controller.ok()) return controller.status();
    Response response;
    *response.mutable_controller() = *std::move(controller);
    return response;
  }

  Controllers& controllers() const { return backend_.engine.domains().controllers; }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewControllerService(const Backend& backend) {
  return std::make_unique<ControllerService>(backend);
}

}  // namespace retention
