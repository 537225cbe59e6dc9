#include "retention/v1/hold_service.grpc.pb.h"
#include "server/days/endings.h"
#include "server/holds/hold_export.h"
#include "server/holds/hold_intake.h"
#include "server/holds/hold_reader.h"
#include "server/holds/released_holds.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using HoldServiceBase =
    v1::HoldService::WithRawCallbackMethod_CreateHold<v1::HoldService::WithRawCallbackMethod_GetHold<
        v1::HoldService::WithRawCallbackMethod_ListHolds<v1::HoldService::WithRawCallbackMethod_UpdateHold<
            v1::HoldService::WithRawCallbackMethod_ReleaseHold<v1::HoldService::WithRawCallbackMethod_ExportHold<
                v1::HoldService::WithRawCallbackMethod_ListReleasedHolds<v1::HoldService::Service>>>>>>>;

class HoldService final : public HoldServiceBase {
 public:
  explicit HoldService(const Backend& backend)
      : backend_(backend), reader_(backend.engine.store(), backend.engine.holdings(), backend.engine.holds()) {}

  grpc::ServerUnaryReactor* CreateHold(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::CreateHoldRequest>(
        backend_, backend_.workers.sweeps, {context, request, response}, [this](const v1::CreateHoldRequest& message) {
          absl::StatusOr<v1::CreateHoldResponse> created = absl::UnknownError("no hold was placed");
          // What had ended before does not come back: not either where the clock has just leapt. Damage keeps no hold.
          backend_.sweep_loop.RunOnceThen([&] { created = Create(message); });
          return created;
        });
  }

  grpc::ServerUnaryReactor* GetHold(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override {
    return Answer<v1::GetHoldRequest>(backend_, backend_.workers.reads, {context, request, response},
                                      [this](const auto& message) { return reader_.GetHold(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* ListHolds(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return Answer<v1::ListHoldsRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return reader_.ListHolds(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* UpdateHold(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::UpdateHoldRequest>(
        backend_, backend_.workers.commands, {context, request, response},
        [this](const v1::UpdateHoldRequest& message) -> absl::StatusOr<v1::UpdateHoldResponse> {
          if (absl::Status s = CheckHoldId("hold_id", message.hold_id()); !s.ok()) return s;
          return Run<v1::UpdateHoldResponse>(
              [&](Change& change) { return backend_.engine.domains().hold_commands.Update(message, change); });
        });
  }

  grpc::ServerUnaryReactor* ReleaseHold(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return Answer<v1::ReleaseHoldRequest>(backend_, backend_.workers.commands, {context, request, response},
                                          [this](const auto& message) { return Release(message); });
  }

  grpc::ServerUnaryReactor* ExportHold(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::ExportHoldRequest>(backend_, backend_.workers.long_reads, {context, request, response},
                                         [this](const v1::ExportHoldRequest& message, const Admission& admission) {
                                           return retention::ExportHold(
                                               *backend_.engine.store().Snapshot(), backend_.engine.holdings(),
                                               backend_.engine.holds(), message, OpenerOf(admission), backend_.Now());
                                         });
  }

  grpc::ServerUnaryReactor* ListReleasedHolds(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return Answer<v1::ListReleasedHoldsRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return ListReleased(*backend_.engine.store().Snapshot(), message); });
  }

 private:
  // A command that answers with the hold in force.
  template <typename Response, typename Command>
  absl::StatusOr<Response> Run(const Command& command) const {
    auto hold = backend_.commands.Do(command);
    if (!hold.ok()) return hold.status();
    Response response;
    *response.mutable_hold() = *std::move(hold);
    return response;
  }

  absl::StatusOr<v1::CreateHoldResponse> Create(const v1::CreateHoldRequest& request) const {
    const HoldCommands& commands = backend_.engine.domains().hold_commands;
    const auto poll = commands.FindsPoll(*backend_.engine.store().Snapshot(), request.hold(), backend_.Now());
    if (!poll.ok()) return poll.status();
    return Run<v1::CreateHoldResponse>([&](Change& change) { return commands.Create(request.hold(), *poll, change); });
  }

  absl::StatusOr<v1::ReleaseHoldResponse> Release(const v1::ReleaseHoldRequest& request) const {
    if (absl::Status s = CheckHoldId("hold_id", request.hold_id()); !s.ok()) return s;
    const auto values =
        retention::ReleaseHold(backend_.engine.enders(), backend_.commands, request.hold_id(), backend_.Now());
    if (!values.ok()) return values.status();
    v1::ReleaseHoldResponse response;
    response.set_values_erased(*values);
    return response;
  }

  const Backend& backend_;
  const HoldReader reader_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewHoldService(const Backend& backend) { return std::make_unique<HoldService>(backend); }

}  // namespace retention
