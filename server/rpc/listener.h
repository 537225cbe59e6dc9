// An address that is listened on, before gRPC: who comes is known, and counted, before they are let in.
#ifndef RETENTION_SERVER_RPC_LISTENER_H_
#define RETENTION_SERVER_RPC_LISTENER_H_

#include <optional>
#include <string>
#include <vector>

#include "server/rpc/connections.h"

namespace grpc {
class ServerBuilder;
namespace experimental {
class ExternalConnectionAcceptor;
}
}  // namespace grpc

namespace retention {

class Listener {
 public:
  virtual ~Listener() = default;

  // Listening, not blocking. They live as long as it.
  virtual const std::vector<int>& sockets() const = 0;
  virtual void AddTo(grpc::ServerBuilder& builder) = 0;

  struct Visitor {
    Peer peer;
    grpc::experimental::ExternalConnectionAcceptor* door = nullptr;  // gRPC's
  };
  // Who is behind a connection; nobody whom it lets in, if none. REQUIRES: one thread at a time.
  virtual std::optional<Visitor> VisitorBehind(int connection) = 0;
  // As it is served on, with its true port.
  virtual std::string address() const = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_LISTENER_H_
