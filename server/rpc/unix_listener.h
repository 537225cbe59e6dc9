// A Unix socket whose peers are known by their uid.
#ifndef RETENTION_SERVER_RPC_UNIX_LISTENER_H_
#define RETENTION_SERVER_RPC_UNIX_LISTENER_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace grpc {
class ServerBuilder;
}

namespace retention {

// gRPC does not say who is behind a Unix socket. So connections are accepted here, where the kernel says it, and handed
// over by a door for each uid, whose calls carry that (kUidProperty). Thread-safe.
class UnixListener {
 public:
  // Uids that may come over one socket while the server runs; those of others are hung up on.
  static constexpr size_t kMaxUids = 16;
  // Who may connect: the server's user and group. Roles say what they may.
  static constexpr mode_t kMode = 0660;

  // Takes the place of a socket that a server left behind. UNAVAILABLE: one line with path, errno and what to do.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Bind(const std::string& path);
  // Stops, and removes the socket.
  ~UnixListener();

  void AddTo(grpc::ServerBuilder& builder);
  // REQUIRES: the server was built, and outlives Stop.
  void Start();
  // No connection is handed over any more.
  void Stop();

 private:
  struct Door;
  UnixListener(std::string path, int socket, int wake);
  void Loop();
  void HandOver(int fd);
  Door* DoorOf(uid_t uid);

  const std::string path_;
  const int socket_;
  const int wake_;  // an eventfd
  std::vector<std::unique_ptr<Door>> doors_;
  std::thread thread_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_UNIX_LISTENER_H_
