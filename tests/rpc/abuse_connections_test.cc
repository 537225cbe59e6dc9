// Peers that connect, and connect, and say nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "retention/v1/retention_service.pb.h"
#include "tests/rpc/raw_peer.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

bool Answers(Caller& caller) {
  return caller.Call("/retention.v1.RetentionService/GetPolicy", v1::GetPolicyRequest()).ok();
}

// No descriptor more for this process, as long as it lives.
class WithoutDescriptors {
 public:
  WithoutDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~WithoutDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(AbuseConnections, TenThousandOfOnePeerAreClosedButForItsShareAndThePortalGoesOn) {
  const FreshDirectory directory;
  const std::string socket = "unix:" + (directory / "socket").string();
  ConnectionLimits limits;
  RunningServer server([&](ServerOptions& options) {
    options.listen_addresses.push_back(socket);
    limits = options.limits.connections;
  });
  ASSERT_TRUE(Answers(server.caller()));
  const size_t before = ResidentBytes();
  constexpr size_t kPeers = 10'000;
  const Endpoint& endpoint = server.server().endpoint();
  std::vector<RawPeer> held;
  for (size_t i = 0; i < kPeers; ++i) {
    RawPeer peer(server.server().address());
    // As many as there are places keep theirs; of the others the server alone decides.
    if (held.size() < limits.per_peer) held.push_back(std::move(peer));
  }
  AwaitTrue([&] { return endpoint.refused_connections() > 0 && endpoint.open_connections() <= limits.per_peer; });
  EXPECT_LT(ResidentBytes() - before, 256u << 20);
  // Who is connected goes on; who comes by another way gets in.
  EXPECT_TRUE(Answers(server.caller()));
  Caller portal(socket);
  EXPECT_TRUE(Answers(portal));

  held.clear();
  AwaitTrue([&] { return endpoint.open_connections() <= 2; });
  Caller later(server.server().address());
  EXPECT_TRUE(Answers(later));
}

TEST(AbuseConnections, ThoseBeyondTheLimitAreHungUpOnAndCountedOnTheMetricsPage) {
  RunningServer server([](ServerOptions& options) {
    options.metrics_address = "127.0.0.1:0";
    options.limits.connections = {.in_all = 64, .kept_local = 4, .per_peer = 4};
  });
  ASSERT_TRUE(Answers(server.caller()));
  std::vector<RawPeer> held;
  for (int i = 0; i < 3; ++i) held.emplace_back(server.server().address());
  AwaitTrue([&] { return server.server().endpoint().open_connections() == 4; });
  RawPeer refused(server.server().address());
  refused.AwaitEnd();
  const std::string page = HttpGet(server.server().metrics_port(), "/metrics");
  EXPECT_NE(page.find("\nretention_connections 4"), std::string::npos) << page;
  EXPECT_NE(page.find("\nretention_connections_refused_total 1"), std::string::npos) << page;
  for (const RawPeer& peer : held) EXPECT_FALSE(peer.IsClosed());
}

TEST(AbuseConnections, AServerThatRanOutOfDescriptorsAcceptsAgainWhenThereAreSome) {
  RunningServer server;
  ASSERT_TRUE(Answers(server.caller()));
  const Endpoint& endpoint = server.server().endpoint();
  std::vector<RawPeer> peers(3);
  {
    const WithoutDescriptors none;
    for (RawPeer& peer : peers) peer.Connect(server.server().address());
    AwaitTrue([&] { return endpoint.failed_accepts() > 0; });
    // Who is connected goes on.
    EXPECT_TRUE(Answers(server.caller()));
  }
  Caller later(server.server().address());
  EXPECT_TRUE(Answers(later));
  AwaitTrue([&] { return endpoint.open_connections() == peers.size() + 2; });
}

}  // namespace
}  // namespace retention
