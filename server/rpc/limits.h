// What a call or a connection is refused beyond.
#ifndef RETENTION_SERVER_RPC_LIMITS_H_
#define RETENTION_SERVER_RPC_LIMITS_H_

namespace retention {

// Room for the largest PBX that SyncPbx takes (10,000 extensions with every field full are 7 MB), and above the 4 MiB
// of a batch, so that a batch over its limit gets its typed error. Larger messages are refused by gRPC itself.
inline constexpr int kReceiveBytesMax = 8 << 20;
// Calls at a time on one connection: a caller that wants more opens another.
inline constexpr int kCallsPerConnectionMax = 1000;

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_LIMITS_H_
