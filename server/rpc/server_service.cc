#include "retention/v1/server_service.grpc.pb.h"
#include "server/rpc/limits.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using ServerServiceBase = v1::ServerService::WithRawCallbackMethod_GetServerInfo<v1::ServerService::Service>;

class ServerService final : public ServerServiceBase {
 public:
  explicit ServerService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Answer<v1::GetServerInfoRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto&) -> absl::StatusOr<v1::GetServerInfoResponse> { return Describe(); });
  }

 private:
  v1::GetServerInfoResponse Describe() const {
    v1::GetServerInfoResponse response;
    response.set_version(RETENTION_VERSION);
    SetTime(absl::ToUnixMicros(backend_.clock.Latest()), *response.mutable_now());
    response.set_clock(backend_.simulated_clock != nullptr ? v1::CLOCK_KIND_SIMULATED : v1::CLOCK_KIND_MACHINE);
    response.set_policy_version(backend_.engine.holdings().policies.current().policy.version());
    response.mutable_limits()->set_request_bytes_max(kReceiveBytesMax);
    response.mutable_limits()->set_calls_per_connection_max(kCallsPerConnectionMax);
    if (backend_.simulated_clock != nullptr) response.add_features(v1::SERVER_FEATURE_CLOCK_ADVANCE);
    if (backend_.backup_loop != nullptr) response.add_features(v1::SERVER_FEATURE_BACKUPS);
    if (backend_.dns_loop != nullptr) response.add_features(v1::SERVER_FEATURE_NAME_LOOKUPS);
    return response;
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewServerService(const Backend& backend) {
  return std::make_unique<ServerService>(backend);
}

}  // namespace retention
