// Sockets of the syslog receiver: addresses, listening, and connections with and without TLS.
#ifndef RETENTION_SERVER_OPS_SYSLOG_SOCKET_H_
#define RETENTION_SERVER_OPS_SYSLOG_SOCKET_H_

#include <netinet/in.h>
#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace retention {

// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool loopback = false;
};

// "127.0.0.1:514", "[::1]:514" or "localhost:514": numeric, so that nothing is looked up. INVALID_ARGUMENT.
absl::StatusOr<SocketAddress> ParseAddress(const std::string& text);

enum class Transport { kUdp, kTcp };
// A bound (and for TCP listening) non-blocking socket. A peer that is gone without a word is noticed within
// kKeepAliveSeconds: connections have what the socket that they are accepted from has. UNAVAILABLE if the address
// cannot be had.
inline constexpr int kKeepAliveSeconds = 90;
absl::StatusOr<Descriptor> Bind(const SocketAddress& address, Transport transport);
// The port that a socket is bound to.
int PortOf(const Descriptor& socket);

struct FreeTlsContext {
  void operator()(SSL_CTX* context) const;
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTlsContext>;
// TLS 1.2 and later. `client_ca`: clients must have a certificate that it signed; empty: none is asked for.
// INVALID_ARGUMENT naming the file at fault.
absl::StatusOr<TlsContext> LoadTls(const std::string& certificate, const std::string& key,
                                   const std::string& client_ca);

// A connection that is read without blocking.
class SyslogConnection {
 public:
  // `tls`: null for none. REQUIRES: outlives it.
  SyslogConnection(Descriptor socket, SSL_CTX* tls);
  ~SyslogConnection();

  enum class Outcome { kBytes, kWait, kEnd };
  // Up to `size` bytes; kEnd at the end, orderly or not. A handshake is part of reading.
  std::pair<Outcome, size_t> Read(char* bytes, size_t size);

  int fd() const { return socket_.get(); }
  // What poll must wait for after kWait.
  short events() const { return events_; }
  // Whether the connection may send messages yet.
  bool established() const;

 private:
  struct FreeTls {
    void operator()(SSL* tls) const;
  };
  Descriptor socket_;
  std::unique_ptr<SSL, FreeTls> tls_;
  short events_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_SYSLOG_SOCKET_H_
