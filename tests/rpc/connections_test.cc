#include "server/rpc/connections.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
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

// Connections over loopback, on which bytes come that are no whole message.
class UnfinishedTest : public ::testing::Test {
 protected:
  static constexpr size_t kKib = 1 << 10;

  UnfinishedTest() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(::bind(listener_, Generic(address_), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, Generic(address_), &size), 0);
  }
  ~UnfinishedTest() override {
    for (const int fd : open_) ::close(fd);
    ::close(listener_);
  }

  struct Line {
    int caller = -1;
    int server = -1;
    std::string name;
  };
  // Of the peer 127.0.0.`peer`.
  Line Connect(int peer) {
    Line line{.caller = ::socket(AF_INET, SOCK_STREAM, 0)};
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<uint32_t>(peer));
    EXPECT_EQ(::bind(line.caller, Generic(from), sizeof(from)), 0);
    EXPECT_EQ(::connect(line.caller, Generic(address_), sizeof(address_)), 0);
    sockaddr_storage known{};
    socklen_t size = sizeof(known);
    line.server = ::accept(listener_, reinterpret_cast<sockaddr*>(&known), &size);
    open_.insert(open_.end(), {line.caller, line.server});
    const Peer named = PeerAt(known);
    line.name = named.connection;
    EXPECT_EQ(connections_.Take(line.server, named), kTaken);
    return line;
  }
  // They have come.
  static void Send(const Line& line, size_t bytes) {
    char block[kKib] = {};
    for (; bytes > 0; bytes -= std::min(bytes, kKib)) {
      const auto size = static_cast<ssize_t>(std::min(bytes, kKib));
      ASSERT_EQ(::send(line.caller, block, static_cast<size_t>(size), MSG_NOSIGNAL), size);
      ASSERT_EQ(::recv(line.server, block, static_cast<size_t>(size), MSG_WAITALL), size);
    }
  }
  static bool IsEnded(const Line& line) {
    char byte = 0;
    return ::recv(line.server, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  std::vector<int> open_;
  Connections connections_{{.in_all = 16,
                            .kept_local = 2,
                            .per_peer = 8,
                            .unfinished_of_connection = 64 * kKib,
                            .unfinished_of_peer = 96 * kKib,
                            .unfinished_in_all = 128 * kKib}};

 private:
  static sockaddr* Generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }
  const int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address_{};
};

TEST_F(UnfinishedTest, OfOneConnectionEndsIt) {
  const Line line = Connect(1);
  Send(line, 64 * kKib);
  connections_.EndUnfinished();
  EXPECT_FALSE(IsEnded(line));
  Send(line, 1);
  connections_.EndUnfinished();
  EXPECT_TRUE(IsEnded(line));
  connections_.EndUnfinished();
  EXPECT_EQ(connections_.ended_unfinished(), 1u) << "once";
}

TEST_F(UnfinishedTest, IsNotPaidForByManySmallMessagesBefore) {
  const Line line = Connect(1);
  // Of each the headers are allowed for, which were not sent.
  for (int i = 0; i < 100'000; ++i) connections_.CountMessage(line.name, 0);
  connections_.EndUnfinished();
  Send(line, Connections::kCreditMax + 64 * kKib);
  connections_.EndUnfinished();
  EXPECT_FALSE(IsEnded(line));
  Send(line, 1);
  connections_.EndUnfinished();
  EXPECT_TRUE(IsEnded(line));
}

TEST_F(UnfinishedTest, OfOnePeerEndsTheFullestOfItsConnections) {
  const Line small = Connect(1);
  const Line large = Connect(1);
  const Line other = Connect(2);
  Send(small, 40 * kKib);
  Send(large, 60 * kKib);
  Send(other, 20 * kKib);
  connections_.EndUnfinished();
  EXPECT_TRUE(IsEnded(large));
  EXPECT_FALSE(IsEnded(small) || IsEnded(other));
}

TEST_F(UnfinishedTest, InAllEndsThoseOfWhoeverHasMost) {
  const Line one = Connect(1);
  const Line another = Connect(1);
  const Line other = Connect(2);
  Send(one, 40 * kKib);
  Send(another, 41 * kKib);
  Send(other, 50 * kKib);
  connections_.EndUnfinished();
  EXPECT_TRUE(IsEnded(another));
  EXPECT_FALSE(IsEnded(one) || IsEnded(other));
}

TEST_F(UnfinishedTest, OfADescriptorThatWasGivenAnewEndsNothing) {
  const Line line = Connect(1);
  const Line later = Connect(2);
  Send(later, 70 * kKib);
  ASSERT_EQ(::dup2(later.server, line.server), line.server);
  connections_.CountMessage(later.name, 70 * kKib);
  connections_.EndUnfinished();
  EXPECT_FALSE(IsEnded(later));
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
