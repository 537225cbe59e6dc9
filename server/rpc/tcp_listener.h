// A TCP port, with TLS or without.
#ifndef RETENTION_SERVER_RPC_TCP_LISTENER_H_
#define RETENTION_SERVER_RPC_TCP_LISTENER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/listener.h"
#include "server/rpc/listening.h"

namespace grpc {
class ServerCredentials;
}

namespace retention {

class TcpListener final : public Listener {
 public:
  // Listens on all that the host's name stands for, on one port. UNAVAILABLE if that cannot be had.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(const ListenAddress& address,
                                                        std::shared_ptr<grpc::ServerCredentials> credentials);
  ~TcpListener() override;

  const std::vector<int>& sockets() const override { return sockets_; }
  void AddTo(grpc::ServerBuilder& builder) override;
  std::optional<Visitor> VisitorBehind(int connection) override;
  std::string address() const override;

 private:
  TcpListener(std::string host, std::shared_ptr<grpc::ServerCredentials> credentials);
  // errno, or 0.
  int Open(int family, const sockaddr* name, socklen_t size);

  const std::string host_;  // as given
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  int port_ = 0;
  std::vector<int> sockets_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> door_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_TCP_LISTENER_H_
