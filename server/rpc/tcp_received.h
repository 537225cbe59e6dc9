// What the kernel has counted of a TCP connection. In a file of its own: the kernel's header and libc's contradict each
// other.
#ifndef RETENTION_SERVER_RPC_TCP_RECEIVED_H_
#define RETENTION_SERVER_RPC_TCP_RECEIVED_H_

#include <cstdint>

namespace retention {

// Bytes that have come over the socket `fd` since it was connected; 0 if it is none of TCP.
uint64_t BytesReceived(int fd);

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_TCP_RECEIVED_H_
