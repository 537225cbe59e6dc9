// A Unix socket whose peers are known by their uid.
#ifndef RETENTION_SERVER_RPC_UNIX_LISTENER_H_
#define RETENTION_SERVER_RPC_UNIX_LISTENER_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/listener.h"

namespace retention {

// gRPC does not say who is behind a Unix socket. So connections come in by a door for each uid, whose calls carry that
// (kUidProperty).
class UnixListener final : public Listener {
 public:
  // Uids that may come over one socket while the server runs; those of others are hung up on.
  static constexpr size_t kMaxUids = 16;
  // Who may connect: the server's user and group. Roles say what they may.
  static constexpr mode_t kMode = 0660;

  // Takes the place of a socket that a server left behind. UNAVAILABLE: one line with path, errno and what to do.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(const std::string& path);
  // Removes the socket.
  ~UnixListener() override;

  const std::vector<int>& sockets() const override { return sockets_; }
  void AddTo(grpc::ServerBuilder& builder) override;
  std::optional<Visitor> VisitorBehind(int connection) override;
  std::string address() const override { return "unix:" + path_; }

 private:
  struct Door;
  explicit UnixListener(std::string path);
  Door* DoorOf(uid_t uid);

  const std::string path_;
  std::vector<int> sockets_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_UNIX_LISTENER_H_
