#include "server/rpc/endpoint.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <initializer_list>
#include <mutex>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/rpc/acceptor.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/disposer.h"
#include "server/rpc/event_service.h"
#include "server/rpc/limits.h"
#include "server/rpc/services.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/tcp_listener.h"
#include "server/rpc/tls_identity.h"
#include "server/rpc/unix_listener.h"
#include "server/rpc/watch_courier.h"

namespace retention {
namespace {

// A peer that vanished is noticed within a minute and a half; callers may ask as often themselves.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kPingIntervalMinMs = 30'000;
// Who connects and then says nothing, or not enough for TLS and HTTP/2 to begin, is hung up on.
constexpr int kHandshakeTimeoutMs = 10'000;
// A connection without a call is closed, as HTTP/2 does it: its caller opens another when it needs one.
constexpr int kIdleConnectionMs = 5 * 60'000;

// Methods that nobody knows get a typed error too.
class UnknownMethods final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* /*context*/) override {
    class Refusal final : public grpc::ServerGenericBidiReactor {
     public:
      Refusal() {
        Finish(ToGrpcStatus(ErrorWithReason(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                                            "this server does not have the method")));
      }
      void OnDone() override { delete this; }
    };
    return new Refusal;
  }
};

// Reflection is for everybody or for nobody: it asks for no role.
class WithoutReflection final : public grpc::ServerBuilderOption {
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

}  // namespace

struct Endpoint::Parts {
  Parts(const Backend& given, const RpcLimits& limits)
      : budget(limits.bytes), rates(limits.rates), backend(given), streams(limits.streams), events(backend, streams) {
    backend.budget = &budget;
    backend.disposer = &disposer;
    backend.rates = &rates;
    services.push_back(NewBackupService(backend));
    services.push_back(NewControllerService(backend));
    services.push_back(NewDeletionService(backend));
    services.push_back(NewErasureOrderService(backend));
    services.push_back(NewHoldService(backend));
    services.push_back(NewLedgerService(backend));
    services.push_back(NewLogService(backend, streams));
    services.push_back(NewMeetingService(backend));
    services.push_back(NewPbxService(backend));
    services.push_back(NewRetentionService(backend));
    services.push_back(NewRingService(backend));
    services.push_back(NewServerService(backend));
    services.push_back(NewStatisticsService(backend));
    services.push_back(NewClockService(backend));
  }

  ByteBudget budget;
  CallRates rates;
  Disposer disposer;
  Backend backend;
  StreamRoster streams;
  EventService events;
  std::vector<std::unique_ptr<grpc::Service>> services;
  UnknownMethods unknown;
  std::vector<std::string> addresses;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<Acceptor> acceptor;
};

Endpoint::Endpoint(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Endpoint::~Endpoint() { Shutdown(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Listen(const std::vector<ListenAddress>& addresses,
                                                           const TlsIdentity* tls, const Backend& backend,
                                                           const RpcLimits& limits) {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
  auto parts = std::make_unique<Parts>(backend, limits);
  grpc::ServerBuilder builder;
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const ListenAddress& address : addresses) {
    auto listener = address.is_unix() ? UnixListener::Bind(address.unix_path)
                                      : TcpListener::Bind(address, tls == nullptr ? grpc::InsecureServerCredentials()
                                                                                  : tls->Credentials(backend.gate));
    if (!listener.ok()) return listener.status();
    listeners.push_back(*std::move(listener));
  }
  auto acceptor = Acceptor::Create(std::move(listeners), limits.connections);
  if (!acceptor.ok()) return acceptor.status();
  parts->acceptor = *std::move(acceptor);
  parts->backend.connections = &parts->acceptor->connections();
  parts->acceptor->AddTo(builder);
  parts->addresses = parts->acceptor->addresses();
  if (backend.gate.has_roles()) builder.SetOption(std::make_unique<WithoutReflection>());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleConnectionMs);
  // A caller's window does not grow with what its line could take.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // What gRPC inflates it does not bound: a message takes what it takes on the wire.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.SetResourceQuota(grpc::ResourceQuota("transport").Resize(kTransportBytesMax));
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  builder.RegisterService(&parts->events);
  for (const auto& service : parts->services) builder.RegisterService(service.get());
  builder.RegisterCallbackGenericService(&parts->unknown);
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) return absl::UnavailableError("gRPC does not serve");
  parts->acceptor->Start();
  std::unique_ptr<Endpoint> endpoint(new Endpoint(std::move(parts)));
  endpoint->SetHealth({.ingest = false, .erasure = false, .statistics = false});
  return endpoint;
}

const std::vector<std::string>& Endpoint::addresses() const { return parts_->addresses; }

size_t Endpoint::open_connections() const { return parts_->acceptor->connections().Count(); }
uint64_t Endpoint::refused_connections() const { return parts_->acceptor->refused(); }
size_t Endpoint::held_bytes() const { return parts_->budget.taken(); }
uint64_t Endpoint::ended_connections() const { return parts_->acceptor->connections().ended_unfinished(); }
uint64_t Endpoint::failed_accepts() const { return parts_->acceptor->failures(); }

void Endpoint::SetHealth(const Health& health) {
  grpc::HealthCheckServiceInterface* service = parts_->server->GetHealthCheckService();
  service->SetServingStatus("liveness", true);
  const auto say = [service](std::initializer_list<const char*> names, bool is_well) {
    for (const char* name : names) service->SetServingStatus(name, is_well);
  };
  say({"ingest", v1::EventService::service_full_name(), "retention.v1.LogService"}, health.ingest);
  say({"erasure"}, health.erasure);
  say({"statistics", "retention.v1.StatisticsService"}, health.statistics);
  say({"", "retention.v1.ClockService", "retention.v1.ControllerService", "retention.v1.DeletionService",
       "retention.v1.ErasureOrderService", "retention.v1.HoldService", "retention.v1.LedgerService",
       "retention.v1.MeetingService", "retention.v1.PbxService", "retention.v1.RetentionService",
       "retention.v1.RingService", "retention.v1.ServerService"},
      health.ingest && health.erasure && health.statistics);
  if (health.backup.has_value()) say({"backup", "retention.v1.BackupService"}, *health.backup);
}

void Endpoint::Shutdown(absl::Duration grace) {
  SetHealth({.ingest = false, .erasure = false, .statistics = false});
  // Their callers send the rest to the next server.
  parts_->acceptor->Stop();
  parts_->streams.Drain();
  parts_->backend.order_courier.Drain();
  parts_->backend.report_courier.Drain();
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + grace));
}

}  // namespace retention
