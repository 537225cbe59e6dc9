// Addresses that are listened on: what they are, and whether they can be had.
#ifndef RETENTION_SERVER_RPC_LISTENING_H_
#define RETENTION_SERVER_RPC_LISTENING_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace retention {

struct ListenAddress {
  std::string text;       // as given
  std::string unix_path;  // of a Unix socket; else
  std::string host;       // without brackets
  int port = 0;           // 0: any free one
  bool is_loopback = false;

  bool is_unix() const { return !unix_path.empty(); }
};

// "127.0.0.1:50051", "[::1]:0", "portal.example:50051" or "unix:/run/retention/socket". INVALID_ARGUMENT saying what an
// address is.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text);

// Whether the port can be had now, so that a start that cannot succeed leaves nothing behind. UNAVAILABLE: one line
// with `flag`, the address, errno and what to do. Of a Unix socket: whether its directory is there, and nothing else
// than a socket of a server that is gone lies at its path.
enum class Probed { kTcp, kUdp };
absl::Status ProbeAddress(const std::string& flag, const ListenAddress& address, Probed transport = Probed::kTcp);

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_LISTENING_H_
