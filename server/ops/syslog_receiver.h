// The syslog receiver: log lines of the platform's servers over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).
#ifndef RETENTION_SERVER_OPS_SYSLOG_RECEIVER_H_
#define RETENTION_SERVER_OPS_SYSLOG_RECEIVER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/engine/committer.h"
#include "server/ops/metrics.h"

namespace retention {

// HOST:PORT each, port 0: any free one; empty: not received on.
struct SyslogOptions {
  std::string udp;              // loopback only: nothing protects it on its way
  std::string tcp;              // the same
  std::string tls;              // any address
  std::string tls_certificate;  // PEM files
  std::string tls_key;
  std::string tls_client_ca;  // optional: senders must have a certificate that one of these signed
};

// INVALID_ARGUMENT naming the flag of the server at fault.
absl::Status CheckSyslogOptions(const SyslogOptions& options);

// One thread, which serves all sockets in turn. While the committer's queue and the buffer before it are full, no
// connection is read, so that its sender waits; datagrams are dropped and counted. Thread-safe.
class SyslogReceiver {
 public:
  // Connections at a time; further ones wait in the backlog of their socket.
  static constexpr size_t kMaxConnections = 64;
  // How long a TLS handshake may keep one of them.
  static constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);

  // Receives from now on. INVALID_ARGUMENT for options; UNAVAILABLE if an address is taken. REQUIRES: both outlive it.
  static absl::StatusOr<std::unique_ptr<SyslogReceiver>> Open(const SyslogOptions& options, Committer& committer,
                                                              Metrics& metrics);
  // Reads no more; what was taken in is made durable if the store takes it.
  ~SyslogReceiver();

  // 0 where nothing is received.
  int udp_port() const;
  int tcp_port() const;
  int tls_port() const;

 private:
  class Loop;
  explicit SyslogReceiver(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_SYSLOG_RECEIVER_H_
