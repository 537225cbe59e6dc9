// Where callers reach the server: gRPC, its services, health, and reflection where no roles are in force. No gRPC
// header is needed to use it.
#ifndef RETENTION_SERVER_RPC_ENDPOINT_H_
#define RETENTION_SERVER_RPC_ENDPOINT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/backend.h"
#include "server/rpc/limits.h"
#include "server/rpc/listening.h"

namespace retention {

class TlsIdentity;

// Thread-safe.
class Endpoint {
 public:
  // Listens on `addresses`, of which there is one at least; with `tls` every port speaks TLS alone, and without none.
  // Of health `liveness` alone is well: the rest is SetHealth's to say. UNAVAILABLE if an address cannot be bound
  // (another server holds it). REQUIRES: backend and `tls` outlive it.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Listen(const std::vector<ListenAddress>& addresses,
                                                          const TlsIdentity* tls, const Backend& backend,
                                                          const RpcLimits& limits);
  // Shuts down without grace.
  ~Endpoint();

  // The addresses that are served on, with their true ports.
  const std::vector<std::string>& addresses() const;

  // Connections that are open, and that were refused since the start.
  size_t open_connections() const;
  uint64_t refused_connections() const;
  // Connections that were ended since the start, as too much came that was no whole message.
  uint64_t ended_connections() const;
  // What peers make the server hold (ByteLimits).
  size_t held_bytes() const;
  // Times that none could be accepted, as descriptors or memory ran out: it is tried again.
  uint64_t failed_accepts() const;

  // What health says: of each by its name, of "" if all are well, and of every service by those that it needs.
  // `liveness` is well as long as the process answers.
  struct Health {
    bool ingest = true;      // what comes in is taken in
    bool erasure = true;     // what is due goes
    bool statistics = true;  // questions are answered
    // Backups are made, and the youngest is not overdue; nothing is said of it where none are to be. No part of "": who
    // calls the server needs none.
    std::optional<bool> backup = std::nullopt;

    friend bool operator==(const Health&, const Health&) = default;
  };
  void SetHealth(const Health& health);

  // Takes no more calls, answers those under way and returns once that is done. Calls that are not through after
  // `grace` are cancelled; commands that they began are finished all the same.
  void Shutdown(absl::Duration grace);

 private:
  struct Parts;
  explicit Endpoint(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_ENDPOINT_H_
