#include "tests/rpc/running_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "retention/v1/clock_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/meetings/meeting_view.h"
#include "tests/engine/harness.h"

namespace retention {

RunningServer::RunningServer(const Edit& edit) {
  const absl::Status status = Restart(edit);
  EXPECT_TRUE(status.ok()) << status;
}

RunningServer::~RunningServer() { Stop(); }

void RunningServer::Stop() {
  caller_.reset();
  server_.reset();
}

absl::Status RunningServer::Restart(const Edit& edit) {
  Stop();
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  options.data_directory = (directory_ / "data").string();
  options.key_ring_directory = (directory_ / "ring").string();
  options.policy_file = RETENTION_POLICY_FILE;
  options.simulated_start = kMonday;
  options.sweep_interval = absl::Hours(24);  // only when the clock moves
  options.store.block_cache_bytes = 8 << 20;
  options.store.memtable_bytes = 8 << 20;
  options.ballast_bytes = 0;
  if (edit) edit(options);
  auto server = Server::Start(options);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  caller_ = std::make_unique<Caller>(server_->address());
  return absl::OkStatus();
}

void RunningServer::SyncPbx(const std::string& pbx_id) {
  v1::SyncPbxRequest request;
  request.set_pbx_id(pbx_id);
  request.set_controller_id("controller");
  request.add_extensions()->set_number("100");
  const CallEnd end = Call("/retention.v1.PbxService/SyncPbx", request);
  EXPECT_TRUE(end.ok()) << end;
}

v1::RecordResult RunningServer::Batch(const std::vector<v1::Event>& events) {
  v1::BatchRecordEventsRequest request;
  for (const v1::Event& event : events) *request.add_events() = event;
  v1::BatchRecordEventsResponse response;
  const CallEnd end = Call("/retention.v1.EventService/BatchRecordEvents", request, &response);
  EXPECT_TRUE(end.ok()) << end;
  return response.result();
}

void RunningServer::AdvanceTo(absl::Time time) {
  v1::AdvanceClockRequest request;
  SetTime(absl::ToUnixMicros(time), *request.mutable_to());
  const CallEnd end = Call("/retention.v1.ClockService/AdvanceClock", request);
  EXPECT_TRUE(end.ok()) << end;
}

int RunningServer::Health(const std::string& service) {
  // grpc.health.v1.HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}.
  const std::string request =
      service.empty() ? "" : "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
  std::string response;
  const CallEnd end = caller_->CallBytes("/grpc.health.v1.Health/Check", request, &response);
  if (end.code == absl::StatusCode::kNotFound) return 0;
  EXPECT_TRUE(end.ok()) << end;
  return response.size() == 2 ? response[1] : 0;
}

std::string HttpGet(int port, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  EXPECT_EQ(::write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string page;
  char bytes[4096];
  for (ssize_t size = 0; (size = ::read(fd, bytes, sizeof(bytes))) > 0;) page.append(bytes, static_cast<size_t>(size));
  ::close(fd);
  return page;
}

void AwaitTrue(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited in vain";
    std::this_thread::yield();
  }
}

}  // namespace retention
