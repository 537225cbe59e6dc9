#include "server/rpc/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/tcp_received.h"

namespace retention {
namespace {

// The number of a socket; none if the descriptor is closed, or something else by now.
std::optional<uint64_t> SocketAt(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) return std::nullopt;
  return info.st_ino;
}

// What a message comes in: frames of HTTP/2 and records of TLS, 1/16 of it at most, and headers.
constexpr size_t kHeadersBytes = 512;
constexpr size_t kFramesShare = 16;
// Of a connection that was ended: all that it sent. gRPC may take a moment to find it so.
constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();

Peer PeerAt(const in_addr& address, in_port_t port) {
  char text[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address, text, sizeof(text));
  return {.name = text,
          .is_local = (ntohl(address.s_addr) >> 24) == 127,
          .connection = absl::StrCat("ipv4:", text, ":", ntohs(port))};
}

}  // namespace

Peer PeerAt(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    return PeerAt(four.sin_addr, four.sin_port);
  }
  const auto& given = reinterpret_cast<const sockaddr_in6&>(address);
  in6_addr six = given.sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    in_addr four{};
    std::memcpy(&four, six.s6_addr + 12, sizeof(four));
    return PeerAt(four, given.sin6_port);
  }
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET6, &six, text, sizeof(text));
  std::string connection = absl::StrCat("ipv6:%5B", text, "%5D:", ntohs(given.sin6_port));
  if (given.sin6_scope_id != 0) connection.clear();  // gRPC adds the scope in its own way
  if (IN6_IS_ADDR_LOOPBACK(&six)) return {.name = text, .is_local = true, .connection = std::move(connection)};
  // Whoever has one address of a network has all of them.
  std::memset(six.s6_addr + 8, 0, 8);
  ::inet_ntop(AF_INET6, &six, text, sizeof(text));
  return {.name = absl::StrCat(text, "/64"), .is_local = false, .connection = std::move(connection)};
}

Peer PeerOfUid(uid_t uid) { return {.name = absl::StrCat("unix:uid=", uid), .is_local = true, .connection = {}}; }

Connections::Outcome Connections::Take(int fd, const Peer& peer) {
  const auto socket = SocketAt(fd);
  const MutexLock lock(mutex_);
  // The number was given anew: who had it is gone.
  if (places_.contains(fd)) Give(fd);
  const size_t max = peer.is_local ? limits_.in_all : limits_.in_all - limits_.kept_local;
  if (!socket.has_value() || places_.size() >= max) return Outcome::kFull;
  size_t& of_peer = of_peer_[peer.name];
  if (of_peer >= limits_.per_peer) return Outcome::kPeerFull;
  ++of_peer;
  places_.emplace(fd, Place{.socket = *socket, .peer = peer});
  if (!peer.connection.empty()) by_name_[peer.connection] = fd;
  return Outcome::kTaken;
}

void Connections::Give(int fd) {
  const auto place = places_.find(fd);
  const auto of_peer = of_peer_.find(place->second.peer.name);
  if (--of_peer->second == 0) of_peer_.erase(of_peer);
  const auto named = by_name_.find(place->second.peer.connection);
  if (named != by_name_.end() && named->second == fd) by_name_.erase(named);
  places_.erase(place);
}

void Connections::RecountLocked() {
  std::vector<int> ended;
  for (const auto& [fd, place] : places_) {
    if (SocketAt(fd) != place.socket) ended.push_back(fd);
  }
  for (const int fd : ended) Give(fd);
}

void Connections::Recount() {
  const MutexLock lock(mutex_);
  RecountLocked();
}

size_t Connections::Count() {
  const MutexLock lock(mutex_);
  RecountLocked();
  return places_.size();
}

void Connections::CountMessage(const std::string& connection, size_t bytes) {
  const MutexLock lock(mutex_);
  const auto named = by_name_.find(connection);
  if (named == by_name_.end()) return;
  uint64_t& accounted = places_.at(named->second).accounted;
  if (accounted != kEverything) accounted += kHeadersBytes + bytes + bytes / kFramesShare;
}

uint64_t Connections::UnfinishedOf(int fd, Place& place) {
  if (place.peer.connection.empty() || place.accounted == kEverything) return 0;
  const uint64_t received = BytesReceived(fd);
  // What was allowed for headers and frames that were smaller is no credit for what comes later.
  place.accounted = std::min(place.accounted, received + kCreditMax);
  return received - std::min(received, place.accounted);
}

void Connections::EndUnfinished() {
  struct Unfinished {
    uint64_t bytes;
    int fd;
    Place* place;
  };
  const MutexLock lock(mutex_);
  std::vector<Unfinished> all;
  absl::flat_hash_map<std::string, uint64_t> of_peer;
  uint64_t in_all = 0;
  for (auto& [fd, place] : places_) {
    const uint64_t bytes = UnfinishedOf(fd, place);
    if (bytes == 0 || SocketAt(fd) != place.socket) continue;
    all.push_back({.bytes = bytes, .fd = fd, .place = &place});
    of_peer[place.peer.name] += bytes;
    in_all += bytes;
  }
  // Where there is too much in all, of whoever has most.
  const auto weight = [&](const Unfinished& one) { return std::pair(of_peer[one.place->peer.name], one.bytes); };
  std::vector<std::pair<std::pair<uint64_t, uint64_t>, const Unfinished*>> order;
  order.reserve(all.size());
  for (const Unfinished& one : all) order.emplace_back(weight(one), &one);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [ignored, one] : order) {
    uint64_t& peers = of_peer[one->place->peer.name];
    const bool is_too_much = one->bytes > limits_.unfinished_of_connection || peers > limits_.unfinished_of_peer ||
                             in_all > limits_.unfinished_in_all;
    if (!is_too_much) continue;
    peers -= one->bytes;
    in_all -= one->bytes;
    // gRPC may have closed it meanwhile, and another have its number.
    if (SocketAt(one->fd) != one->place->socket) continue;
    // gRPC finds it ended, and lets go of all that it kept.
    ::shutdown(one->fd, SHUT_RDWR);
    one->place->accounted = kEverything;
    ++ended_unfinished_;
  }
}

uint64_t Connections::ended_unfinished() const {
  const MutexLock lock(mutex_);
  return ended_unfinished_;
}

}  // namespace retention
