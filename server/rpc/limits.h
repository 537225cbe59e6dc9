// What a call, a connection or a peer is refused beyond.
#ifndef RETENTION_SERVER_RPC_LIMITS_H_
#define RETENTION_SERVER_RPC_LIMITS_H_

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"
#include "server/access/call_rates.h"

namespace retention {

// Room for the largest PBX that SyncPbx takes (10,000 extensions with every field full are 7 MB), and above the 4 MiB
// of a batch, so that a batch over its limit gets its typed error. Larger messages are refused by gRPC itself.
inline constexpr int kReceiveBytesMax = 8 << 20;
// Calls at a time on one connection: a caller that wants more opens another.
inline constexpr int kCallsPerConnectionMax = 1000;

// Connections at a time, over all addresses that are listened on.
struct ConnectionLimits {
  // Whatever the process may open beyond: a connection takes memory too.
  static constexpr size_t kConnectionsMax = 4096;

  size_t in_all = kConnectionsMax;
  // Of these, for peers on this machine alone: however many come from elsewhere, the portal or operator here gets in.
  size_t kept_local = kConnectionsMax / 16;
  // Of one peer: an IPv4 address, an IPv6 network of 64 bits, a uid.
  size_t per_peer = kConnectionsMax / 4;
  // Bytes that have come and made no whole message: gRPC keeps them, whatever length the message says it will have.
  size_t unfinished_of_connection = 64u << 20;
  size_t unfinished_of_peer = 256u << 20;
  size_t unfinished_in_all = 512u << 20;

  // For a process that may have so many descriptors: half of them are the store's, the ring's and the other ports'.
  static ConnectionLimits Within(size_t descriptors) {
    const size_t in_all = std::min(kConnectionsMax, descriptors / 2);
    ConnectionLimits limits;
    limits.in_all = in_all;
    limits.kept_local = in_all / 16;
    limits.per_peer = in_all / 4;
    return limits;
  }
};

// What peers can make the server hold, in bytes of memory, beside what gRPC itself buffers.
struct ByteLimits {
  // A request is taken to need so many times its length once it is parsed, until it is known.
  static constexpr size_t kParsedFactor = 8;
  // What a call takes beside its messages.
  static constexpr size_t kCallBytes = 4 << 10;
  static constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

  size_t in_all = 384u << 20;
  // More than the committer's queues hold, so that these fill first; half stays for others.
  size_t per_peer = 192u << 20;
};

// What gRPC may buffer: messages of which a part has come, and what is being sent. Beyond it gRPC closes idle
// connections, and then cancels calls, whosever they are; but much more slowly than one peer can send (4 GiB were held
// of 16 connections). So it is the last resort, above the bounds of ConnectionLimits.
inline constexpr size_t kTransportBytesMax = 1u << 30;

// Streams of batches.
struct StreamLimits {
  size_t in_all = 256;
  size_t per_peer = 64;
  // Nothing came for so long, and nothing is unanswered.
  absl::Duration idle = absl::Minutes(5);
  // An answer waits for so long to be taken.
  absl::Duration unread = absl::Minutes(1);
  // How often it is looked.
  absl::Duration look_interval = absl::Seconds(5);
};

// All that differs in tests.
struct RpcLimits {
  ConnectionLimits connections;
  ByteLimits bytes;
  StreamLimits streams;
  CallRateLimits rates;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_LIMITS_H_
