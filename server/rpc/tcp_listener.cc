#include "server/rpc/tcp_listener.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/limits.h"

namespace retention {
namespace {

// As many as may be let in can come at once.
constexpr int kTcpBacklog = ConnectionLimits::kConnectionsMax;
// What was sent and is not acknowledged for so long, nobody waits for.
constexpr int kUnacknowledgedMs = 20'000;

in_port_t& PortIn(sockaddr_storage& name) {
  return name.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(name).sin_port
                                   : reinterpret_cast<sockaddr_in6&>(name).sin6_port;
}

}  // namespace

TcpListener::TcpListener(std::string host, std::shared_ptr<grpc::ServerCredentials> credentials)
    : host_(std::move(host)), credentials_(std::move(credentials)) {}

TcpListener::~TcpListener() {
  for (const int fd : sockets_) ::close(fd);
}

absl::StatusOr<std::unique_ptr<Listener>> TcpListener::Bind(const ListenAddress& address,
                                                            std::shared_ptr<grpc::ServerCredentials> credentials) {
  const absl::Status unavailable = absl::UnavailableError(absl::StrCat("cannot listen on ", address.text));
  std::unique_ptr<TcpListener> listener(
      new TcpListener(address.text.substr(0, address.text.rfind(':')), std::move(credentials)));
  listener->port_ = address.port;
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.host.c_str(), nullptr, &wanted, &found) != 0) return unavailable;
  bool is_taken = false;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int error = listener->Open(one->ai_family, one->ai_addr, one->ai_addrlen);
    // A name may have an address of a family that this machine has not.
    is_taken |= error != 0 && error != EADDRNOTAVAIL && error != EAFNOSUPPORT;
  }
  ::freeaddrinfo(found);
  if (is_taken || listener->sockets_.empty()) return unavailable;
  return listener;
}

int TcpListener::Open(int family, const sockaddr* given, socklen_t size) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int yes = 1;
  const int no = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  // [::] is every address of this machine, whatever the system's default.
  if (family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
  // Connections have what the socket has that they are accepted from.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof(kUnacknowledgedMs));
  sockaddr_storage name{};
  __builtin_memcpy(&name, given, size);
  PortIn(name) = htons(static_cast<uint16_t>(port_));
  socklen_t bound = sizeof(name);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0 || ::listen(fd, kTcpBacklog) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bound) != 0) {
    const int error = errno;
    ::close(fd);
    return error;
  }
  port_ = ntohs(PortIn(name));
  sockets_.push_back(fd);
  return 0;
}

void TcpListener::AddTo(grpc::ServerBuilder& builder) {
  auto experimental = builder.experimental();
  using Type = decltype(experimental)::ExternalConnectionType;
  door_ = experimental.AddExternalConnectionAcceptor(Type::FROM_FD, credentials_);
}

std::optional<Listener::Visitor> TcpListener::VisitorBehind(int connection) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&name), &size) != 0) return std::nullopt;
  return Visitor{.peer = PeerAt(name), .door = door_.get()};
}

std::string TcpListener::address() const { return absl::StrCat(host_, ":", port_); }

}  // namespace retention
