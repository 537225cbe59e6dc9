#include "server/rpc/connections.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace retention {
namespace {

using enum Connections::Outcome;

constexpr ConnectionLimits kLimits{.in_all = 6, .kept_local = 2, .per_peer = 3};

Peer PeerWrittenAs(const std::string& text) {
  sockaddr_storage address{};
  auto& four = reinterpret_cast<sockaddr_in&>(address);
  auto& six = reinterpret_cast<sockaddr_in6&>(address);
  address.ss_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) return PeerAt(address);
  address.ss_family = AF_INET6;
  EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr), 1);
  return PeerAt(address);
}

class ConnectionsTest : public ::testing::Test {
 protected:
  ~ConnectionsTest() override {
    for (const int fd : open_) ::close(fd);
  }
  // A socket, which gRPC would have.
  int Open() {
    open_.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    return open_.back();
  }
  void Close(int fd) {
    std::erase(open_, fd);
    ::close(fd);
  }
  Connections::Outcome Take(const std::string& peer) { return connections_.Take(Open(), PeerWrittenAs(peer)); }

  std::vector<int> open_;
  Connections connections_{kLimits};
};

TEST_F(ConnectionsTest, AreAsManyOfOnePeerAndInAllAsThereMayBe) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Take("192.0.2.1"), kTaken);
  EXPECT_EQ(Take("192.0.2.1"), kPeerFull);
  EXPECT_EQ(Take("192.0.2.2"), kTaken);
  EXPECT_EQ(Take("192.0.2.3"), kFull);
  EXPECT_EQ(connections_.Count(), 4u);
}

TEST_F(ConnectionsTest, SomePlacesAreKeptForThisMachine) {
  for (const char* peer : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}) EXPECT_EQ(Take(peer), kTaken);
  EXPECT_EQ(Take("192.0.2.5"), kFull);
  EXPECT_EQ(Take("127.0.0.1"), kTaken);
  EXPECT_EQ(connections_.Take(Open(), PeerOfUid(0)), kTaken);
  EXPECT_EQ(Take("::1"), kFull);
}

TEST_F(ConnectionsTest, APlaceIsFreeOnceItsSocketIsClosed) {
  std::vector<int> taken;
  for (int i = 0; i < 3; ++i) {
    taken.push_back(Open());
    ASSERT_EQ(connections_.Take(taken.back(), PeerWrittenAs("192.0.2.1")), kTaken);
  }
  Close(taken[0]);
  connections_.Recount();
  EXPECT_EQ(connections_.Count(), 2u);
  EXPECT_EQ(Take("192.0.2.1"), kTaken);
}

TEST_F(ConnectionsTest, ADescriptorThatWasGivenAnewIsNotTakenForTheSocketThatHadIt) {
  const int fd = Open();
  ASSERT_EQ(connections_.Take(fd, PeerWrittenAs("192.0.2.1")), kTaken);
  const int other = Open();
  ASSERT_EQ(::dup2(other, fd), fd);  // another socket, under the same number
  EXPECT_EQ(connections_.Count(), 0u);
  ASSERT_EQ(connections_.Take(fd, PeerWrittenAs("192.0.2.2")), kTaken);
  EXPECT_EQ(connections_.Take(fd, PeerWrittenAs("192.0.2.2")), kTaken);
  EXPECT_EQ(connections_.Count(), 1u);
}

TEST(PeerAt, IsAnAddressOfIPv4OrANetworkOfIPv6) {
  EXPECT_EQ(PeerWrittenAs("192.0.2.1").name, "192.0.2.1");
  EXPECT_EQ(PeerWrittenAs("::ffff:192.0.2.1").name, "192.0.2.1");
  EXPECT_EQ(PeerWrittenAs("2001:db8:1:2:3:4:5:6").name, PeerWrittenAs("2001:db8:1:2::9").name);
  EXPECT_NE(PeerWrittenAs("2001:db8:1:2::9").name, PeerWrittenAs("2001:db8:1:3::9").name);
  EXPECT_TRUE(PeerWrittenAs("127.9.9.9").is_local && PeerWrittenAs("::ffff:127.0.0.1").is_local &&
              PeerWrittenAs("::1").is_local);
  EXPECT_FALSE(PeerWrittenAs("192.0.2.1").is_local || PeerWrittenAs("2001:db8::1").is_local);
}

TEST(ConnectionLimits, AreWithinWhatTheProcessMayOpen) {
  EXPECT_EQ(ConnectionLimits::Within(1024).in_all, 512u);
  EXPECT_EQ(ConnectionLimits::Within(1 << 20).in_all, ConnectionLimits::kConnectionsMax);
}

}  // namespace
}  // namespace retention
