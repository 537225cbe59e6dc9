#include "server/rpc/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

// The number of a socket; none if the descriptor is closed, or something else by now.
std::optional<uint64_t> SocketAt(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) return std::nullopt;
  return info.st_ino;
}

Peer PeerAt(const in_addr& address) {
  char text[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address, text, sizeof(text));
  return {.name = text, .is_local = (ntohl(address.s_addr) >> 24) == 127};
}

}  // namespace

Peer PeerAt(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return PeerAt(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  in6_addr six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    in_addr four{};
    std::memcpy(&four, six.s6_addr + 12, sizeof(four));
    return PeerAt(four);
  }
  const bool is_local = IN6_IS_ADDR_LOOPBACK(&six);
  if (is_local) return {.name = "::1", .is_local = true};
  // Whoever has one address of a network has all of them.
  std::memset(six.s6_addr + 8, 0, 8);
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET6, &six, text, sizeof(text));
  return {.name = absl::StrCat(text, "/64"), .is_local = false};
}

Peer PeerOfUid(uid_t uid) { return {.name = absl::StrCat("unix:uid=", uid), .is_local = true}; }

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
  places_.emplace(fd, Place{.socket = *socket, .peer = peer.name});
  return Outcome::kTaken;
}

void Connections::Give(int fd) {
  const auto place = places_.find(fd);
  const auto of_peer = of_peer_.find(place->second.peer);
  if (--of_peer->second == 0) of_peer_.erase(of_peer);
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

}  // namespace retention
