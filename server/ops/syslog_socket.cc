#include "server/ops/syslog_socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace retention {
namespace {

constexpr int kBacklog = 64;
constexpr uint32_t kLoopbackNet = 127;

absl::Status NoAddress() {
  return absl::InvalidArgumentError("an address is HOST:PORT with a numeric HOST: 127.0.0.1:514 or [::1]:514");
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<SocketAddress> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65535) {
    return NoAddress();
  }
  std::string host = text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  SocketAddress address;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<uint16_t>(port));
    address.loopback = ntohl(v4.sin_addr.s_addr) >> 24 == kLoopbackNet;
    std::memcpy(&address.storage, &v4, sizeof(v4));
    address.size = sizeof(v4);
    return address;
  }
  sockaddr_in6 v6{};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed || inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1) {
    return NoAddress();
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<uint16_t>(port));
  address.loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
  std::memcpy(&address.storage, &v6, sizeof(v6));
  address.size = sizeof(v6);
  return address;
}

namespace {

// tcp(7): half of it in silence, then three questions.
bool KeepAlive(int fd) {
  const auto set = [&](int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
  };
  constexpr int kProbes = 3;
  constexpr int kInterval = kKeepAliveSeconds / (2 * kProbes);
  return set(SOL_SOCKET, SO_KEEPALIVE, 1) && set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveSeconds / 2) &&
         set(IPPROTO_TCP, TCP_KEEPINTVL, kInterval) && set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

}  // namespace

absl::StatusOr<Descriptor> Bind(const SocketAddress& address, Transport transport) {
  const int type = transport == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  Descriptor bound(socket(address.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const bool ok =
      bound.get() >= 0 &&
      (transport == Transport::kUdp ||
       (setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 && KeepAlive(bound.get()))) &&
      bind(bound.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0 &&
      (transport == Transport::kUdp || listen(bound.get(), kBacklog) == 0);
  if (!ok) return absl::UnavailableError(absl::StrCat("the address cannot be had: ", strerror(errno)));
  return bound;
}

int PortOf(const Descriptor& socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  const uint16_t port = storage.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                                      : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port;
  return ntohs(port);
}

void FreeTlsContext::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

absl::StatusOr<TlsContext> LoadTls(const std::string& certificate, const std::string& key,
                                   const std::string& client_ca) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  const auto fail = [](const char* what) {
    ERR_clear_error();
    return absl::InvalidArgumentError(what);
  };
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    return absl::InternalError("TLS cannot be set up");
  }
  // A resumed session would have to be tied to the client's certificate; messages come over few, long connections.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1) {
    return fail("the TLS certificate cannot be read");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return fail("the TLS key cannot be read or is not that of the certificate");
  }
  if (client_ca.empty()) return context;
  if (SSL_CTX_load_verify_locations(context.get(), client_ca.c_str(), nullptr) != 1) {
    return fail("the certificates that sign TLS clients cannot be read");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

void SyslogConnection::FreeTls::operator()(SSL* tls) const { SSL_free(tls); }

SyslogConnection::SyslogConnection(Descriptor socket, SSL_CTX* tls) : socket_(std::move(socket)), events_(POLLIN) {
  if (tls == nullptr) return;
  tls_.reset(SSL_new(tls));
  if (tls_ == nullptr || SSL_set_fd(tls_.get(), socket_.get()) != 1) {
    socket_ = Descriptor();  // reads end at once
    return;
  }
  SSL_set_accept_state(tls_.get());
}

SyslogConnection::~SyslogConnection() = default;

bool SyslogConnection::established() const { return tls_ == nullptr || SSL_is_init_finished(tls_.get()) == 1; }

std::pair<SyslogConnection::Outcome, size_t> SyslogConnection::Read(char* bytes, size_t size) {
  if (tls_ == nullptr) {
    const ssize_t got = recv(socket_.get(), bytes, size, 0);
    if (got > 0) return {Outcome::kBytes, static_cast<size_t>(got)};
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {Outcome::kWait, 0};
    return {Outcome::kEnd, 0};
  }
  ERR_clear_error();
  const int got = SSL_read(tls_.get(), bytes, static_cast<int>(size));
  if (got > 0) return {Outcome::kBytes, static_cast<size_t>(got)};
  switch (SSL_get_error(tls_.get(), got)) {
    case SSL_ERROR_WANT_READ:
      events_ = POLLIN;
      return {Outcome::kWait, 0};
    case SSL_ERROR_WANT_WRITE:
      events_ = POLLOUT;
      return {Outcome::kWait, 0};
    default:
      ERR_clear_error();
      return {Outcome::kEnd, 0};
  }
}

}  // namespace retention
